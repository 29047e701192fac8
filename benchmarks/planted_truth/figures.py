"""The figures of one run: everything the rule reads, so that a verdict can be given at any later time."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from cohorts import PlantedCohort

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.alike import within_class_correlations
from cfdna_interp.attribution.coalition_values import coalition_values
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.dataset import EmbeddedBags
from cfdna_interp.attribution.head_refits import refit_heads
from cfdna_interp.attribution.judge import Ruling, judge
from cfdna_interp.attribution.refit_plan import Refit
from cfdna_interp.attribution.route import subsets_of
from cfdna_interp.config.settings import Validation
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import mean_auroc

FOLDS = 4
# The fewest that a run may have: 5 % is then one of twenty, and no permutation may reach the leader.
BOOTSTRAP, PERMUTATIONS = 20, 19

Figures = dict[str, Any]


def measure(planted: PlantedCohort, seed: int) -> tuple[Figures, CrossFit]:
    """Train, retrain without and with single groups, refit; return the figures and the model's heads."""
    started = time.monotonic()
    cohort, reference = planted.cohort, planted.reference
    cross_fitted, alone, model = {}, {}, None
    for name, present in subsets_of(BAG_GROUPS).items():
        bags = cohort.coalition(present)
        fitted = crossfit(bags, cohort.labels, cohort.codes, folds=FOLDS, rng=stream(seed, "train"))
        logits = fitted.logits(bags).mean(axis=1)
        cross_fitted[name] = mean_auroc(logits, cohort.labels, fitted.fold)
        if len(present) == 1:  # every subject has one sample
            alone[name.removeprefix("model_only_")] = logits
        model = fitted if name == "model" else model
    assert model is not None
    values = coalition_values(cohort, model, reference)
    contributions = Contributions.of_values(values.values, values.reference)
    shares = contributions.shares()
    bootstrap, permuted = (
        [_refit(cohort, reference, Refit(kind, n), seed) for n in range(count)]
        for kind, count in (("bootstrap", BOOTSTRAP), ("permutation", PERMUTATIONS))
    )
    figures = {
        "subjects": len(cohort.samples),
        "share": shares.share.tolist(),
        "covariance": shares.covariance.tolist(),
        "context": float(shares.context),
        "completeness": float(contributions.completeness),
        "cross_fitted": cross_fitted,
        "within_class_correlation": within_class_correlations(alone, cohort.labels, model.fold),
        "performance": contributions.performance(cohort.targets, seed=seed).tolist(),
        "bootstrap": [share for share, _ in bootstrap],
        "permutation": [share for share, _ in permuted],
        "permuted_performance": [performance for _, performance in permuted],
        "seconds": time.monotonic() - started,
    }
    return figures, model


def _refit(
    cohort: EmbeddedBags, reference: torch.Tensor, refit: Refit, seed: int
) -> tuple[list[float], list[float]]:
    """Return (groups,) shares of heads that were fitted again, and what groups contribute, in nats."""
    heads = refit_heads(cohort, refit, folds=FOLDS, seed=seed)
    contributions = heads.contributions(cohort, reference)
    share = contributions.shares(heads.multiplicity).share
    performance = contributions.performance(heads.targets, heads.multiplicity, seed=seed)
    return share.tolist(), performance.tolist()


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
