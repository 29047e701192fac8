"""A `proxy.json` around a regression that a test made."""

from __future__ import annotations

import numpy as np

from cfdna_interp.config.settings import Extract, Features, Reference
from cfdna_interp.proxy.linear import Linear
from cfdna_interp.records.fidelity import Added, Conclusion, ProxyFidelity
from cfdna_interp.records.proxy import (
    ExtractionSettings,
    Frequency,
    NestedCrossValidation,
    Obstacle,
    OuterFold,
    Proxy,
    Regression,
    Stability,
    TrainingDistance,
)
from cfdna_interp.records.values import AurocDifference, Counts, Interval

SETTINGS = ExtractionSettings(
    seed=1, atlas=None, reference=Reference(), extract=Extract(), features=Features()
)
CV = NestedCrossValidation(
    auroc_per_fold=(0.9, 0.95, 0.88, 0.97, 0.92),
    mean=0.924,
    repeats=((OuterFold(auroc=0.9, penalty="l2", C=0.01), OuterFold(auroc=0.95, penalty="l2", C=0.1)),),
    repeat_means=(0.924, 0.931),
    sd_of_repeats=0.005,
)


def fidelity(n: int, conclusion: Conclusion = Conclusion.WITHIN) -> ProxyFidelity:
    """A proxy that follows the model closely; its AUROC is 0.01 lower."""
    return ProxyFidelity(
        n=n,
        pearson=Interval(value=0.91, low=0.86, high=0.94),
        spearman=Interval(value=0.9, low=0.85, high=0.93),
        partial=Interval(value=0.8, low=0.71, high=0.87),
        added=Added(value=0.4, low=-0.2, high=1.0, likelihood_ratio=1.7, p=0.19),
        difference=AurocDifference(
            value=0.01,
            low=-0.02,
            high=0.04,
            low_one_sided=-0.01,
            high_one_sided=0.035,
            p=0.5,
            method="DeLong, paired",
        ),
        margin=0.05,
        conclusion=conclusion,
    )


def regression(linear: Linear, group: str = "g", case: int = 30, control: int = 30) -> Regression:
    """A regression with made-up figures beside it; one feature, the eighth or the last, is stable."""
    names, n = linear.names, len(linear.names)
    stable = names[min(7, n - 1)]
    return Regression(
        group=group,
        n=Counts(case=case, control=control),
        features=linear.coefficients(),
        intercept=linear.intercept,
        C=linear.C,
        recipe=linear.recipe,
        compositions=linear.compositions,
        draws=tuple(map(tuple, linear.draws.tolist())),
        cv=CV,
        stability=Stability(
            pairs=50,
            per_half=5,
            threshold=0.75,
            expected_false=0.7,
            selected=(stable,),
            features=tuple(Frequency(name=name, frequency=0.9 if name == stable else 0.04) for name in names),
        ),
        fidelity=fidelity(case + control),
        training_distance=TrainingDistance(
            mean=(0.0,) * n,
            scale=(1.0,) * n,
            components=(tuple(np.eye(n)[0].tolist()),),
            variances=(1.0,),
            noise=1.0,
            limit=3.0 * n,
        ),
    )


def proxy(linear: Linear | None, obstacle: Obstacle = "no group is dominant", group: str = "g") -> Proxy:
    """A proxy of alignments with default settings; without a regression there is an obstacle."""
    return Proxy(
        regression=None if linear is None else regression(linear, group),
        obstacle=obstacle if linear is None else None,
        training_range={},
        training_levels={},
        settings=SETTINGS,
        simulated=False,
    )
