"""Score one chunk of rows, and measure its inputs and predictions."""
