"""A retrain: new data is looked at, rehearsed, and pinned by one commit, which is released like any other."""
