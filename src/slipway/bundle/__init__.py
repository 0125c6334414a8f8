"""The sealed artifact: `release.json`, digests, signature, archive, verdict. May import storage and reporting."""
