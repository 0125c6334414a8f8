"""The real-time server: MLflow's scoring protocol over one champion, followed without a restart."""
