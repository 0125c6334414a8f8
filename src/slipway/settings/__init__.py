"""`slipway.toml` as one frozen model, and the project's `.slipway/` folder. Can import contract, storage and reporting."""
