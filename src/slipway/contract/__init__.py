"""The model's public interface: its schema, whether a value keeps it, what changed between two."""
