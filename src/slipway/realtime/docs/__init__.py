"""What the server says about its own interface: OpenAPI and a page to try it."""
