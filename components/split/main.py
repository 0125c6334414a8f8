"""Choose the holdout: the rows that judge the model and never train it."""

from slipway.pipeline.component import main
from slipway.steps.split import split

if __name__ == "__main__":
    main(split)
