"""Score the fitted model on rows it has never seen."""

from slipway.pipeline.component import main
from slipway.steps.evaluate import evaluate

if __name__ == "__main__":
    main(evaluate)
