"""The files of a batch job: their location, parts, checkpoints and manifest, and their publication."""
