"""The command line: parses, calls, prints, returns a code. May import every room but steps, statistics and tables."""
