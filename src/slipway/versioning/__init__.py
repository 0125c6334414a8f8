"""Which version a commit is or releases: commit lint, next version, tagging. May import contract, storage and reporting."""
