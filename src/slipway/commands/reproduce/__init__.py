"""Rebuild a release from its tag and its lock, and compare the result with the published bundle."""
