"""The command line as a file that spark-submit can be given, and as ``python -m slipway.cli``."""

from slipway.cli.main import main

main()
