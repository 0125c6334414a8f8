"""The HTTP server of the champion. Can import inference, target, bundle, tables, storage and contract, but nothing that
imports pandas, pyarrow, scikit-learn, MLflow or pydantic."""
