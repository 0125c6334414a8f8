"""Projects of one's own: make one, turn a copy of this repository into one, and keep its managed files current."""
