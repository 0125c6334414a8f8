"""The open inference protocol, version 2: what KServe's and Triton's clients speak."""
