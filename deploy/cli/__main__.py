"""The command line as a file that spark-submit can be given, and as ``python -m deploy.cli``."""

from deploy.cli import main

main()
