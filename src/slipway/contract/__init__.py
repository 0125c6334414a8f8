"""The model's public interface: its schema, validation of values, and compatibility of two versions."""
