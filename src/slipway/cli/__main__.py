"""Run the command line as ``python -m slipway.cli``, and as the file that spark-submit is given."""

from slipway.cli.main import main

main()
