"""The model's public interface: its schema, the metrics of its task, validation of values, and compatibility of versions."""
