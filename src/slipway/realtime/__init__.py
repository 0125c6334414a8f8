"""The HTTP server of the champion. May import inference, target, bundle, tables, storage and contract, and nothing that
brings pandas, pyarrow, scikit-learn, MLflow or pydantic."""
