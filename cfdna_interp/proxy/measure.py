"""Measurements of frozen scores on the held-out subjects, with one score per subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cfdna_interp.artifacts.predictions import SURROGATE
from cfdna_interp.config import Config
from cfdna_interp.proxy.calibration_curve import calibration_curve
from cfdna_interp.proxy.fidelity import fidelity
from cfdna_interp.proxy.repeated import Discovery, Repeated, group_record, repeated_score, score_record
from cfdna_interp.proxy.subgroups import subgroups
from cfdna_interp.proxy.surrogate import surrogate_losses
from cfdna_interp.records.fidelity import ProxyFidelity
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.openings import Opening
from cfdna_interp.records.validation import (
    MAIN,
    Detectable,
    EitherWay,
    HeldoutCalibration,
    HeldoutScore,
    PairedDifference,
    Permutation,
    RepeatedGroup,
    RepeatedScore,
    Sensitivity,
    ValidationResult,
)
from cfdna_interp.records.values import Counts, auroc_of, interval_by, known
from cfdna_interp.stats.calibration import quality
from cfdna_interp.stats.caution import auroc_caution
from cfdna_interp.stats.directionless import directionless
from cfdna_interp.stats.estimates import IntervalEstimate
from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.operating import SPECIFICITIES, operating_point
from cfdna_interp.stats.power import ALPHA, POWER, detectable_auroc, detectable_difference
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import (
    DifferenceEstimate,
    auroc,
    auroc_interval,
    delong,
    paired_difference,
    permutation_p,
)

RETRAINED = "model_without_"
ALONE = "model_only_"
BASELINE = "baseline_"
# It is fitted in discovery. Among other people it may point in the other direction and still predict the
# label.
TECHNICAL = "baseline_technical"
# What is measured of each score and of the cohort, by key in validation.json. The protocol lists it.
METRICS = (
    "auroc",
    "auprc",
    "brier",
    "calibration",
    "at_specificity",
    "permutation",
    "paired",
    "calibration_curve",
    "subgroups",
    "detectable",
    "fidelity",
    "surrogate",
    "repeated",
    "groups",
)


@dataclass(frozen=True, eq=False)
class HeldoutSubjects:
    """The held-out subjects, one row each, in the order of their names.

    Attributes
    ----------
    subjects
        (subjects,) names.
    labels
        (subjects,) 1 case, 0 control.
    batches
        (subjects,) batch, "" if unknown or if a subject's samples are in several.
    scores
        Name of a score -> (subjects,) mean logit over the subject's samples.
    group
        The dominant group, or None.
    covariates
        ``site``, ``sex`` ("" unknown) and ``age`` (NaN unknown) -> (subjects,) values, if the column exists.
    discovery
        Results on the discovery subjects, for comparison.
    """

    subjects: tuple[str, ...]
    labels: np.ndarray
    batches: tuple[str, ...]
    scores: dict[str, np.ndarray]
    group: str | None
    covariates: Mapping[str, Sequence[object]] = field(default_factory=dict)
    discovery: Discovery = field(default_factory=Discovery)

    @property
    def whole(self) -> str:
        """The score that can be retrained: the model, or the surrogate of a model known by its scores."""
        return SURROGATE if SURROGATE in self.scores else "model"


def measure(
    cohort: HeldoutSubjects, config: Config, *, opening: Opening, discovery: Counts, simulated: bool
) -> ValidationResult:
    """Measure the frozen scores with the labels.

    Parameters
    ----------
    cohort
        Held-out subjects with labels and frozen scores; ``model`` is among the scores.
    config
        Seed, and the numbers of permutations and bootstrap draws.
    opening, discovery, simulated
        Further fields of the record: see :class:`ValidationResult`.
    """
    settings = config.validation
    labels = cohort.labels
    case, control = int(labels.sum()), int((labels == 0).sum())
    main = [name for name in MAIN if name in cohort.scores]
    permutation = permutation_p(
        labels,
        cohort.scores["model"],
        settings.permutations,
        stream(config.seed, "validate", "permutation"),
    )
    paired = _paired(cohort, config)
    return ValidationResult(
        n=Counts(case=case, control=control),
        discovery=discovery,
        simulated=simulated,
        opening=opening,
        scores={name: _score(cohort, name, config) for name in cohort.scores},
        permutation=Permutation(score="model", p=permutation, n=settings.permutations),
        paired=paired,
        calibration_curve={name: calibration_curve(labels, cohort.scores[name]) for name in main},
        subgroups={
            name: subgroups(
                labels,
                cohort.scores[name],
                cohort.covariates,
                config.seed,
                ("validate", "subgroup", name),
                settings.bootstrap,
            )
            for name in main
        },
        detectable=Detectable(auroc=detectable_auroc(case, control), power=POWER, alpha=ALPHA),
        fidelity=_fidelity(cohort, config),
        surrogate=surrogate_losses(labels, cohort.scores, seed=config.seed, bootstrap=settings.bootstrap),
        repeated=_repeated(cohort, config),
        groups=_groups(cohort, paired, config),
    )


def families(scores: Sequence[str], group: str | None) -> list[list[tuple[str, str]]]:
    """Return the pairs to compare, by family. p values are adjusted within a family.

    One family compares the model, or its surrogate if only scores are known, with itself retrained without
    each group. One compares the model with the proxy. Others compare the proxy, and the model, with each
    baseline except that of the dominant ``group``, which is the proxy itself.
    """
    whole = SURROGATE if SURROGATE in scores else "model"
    retrained = [(whole, name) for name in scores if name.startswith(RETRAINED)]
    baselines = [name for name in scores if name.startswith(BASELINE)]
    if "proxy" not in scores:
        return [retrained, [("model", name) for name in baselines]]
    others = [name for name in baselines if name != BASELINE + str(group)]
    return [
        retrained,
        [("model", "proxy")],
        [("proxy", name) for name in others],
        [("model", name) for name in others],
    ]


def _score(cohort: HeldoutSubjects, name: str, config: Config) -> HeldoutScore:
    labels, values = cohort.labels, cohort.scores[name]
    bootstrap = config.validation.bootstrap
    interval = auroc_interval(labels, values, stream(config.seed, "validate", "auroc", name), bootstrap)
    beyond = quality(labels, values)
    return HeldoutScore(
        auroc=auroc_of(interval),
        auroc_caution=auroc_caution(int(labels.sum()), int((labels == 0).sum()), interval.value),
        auprc=beyond.auprc,
        brier=beyond.brier,
        calibration=HeldoutCalibration(
            slope=interval_by(beyond.calibration.slope),
            intercept=interval_by(beyond.calibration.intercept),
            in_the_large=interval_by(beyond.calibration.in_the_large),
        ),
        at_specificity=tuple(
            _sensitivity(
                labels,
                values,
                specificity,
                stream(config.seed, "validate", "specificity", str(specificity), name),
                bootstrap,
            )
            for specificity in SPECIFICITIES
        ),
        directionless=_either_way(cohort, interval, config) if name == TECHNICAL else None,
    )


def _sensitivity(
    labels: np.ndarray, values: np.ndarray, specificity: float, rng: np.random.Generator, bootstrap: int
) -> Sensitivity:
    point = operating_point(labels, values, specificity, rng, bootstrap)
    few = Missing(why=Cause.FEW_CONTROLS, seen=point.controls, needed=point.needed)
    return Sensitivity(
        specificity=point.specificity,
        threshold=point.threshold,
        specificity_seen=point.specificity_seen,
        sensitivity=None if point.sensitivity is None else interval_by(point.sensitivity),
        missing=few if point.threshold is None else None,
    )


def _either_way(cohort: HeldoutSubjects, interval: IntervalEstimate, config: Config) -> EitherWay:
    """Return the AUROC of technical columns without its direction."""
    rng = stream(config.seed, "validate", "directionless", TECHNICAL)
    labels, values = cohort.labels, cohort.scores[TECHNICAL]
    turned = directionless(labels, values, interval, config.validation.permutations, rng)
    return EitherWay(
        value=turned.value,
        low=known(turned.low),
        high=known(turned.high),
        turned=turned.turned,
        null_high=turned.null_high,
        p=turned.p,
    )


def _paired(cohort: HeldoutSubjects, config: Config) -> tuple[PairedDifference, ...]:
    rows = []
    for pairs in families(list(cohort.scores), cohort.group):
        differences = [
            paired_difference(
                cohort.labels,
                cohort.scores[a],
                _compared(cohort, b),
                stream(config.seed, "validate", "paired", a, b),
                config.validation.bootstrap,
            )
            for a, b in pairs
        ]
        adjusted = holm([difference.p for difference in differences])
        for (a, b), difference, p_holm in zip(pairs, differences, adjusted, strict=True):
            rows.append(
                PairedDifference(
                    value=difference.difference,
                    low=difference.low,
                    high=difference.high,
                    low_one_sided=difference.low_one_sided,
                    high_one_sided=difference.high_one_sided,
                    p=difference.p,
                    method=difference.method,
                    a=a,
                    b=b,
                    p_holm=float(p_holm),
                    better=_better(difference, float(p_holm), a, b),
                    turned=_turned(cohort, b),
                    detectable=_detectable(cohort, a, b),
                )
            )
    return tuple(rows)


def _better(difference: DifferenceEstimate, p_holm: float, a: str, b: str) -> str:
    """Return which of two scores is significantly better, or "" if neither is."""
    if p_holm > ALPHA or difference.difference == 0:
        return ""
    return a if difference.difference > 0 else b


def _turned(cohort: HeldoutSubjects, score: str) -> bool:
    """Return whether a score without a given direction is lower in cases."""
    return score == TECHNICAL and auroc(cohort.labels, cohort.scores[score]) < 0.5


def _compared(cohort: HeldoutSubjects, score: str) -> np.ndarray:
    """Return a score for comparison; technical columns in the direction of the larger AUROC."""
    return -cohort.scores[score] if _turned(cohort, score) else cohort.scores[score]


def _repeated(cohort: HeldoutSubjects, config: Config) -> dict[str, RepeatedScore]:
    """Return the model (or its surrogate) and the proxy in both roles."""
    scores = {cohort.whole: "model", "proxy": "proxy"}
    return {
        score: score_record(_in_both(cohort, score, reached, config), config.validation.signal_ceiling)
        for score, reached in scores.items()
        if score in cohort.scores and reached in cohort.discovery.reached
    }


def _groups(
    cohort: HeldoutSubjects, paired: Sequence[PairedDifference], config: Config
) -> dict[str, RepeatedGroup]:
    """Return each group in both roles: its AUROC alone, and the cost of leaving it out."""
    pairs = {pair.b: pair for pair in paired}
    return {
        group: group_record(
            _in_both(cohort, ALONE + group, ALONE + group, config),
            config.validation.signal_ceiling,
            role,
            cohort.discovery.costs[group],
            pairs[RETRAINED + group],
        )
        for group, role in cohort.discovery.roles.items()
    }


def _in_both(cohort: HeldoutSubjects, score: str, reached: str, config: Config) -> Repeated:
    rngs = (
        stream(config.seed, "validate", "discovery", score),
        stream(config.seed, "validate", "auroc", score),
    )
    return repeated_score(
        cohort.discovery, reached, cohort.labels, cohort.scores[score], rngs, config.validation.bootstrap
    )


def _fidelity(cohort: HeldoutSubjects, config: Config) -> ProxyFidelity | None:
    if "proxy" not in cohort.scores:
        return None
    return fidelity(
        cohort.labels,
        cohort.scores["model"],
        cohort.scores["proxy"],
        stream(config.seed, "validate", "fidelity"),
        margin=config.validation.sufficiency_margin,
        bootstrap=config.validation.bootstrap,
    )


def _detectable(cohort: HeldoutSubjects, a: str, b: str) -> float | None:
    """Return the smallest difference found with a power of 80 %, or None if the scores never disagree."""
    if min(cohort.labels.sum(), (cohort.labels == 0).sum()) < 2:
        return None
    _, covariance = delong(cohort.labels, np.stack([cohort.scores[a], _compared(cohort, b)]))
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    # Terms that cancel leave a small rounding error.
    return detectable_difference(variance**0.5) if variance > 1e-12 else None
