"""Made-up parts of `audit.json`: nothing was found, both claims are earned, unless said otherwise."""

from __future__ import annotations

from typing import Any

import msgspec
from made_validation import FIRST

from cfdna_interp.records.audit import (
    AdjustedEffects,
    Audit,
    Baseline,
    DepthCorrelations,
    DepthMatched,
    LeaveOneSiteOut,
    Overlap,
    Places,
    RoleShift,
)
from cfdna_interp.records.held import (
    ClaimStatus,
    ColumnObstacle,
    FallInterval,
    HeldClaim,
    HeldColumn,
    HeldMeasure,
)
from cfdna_interp.records.leaks import (
    Break,
    LabelSource,
    Leak,
    Leakage,
    MoleculePair,
    SharedMolecules,
    SimilarPair,
    SimilarSamples,
    SourceKind,
    WithoutLeaks,
)
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.values import Auroc, Counts

NO_INPUT = Missing(why=Cause.NO_INPUT)
FEW_SITES = Missing(why=Cause.FEW_SITES, seen=2, needed=3)
MEASURE = HeldMeasure(
    auroc=Auroc(value=0.85, low=0.8, high=0.9, method="made up"),
    crude=0.9,
    fall=FallInterval(value=0.05, low=0.0, high=0.1, high_one_sided=0.09),
    case=20,
    control=20,
    strata=2,
    worth=20.0,
)


def auroc(value: float, low: float | None = None, high: float | None = None, method: str = "DeLong") -> Auroc:
    """An AUROC, with an interval of .05 to both sides unless said otherwise."""
    return Auroc(
        value=value,
        low=value - 0.05 if low is None else low,
        high=value + 0.05 if high is None else high,
        method=method,
    )


def column(name: str, obstacle: ColumnObstacle | None = None) -> HeldColumn:
    return HeldColumn(name=name, p=0.1, p_holm=0.1, terms=0 if obstacle else 1, obstacle=obstacle)


PERSON = (ClaimStatus.NOT_PERSON, ClaimStatus.CONFOUNDED, ClaimStatus.NOT_RECORDED)


def claim(status: str = "not handling", columns: tuple[HeldColumn, ...] = (), **changes: Any) -> HeldClaim:
    made = HeldClaim(
        question="person" if ClaimStatus(status) in PERSON else "handling",
        score="proxy",
        status=ClaimStatus(status),
        obstacles=(),
        subjects_needed=None,
        crude=0.9,
        measure=MEASURE,
        place=None,
        sites_differ=None,
        columns=columns,
        mediators=(),
        not_recorded=(),
        alone=None,
    )
    return msgspec.structs.replace(made, **changes)


def source(name: str = "order of the rows", **changes: Any) -> LabelSource:
    """A source that tells the held-out label."""
    made = LabelSource(
        role="heldout",
        kind=SourceKind.ORDER,
        source=name,
        column="",
        inputs=False,
        auroc=1.0,
        chance=0.55,
        p=0.001,
        p_holm=0.002,
        tells=True,
        subjects=80,
    )
    return msgspec.structs.replace(made, **changes)


def broken(kind: Leak | str, subjects: int, **more: Any) -> Break:
    return Break(kind=Leak(kind), subjects=subjects, of=80, **more)


def twins(a: str, b: str, roles: tuple[Any, Any] = ("discovery", "heldout")) -> SimilarPair:
    return SimilarPair(a=a, b=b, roles=roles, ratio=0.1, q=0.001, group="")


def molecules(a: str, b: str, roles: tuple[Any, Any] = ("discovery", "heldout")) -> MoleculePair:
    return MoleculePair(a=a, b=b, roles=roles, share=0.3, p=0.001)


def without(left_out: int, n: int, scores: dict[str, Auroc], missing: Missing | None = None) -> WithoutLeaks:
    return WithoutLeaks(left_out=left_out, n=Counts(case=n, control=n), scores=scores, missing=missing)


def leakage(
    *,
    near: tuple[SimilarPair, ...] = (),
    near_missing: Missing | None = None,
    shared: tuple[MoleculePair, ...] = (),
    shared_missing: Missing | None = None,
    **changes: Any,
) -> Leakage:
    made = Leakage(
        shared_subjects=(),
        near_duplicates=SimilarSamples(
            pairs=near, dimension=30.0, samples=160, missing=near_missing, searched=()
        ),
        shared_fragments=SharedMolecules(pairs=shared, expected=0.0, samples=160, missing=shared_missing),
        readable_labels=(),
        read_names="not stored",
        breaks=(),
        followed=(),
        without=None,
    )
    return msgspec.structs.replace(made, **changes)


def shift(**changes: Any) -> RoleShift:
    made = RoleShift(auroc=0.54, chance=0.5, p=0.4, discovery=40, heldout=40, features=(), missing=None)
    return msgspec.structs.replace(made, **changes)


def weights(**changes: Any) -> Overlap:
    """Weights for overlap in handling that there is enough of."""
    made = Overlap(
        value=0.88,
        low=0.8,
        high=0.94,
        effective_case=36.1,
        effective_control=34.9,
        outside=0.05,
        imbalance=0.5,
        imbalance_weighted=0.08,
        terms=("technical_gc", "site=Bergen"),
        missing=None,
    )
    return msgspec.structs.replace(made, **changes)


def matched(**changes: Any) -> DepthMatched:
    made = DepthMatched(
        value=0.86, low=0.77, high=0.93, pairs=35, depth_before=0.62, depth_after=0.5, missing=None
    )
    return msgspec.structs.replace(made, **changes)


def left_out(missing: Missing | None = FEW_SITES, **changes: Any) -> LeaveOneSiteOut:
    made = LeaveOneSiteOut(value=None, low=None, high=None, groups=(), method="", sites=(), missing=missing)
    return msgspec.structs.replace(made, **changes)


def baseline(reached: Auroc | None, missing: Missing | None = None, **changes: Any) -> Baseline:
    return msgspec.structs.replace(Baseline(auroc=reached, missing=missing, directionless=None), **changes)


def audit(**changes: Any) -> Audit:
    made = Audit(
        opening=FIRST,
        technical=baseline(auroc(0.5)),
        covariates=baseline(None, NO_INPUT),
        adjusted=AdjustedEffects(effects=(), robust=(), errors="", missing=NO_INPUT),
        depth=DepthCorrelations(correlations=(), missing=Missing(why=Cause.NO_DEPTH)),
        depth_matched=matched(),
        batch_from_groups={},
        within_strata=MEASURE,
        strata=Places(finest="batch", nested=False, coarse=0.0, count=4, mixed=3),
        overlap_weighted=weights(),
        leave_one_site_out=left_out(),
        shift=shift(),
        leakage=leakage(),
        missing=(),
        handling=claim("not handling"),
        person=claim("not age or sex", (column("age"), column("sex"))),
    )
    return msgspec.structs.replace(made, **changes)
