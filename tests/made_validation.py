"""A `validation.json` and a `protocol.json` of figures that a test chose."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from cfdna_interp.config import Config
from cfdna_interp.proxy.measure import METRICS
from cfdna_interp.records.dominance import Role
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.openings import nth_opening
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.validation import (
    MAIN,
    Cost,
    Detectable,
    HeldoutCalibration,
    HeldoutScore,
    InBothRoles,
    PairedDifference,
    Permutation,
    RepeatedGroup,
    RepeatedScore,
    Repetition,
    SmoothCurve,
    ValidationResult,
)
from cfdna_interp.records.values import Auroc, Counts, Interval, IntervalBy

FIRST = nth_opening(1, 1, "0" * 64)
SECOND = nth_opening(2, 2, "1" * 64, ("seed",))


def counts(case: int = 40, control: int = 40) -> Counts:
    return Counts(case=case, control=control)


def interval(value: float | None, low: float | None, high: float | None) -> Interval:
    return Interval(value=value, low=low, high=high)


def auroc(
    value: float = 0.9, low: float | None = 0.83, high: float | None = 0.95, method: str = "made up"
) -> Auroc:
    return Auroc(value=value, low=low, high=high, method=method)


def by(value: float | None, low: float | None, high: float | None, method: str = "Wald") -> IntervalBy:
    return IntervalBy(value=value, low=low, high=high, method=method)


def calibration(
    slope: IntervalBy | None = None, in_the_large: IntervalBy | None = None
) -> HeldoutCalibration:
    zero = by(0.0, -0.3, 0.3)
    return HeldoutCalibration(
        slope=slope or by(1.0, 0.7, 1.3), intercept=zero, in_the_large=in_the_large or zero
    )


def score(area: Auroc | None = None, **changes: Any) -> HeldoutScore:
    """A score that is well calibrated."""
    made = HeldoutScore(
        auroc=area or auroc(),
        auroc_caution="",
        auprc=0.9,
        brier=0.1,
        calibration=calibration(),
        at_specificity=(),
        directionless=None,
    )
    return replace(made, **changes)


def pair(a: str, b: str, value: float, low: float, high: float, **changes: Any) -> PairedDifference:
    """A difference that is not shown; one-sided bounds are the two-sided ones."""
    made = PairedDifference(
        value=value,
        low=low,
        high=high,
        low_one_sided=low,
        high_one_sided=high,
        p=0.5,
        method="made up",
        a=a,
        b=b,
        p_holm=0.5,
        better="",
        turned=False,
        detectable=0.05,
    )
    return replace(made, **changes)


def both_roles(
    discovery: Auroc | None = None, heldout: Auroc | None = None, fall: Interval | None = None, p: float = 0.8
) -> InBothRoles:
    return InBothRoles(
        discovery=discovery or auroc(),
        heldout=heldout or auroc(),
        fall=fall or interval(0.0, -0.05, 0.05),
        p=p,
    )


def repeated(roles: InBothRoles, word: Repetition) -> RepeatedScore:
    return RepeatedScore(
        discovery=roles.discovery, heldout=roles.heldout, fall=roles.fall, p=roles.p, word=word
    )


def group(
    word: Repetition,
    roles: InBothRoles | None = None,
    cost: Interval | None = None,
    *,
    role: Role = "carrier",
    better_without: bool = False,
) -> RepeatedGroup:
    return RepeatedGroup(
        role=role,
        alone=roles or both_roles(),
        cost=Cost(discovery=0.1, heldout=cost or interval(0.1, 0.05, 0.15)),
        better_without=better_without,
        word=word,
    )


FEW = Missing(why=Cause.FEW_OF_A_CLASS, needed=15)


def curve(missing: Missing | None = FEW, **changes: Any) -> SmoothCurve:
    """No curve, with what is in its way."""
    return replace(
        SmoothCurve(predicted=(), observed=(), low=(), high=(), method="", missing=missing), **changes
    )


def validation(**changes: Any) -> ValidationResult:
    """A cohort of 40 cases and 40 controls in both roles with a model that holds; nothing is compared."""
    scores = changes.get("scores", {"model": score()})
    main = [name for name in MAIN if name in scores]
    made = ValidationResult(
        n=counts(),
        discovery=counts(),
        simulated=False,
        opening=FIRST,
        scores=scores,
        permutation=Permutation(score="model", p=0.001, n=999),
        paired=(),
        calibration_curve={name: curve() for name in main},
        subgroups={name: () for name in main},
        detectable=Detectable(auroc=0.68, power=0.8, alpha=0.05),
        fidelity=None,
        surrogate=None,
        repeated={},
        groups={},
    )
    return replace(made, **changes)


def protocol(**changes: Any) -> FrozenProtocol:
    """A protocol of default settings in which nothing was left out."""
    settings = Config("out")
    made = FrozenProtocol(
        software="0",
        seed=settings.seed,
        outcome="dominant",
        group="fragment_length",
        groups=("fragment_length", "methylation", "tissue_of_origin"),
        features={},
        absent={},
        left_out={},
        corrected=settings.corrected,
        metrics=METRICS,
        margins=settings.validation,
        mediators=(),
        priority=(),
        proxy=settings.proxy,
        discovery=counts(),
        simulated=False,
        digests={},
    )
    return replace(made, **changes)
