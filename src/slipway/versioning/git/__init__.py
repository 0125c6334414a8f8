"""Git as versioning uses it: commands, checkouts, the remote, scratch clones."""
