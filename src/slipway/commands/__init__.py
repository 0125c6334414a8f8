"""Jobs that join several rooms, one file for each. May import every room below but batch, realtime, steps and inference."""
