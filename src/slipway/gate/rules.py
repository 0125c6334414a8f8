"""Every rule of the gate: what sets it, what it refuses and why it exists, for `slipway gate --explain` and the docs."""

from __future__ import annotations

from typing import NamedTuple


class Explained(NamedTuple):
    """A rule or a family of rules; in its name, words in capitals stand for what the rule is about."""

    rule: str
    setting: str
    refuses: str
    why: str

    @property
    def family(self) -> str:
        """The name without the words in capitals, which switches off the whole family."""
        return ".".join(word for word in self.rule.split(".") if not word.isupper())


RULES = (
    Explained(
        "holdout.rows",
        "minimum_holdout_rows",
        "A holdout with fewer rows than the setting.",
        "Of a few rows nothing can be said, and a filter that went wrong leaves few.",
    ),
    Explained(
        "holdout.answers",
        "",
        "A row whose answer is no finite number, or no probabilities between 0 and 1 that add up to one.",
        "A caller would get that answer.",
    ),
    Explained(
        "holdout.nulls.COLUMN",
        "",
        "An input that is null in every row of the holdout.",
        "A feed that has died is told by nothing else: the model does without, and no score says what it does when "
        "the feed comes back.",
    ),
    Explained(
        "holdout.shared",
        "",
        "A holdout row that is among the training rows, equal in every column.",
        "A model knows by heart what it was trained on. Each way of splitting puts equal rows on one side, so one row "
        "on both sides is a split that went wrong.",
    ),
    Explained(
        "floor.METRIC",
        "floors",
        "A metric below its floor. Where no floor (for errors: no ceiling) is set, a first metric that is no better "
        "than one and the same answer to every row.",
        "It is the least that callers were promised.",
    ),
    Explained(
        "ceiling.METRIC",
        "ceilings",
        "A metric above its ceiling.",
        "Too good to be true is more often a leaked column than a triumph. For errors it is the most that is allowed.",
    ),
    Explained(
        "calibration",
        "maximum_calibration_error",
        "Probabilities whose calibration error is above the setting with the whole 95 % interval of the block "
        "bootstrap, or above twice the setting whatever the interval. A regression has none.",
        "Who multiplies a probability by a cost needs it to be one, and ROC AUC does not move when all are wrong.",
    ),
    Explained(
        "slice_floor.COLUMN.VALUE.METRIC",
        "slice_floors",
        "A slice below its floor. Slices with too few rows are named in `slice_floor.COLUMN`, not judged.",
        "A good average hides a bad part.",
    ),
    Explained(
        "slice_ceiling.COLUMN.VALUE.METRIC",
        "slice_ceilings",
        "A slice above its ceiling.",
        "A column may leak for a part of the rows only.",
    ),
    Explained(
        "scores",
        "",
        "A metric that `metrics.json` or the run does not report, or reports otherwise than the gate finds it.",
        "What people read must be what is served; a metric that is missing or NaN must not pass for a good one.",
    ),
    Explained(
        "bundle.size",
        "maximum_bundle_mb",
        "More megabytes than the setting.",
        "Every host that serves fetches them, and every rollout copies them.",
    ),
    Explained(
        "proof",
        "",
        "A compiled model without a proof, of these very bytes, that it agrees with scikit-learn.",
        "What is served is the compiled model, and what differs on rows that the holdout lacks is seen by nothing else.",
    ),
    Explained(
        "comparable",
        "incomparable",
        "A champion that is no measure: it saw rows of the holdout in training, or cannot answer them. The setting "
        "allows one champion after a review.",
        "Beside one that knows the holdout by heart, every honest model is worse.",
    ),
    Explained(
        "truth.COLUMN.VALUE",
        "slices",
        "Rows of which the champion is wrong with certainty: its ROC AUC lies below 0.5 with the whole 95 % interval. "
        "`truth` is the whole holdout, the rest its slices. A regression has none.",
        "The world drifts towards chance, not beyond it: a target that turned round was written down wrongly, and a "
        "new model learns the mistake as well as it learned the truth.",
    ),
    Explained(
        "champion.METRIC",
        "margin",
        "A candidate worse than the champion: by more than the margin with the whole 95 % interval of the paired block "
        "bootstrap below zero, or by more than twice the margin whatever the interval.",
        "A release must not be a step back. The interval alone would refuse trifles on a large holdout, the margin "
        "alone noise on a small one.",
    ),
    Explained(
        "slice.COLUMN.VALUE",
        "slice_margin",
        "The same for one slice, with its own margin. Slices with too few rows, or without a row of some class, are "
        "not judged.",
        "The average may gain while some callers lose.",
    ),
    Explained(
        "recent.METRIC",
        "margin",
        "A candidate worse than the best of the last three champions. One that is no measure is named in `recent`, not "
        "judged.",
        "Else quality could fall by one margin at each release.",
    ),
)
OFF = Explained(
    "off",
    "off",
    "Nothing: it names what `gate.off` switches off in vain.",
    "A slip there is as bad as a rule that does not hold.",
)


def explanation_of(rule: str) -> Explained:
    """The explanation of a rule in a verdict.

    Raises:
        KeyError: there is no such rule.
    """
    for explained in (*RULES, OFF):
        if rule == explained.family or rule.startswith(f"{explained.family}."):
            return explained
    raise KeyError(rule)
