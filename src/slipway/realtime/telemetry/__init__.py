"""What the server tells of itself: metrics, access log, logged predictions."""
