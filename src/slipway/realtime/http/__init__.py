"""The server itself: processes, routes, admission, bodies. May import the other folders of `realtime`."""
