"""The server itself: processes, routes, admission, request bodies. Can import the other folders of `realtime`."""
