"""The pipeline's use of MLflow: the store, the runs, and removing old runs."""
