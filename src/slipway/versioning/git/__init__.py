"""Git operations for versioning: commands, checkouts, the remote, scratch clones."""
