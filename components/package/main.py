"""Compile the fitted model, prove it equal, and wrap it as an MLflow model."""

from slipway.pipeline.component import main
from slipway.steps.package import package

if __name__ == "__main__":
    main(package)
