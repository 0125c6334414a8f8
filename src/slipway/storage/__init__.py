"""Atomic writes, file locks, digests, archives and rotating files."""
