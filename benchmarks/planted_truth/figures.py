"""The figures of one run: everything the rule reads, so that a verdict can be given at any later time."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from cohorts import PlantedCohort

from cfdna_interp.attribution.alike import within_class_correlations
from cfdna_interp.attribution.coalitions import coalition_values, performance_of, shares_of
from cfdna_interp.attribution.judge import Ruling, judge
from cfdna_interp.attribution.nulls import refit_figures
from cfdna_interp.attribution.refit_plan import Refit
from cfdna_interp.attribution.retraining import fold_auroc, subsets
from cfdna_interp.config.settings import Validation
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.stats.resampling import stream

FOLDS = 4
# The fewest that a run may have: 5 % is then one of twenty, and no permutation may reach the leader.
BOOTSTRAP, PERMUTATIONS = 20, 19

Figures = dict[str, Any]


def measure(planted: PlantedCohort, seed: int) -> tuple[Figures, CrossFit]:
    """Train, retrain without and with single groups, refit; return the figures and the model's heads."""
    started = time.monotonic()
    cohort, reference = planted.cohort, planted.reference
    cross_fitted, alone, model = {}, {}, None
    for name, present in subsets().items():
        bags = cohort.coalition(present)
        fitted = crossfit(bags, cohort.labels, cohort.codes, folds=FOLDS, rng=stream(seed, "train"))
        logits = fitted.logits(bags).mean(axis=1)
        cross_fitted[name] = fold_auroc(fitted, cohort, logits)
        if sum(present) == 1:  # every subject has one sample
            alone[name.removeprefix("model_only_")] = logits
        model = fitted if name == "model" else model
    assert model is not None
    values = coalition_values(cohort, model, reference)
    shares = shares_of(values.values, values.reference)
    bootstrap, permuted = (
        [refit_figures(cohort, reference, Refit(kind, n), folds=FOLDS, seed=seed) for n in range(count)]
        for kind, count in (("bootstrap", BOOTSTRAP), ("permutation", PERMUTATIONS))
    )
    people = values.values.mean(axis=2)
    figures = {
        "subjects": len(cohort.samples),
        "share": shares.share.tolist(),
        "covariance": shares.covariance.tolist(),
        "context": shares.context,
        "completeness": shares.completeness,
        "cross_fitted": cross_fitted,
        "within_class_correlation": within_class_correlations(alone, cohort.labels, model.fold),
        "performance": performance_of(people, cohort.targets, np.ones((1, len(people))))[0].tolist(),
        "bootstrap": [refit.shares.share.tolist() for refit in bootstrap],
        "permutation": [refit.shares.share.tolist() for refit in permuted],
        "permuted_performance": [refit.performance.tolist() for refit in permuted],
        "seconds": time.monotonic() - started,
    }
    return figures, model


def verdict(figures: Figures) -> Ruling:
    """Apply the rule, with the margins a run has by default."""
    margins = Validation()
    return judge(
        share=np.array(figures["share"]),
        covariance=np.array(figures["covariance"]),
        bootstrap=np.array(figures["bootstrap"]),
        permuted=np.array(figures["permutation"]),
        performance=np.array(figures["performance"]),
        permuted_performance=np.array(figures["permuted_performance"]),
        context=figures["context"],
        subjects=figures["subjects"],
        cross_fitted=figures["cross_fitted"],
        necessity_margin=margins.necessity_margin,
        replaceable_margin=margins.replaceable_margin,
        signal_ceiling=margins.signal_ceiling,
        alike={
            (first, second): value
            for pair, value in figures["within_class_correlation"].items()
            for first, second in [pair.split(":")]
        },
    )
