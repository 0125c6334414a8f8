"""The two inference protocols: decoding requests and encoding responses. Imports nothing else from `realtime`."""
