"""Define the commands about components in a separate repository."""
