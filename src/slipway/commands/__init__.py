"""Commands that combine several rooms. May import every room below but batch, realtime, steps and inference."""
