"""Versions: which commits release what, the version step, its preview, and the package that is built at a tag."""
