"""Fit the estimator that the settings name."""

from slipway.pipeline.component import main
from slipway.steps.train import train

if __name__ == "__main__":
    main(train)
