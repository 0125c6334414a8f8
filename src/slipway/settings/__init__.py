"""`slipway.toml` as one frozen model, and the project's `.slipway/` folder. May import contract, storage and reporting."""
