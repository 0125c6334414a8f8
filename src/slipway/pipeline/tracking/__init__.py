"""MLflow as the pipeline uses it: the store, the runs, and which of them may go."""
