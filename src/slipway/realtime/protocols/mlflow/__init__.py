"""MLflow's scoring protocol: JSON in four forms, and CSV."""
