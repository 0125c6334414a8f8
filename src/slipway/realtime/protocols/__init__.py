"""What a request and an answer say, whatever carries them. Imports nothing else of `realtime`."""
