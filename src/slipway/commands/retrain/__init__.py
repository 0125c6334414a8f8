"""`slipway retrain`: new data looked at, rehearsed, pinned by one commit."""
