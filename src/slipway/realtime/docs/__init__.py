"""The server's description of its own interface: the OpenAPI document and the page at /docs."""
