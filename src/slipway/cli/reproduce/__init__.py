"""Verbs that rebuild releases: for a person, and for reproduce.yml."""
