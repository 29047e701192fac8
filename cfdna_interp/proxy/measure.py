"""What the held-out labels say about frozen scores: one score per subject, one number after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cfdna_interp.config import Config
from cfdna_interp.stats.calibration import quality
from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import auroc, auroc_interval, paired_difference, permutation_p
from cfdna_interp.stats.strata import PER_CLASS, within_batch

NESTED = "no batch holds both classes"
RETRAINED = "model_without_"
BASELINE = "baseline_"


@dataclass(frozen=True, eq=False)
class Cohort:
    """The held-out subjects, one row each, in the order of their names.

    Attributes
    ----------
    subjects
        (subjects,) names.
    labels
        (subjects,) 1 case, 0 control.
    batches
        (subjects,) batch, "" where unknown or where a subject's samples lie in several.
    scores
        Name of a score -> (subjects,) mean logit over the subject's samples.
    group
        The dominant group, None where there is none.
    """

    subjects: tuple[str, ...]
    labels: np.ndarray
    batches: tuple[str, ...]
    scores: dict[str, np.ndarray]
    group: str | None


def measure(cohort: Cohort, config: Config) -> dict[str, Any]:
    """Return the numbers of ``validation.json`` that the labels decide.

    Parameters
    ----------
    cohort
        Held-out subjects with labels and frozen scores; ``model`` is among the scores.
    config
        Seed, and numbers of permutations and bootstrap draws.
    """
    settings = config.validation
    labels = cohort.labels
    results: dict[str, Any] = {}
    for name, values in cohort.scores.items():
        rng = stream(config.seed, "validate", "auroc", name)
        interval = auroc_interval(labels, values, rng, settings.bootstrap)
        results[name] = {"auroc": asdict(interval), **asdict(quality(labels, values))}
    permutation = permutation_p(
        labels,
        cohort.scores["model"],
        settings.permutations,
        stream(config.seed, "validate", "permutation"),
    )
    return {
        "n": {"case": int(labels.sum()), "control": int((labels == 0).sum())},
        "scores": results,
        "permutation": {"score": "model", "p": permutation, "n": settings.permutations},
        "paired": _paired(cohort, config),
        "within_batch": {
            name: _within(cohort, name, config) for name in ("model", "proxy") if name in cohort.scores
        },
    }


def families(scores: Sequence[str], group: str | None) -> list[list[tuple[str, str]]]:
    """Return the pairs to compare, by family; p values are adjusted inside a family.

    The model against itself retrained without each group; the model against the proxy; the proxy
    against each baseline but that of the dominant ``group``, which is the proxy itself.
    """
    retrained = [("model", name) for name in scores if name.startswith(RETRAINED)]
    if "proxy" not in scores:
        return [retrained]
    return [
        retrained,
        [("model", "proxy")],
        [("proxy", name) for name in scores if name.startswith(BASELINE) and name != BASELINE + str(group)],
    ]


def _paired(cohort: Cohort, config: Config) -> list[dict[str, Any]]:
    rows = []
    for pairs in families(list(cohort.scores), cohort.group):
        differences = [
            paired_difference(
                cohort.labels,
                cohort.scores[a],
                cohort.scores[b],
                stream(config.seed, "validate", "paired", a, b),
                config.validation.bootstrap,
            )
            for a, b in pairs
        ]
        adjusted = holm([difference.p for difference in differences])
        for (a, b), difference, p_holm in zip(pairs, differences, adjusted, strict=True):
            rows.append({"a": a, "b": b, **asdict(difference), "p_holm": float(p_holm)})
    return rows


def _within(cohort: Cohort, score: str, config: Config) -> dict[str, Any]:
    values = cohort.scores[score]
    crude = auroc(cohort.labels, values)
    rng = stream(config.seed, "validate", "within", score)
    within = within_batch(cohort.labels, values, cohort.batches, rng, config.validation.bootstrap)
    if within is None:
        return {"value": None, "reason": _why_not_within(cohort), "crude": crude}
    return {
        **asdict(within.interval),
        "batches": [asdict(batch) for batch in within.batches],
        "crude": crude,
    }


def _why_not_within(cohort: Cohort) -> str:
    names = set(cohort.batches) - {""}
    if not names:
        return "the sheet names neither batch nor site"
    batches = np.array(cohort.batches)
    if all(len(np.unique(cohort.labels[batches == name])) == 1 for name in names):
        return NESTED
    return f"no batch holds {PER_CLASS} cases and {PER_CLASS} controls"
