"""`slipway retrain`: validate new data, do a trial run on it, and commit the new data pin."""
