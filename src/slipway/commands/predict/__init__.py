"""`slipway predict`: read a few rows from the command line, predict them, and describe the predictions."""
