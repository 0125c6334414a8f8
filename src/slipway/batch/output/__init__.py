"""What a batch job leaves behind: its location, its parts and checkpoints, its manifest, its publication."""
