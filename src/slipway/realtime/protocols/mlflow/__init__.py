"""MLflow's scoring protocol: JSON in three forms, and CSV."""
