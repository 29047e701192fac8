"""Made-up records of what the embeddings hold, as the stages write them: length is used, the rest is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from msgspec.structs import replace

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.records.base import save_record
from cfdna_interp.records.dictionary import DictionaryControls, DictionaryQuality, SparseDictionary
from cfdna_interp.records.funnel import (
    NO_CARRIER,
    UNEXPLAINED,
    UNNAMED,
    CarrierCount,
    CurveCoverage,
    CurveCoverages,
    FeatureFunnel,
    FeaturePartners,
    FeatureProfile,
    FunnelStep,
    MatchedShare,
    PermutedCounts,
    SeedCounts,
    Survivor,
)
from cfdna_interp.records.geometry import (
    BendCurvature,
    BendFinding,
    CurveArc,
    CurveBend,
    CurvePeriod,
    CurveVariance,
    Geometry,
    LengthCurve,
    NullVariance,
    PeriodFinding,
    Steering,
    SteeringPath,
)
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.probes import ConceptProbe, Erasure, NotProbed, ProbeFinding, Probes, Status
from cfdna_interp.records.values import KnownInterval

BEND = 171  # bp; where the made-up curve turns
RADIUS = 25.0  # bp; of its arc
FRAGMENTS = 60_000
LENGTH = "fragment_length"


def interval(value: float, half: float) -> KnownInterval:
    return KnownInterval(value=value, low=value - half, high=value + half)


def write_representation(config: Config, layout: Layout, subjects: int, hostile: str, found: bool) -> None:
    """Write the records of the parts that ``config`` asks for; unless ``found``, of nothing found."""
    parts = config.representation.parts
    if "probes" in parts:
        save_record(probes(hostile, subjects), layout.file(Probes.FILE))
    if "features" in parts:
        for number in range(config.representation.seeds):
            save_record(dictionary(number, subjects), layout.dictionary(number))
        survivors = funnel(subjects=subjects) if found else funnel((), subjects)
        save_record(survivors, layout.file(FeatureFunnel.FILE))
    if "geometry" in parts:
        told = geometry(subjects)
        record = told if found else replace(told, curve=None, missing=Missing(why=Cause.NO_CURVE))
        save_record(record, layout.file(Geometry.FILE))
        curve_table().to_parquet(layout.file("length_curve.parquet"))


# What decides each status of a concept that is made up here.
FINDINGS: dict[Status, ProbeFinding] = {
    "used": ProbeFinding.COSTLY_BY_ITSELF,
    "decodable, not used": ProbeFinding.CHEAP,
    "not decodable": ProbeFinding.LOW_SCORE,
    "can't tell": ProbeFinding.OPEN_COST,
}


def concept(name: str, score: float, cost: float, status: Status, **other: object) -> ConceptProbe:
    """A concept with scores around ``score`` and an erasure that costs ``cost``."""
    number = ConceptProbe(
        concept=name,
        of="fragment",
        kind="number",
        metric="R2",
        n=FRAGMENTS,
        score=interval(score, 0.02),
        control=0.01,
        selectivity=score - 0.01,
        untrained=0.7 * score,
        raw=0.4 * score,
        after_erasure=0.0,
        erasure=Erasure(
            rank=1, cost=interval(cost, 0.015), partial_cost=interval(0.8 * cost, 0.014), null_high=0.01
        ),
        status=status,
        finding=FINDINGS[status],
    )
    return replace(number, **other)


def probes(hostile: str, subjects: int) -> Probes:
    classes = {"kind": "classes", "metric": "AUROC", "control": 0.51, "untrained": 0.8, "after_erasure": 0.5}
    return Probes(
        subjects=subjects,
        samples=subjects,
        fragments=FRAGMENTS,
        auroc=interval(0.92, 0.05),
        concepts=(
            concept("length", 0.97, 0.31, "used"),
            concept("methylation_level", 0.74, 0.002, "decodable, not used"),
            concept("cpg_count", 0.81, 0.08, "can't tell"),
            concept("locus", 0.99, 0.001, "decodable, not used", **classes, raw=None),
            concept("end_motif", 0.52, 0.0, "not decodable", **classes | {"untrained": None, "raw": 0.5}),
            concept("label", 0.91, 0.35, "used", **classes, of="sample", n=80, raw=None),
        ),
        left_out={f"site {hostile}": NotProbed(why="constant")},
    )


def quality(explained: float, logit_recovered: float | None) -> DictionaryQuality:
    return DictionaryQuality(explained=explained, l0=8.0, dead=0.04, logit_recovered=logit_recovered)


def dictionary(number: int, subjects: int) -> SparseDictionary:
    controls = DictionaryControls(shuffled=quality(0.31, None), untrained=quality(0.62, 0.64))
    return SparseDictionary(
        number=number,
        features=256,
        active=8,
        block=3,
        fragments=FRAGMENTS,
        samples=subjects,
        subjects=subjects,
        plain=quality(0.9 + 0.002 * number, 0.92 + 0.002 * number),
        blocks=quality(0.93, 0.95),
        controls=controls if number == 0 else None,
    )


def survivor(feature: int, family: str, t: float, carrier: str = LENGTH) -> Survivor:
    """A feature that speaks for fragments around ``60 + 20 * feature`` bp."""
    lengths = np.arange(60, 400, 5)
    active = np.exp(-(((lengths - 60 - 20 * feature) / 20.0) ** 2))
    return Survivor(
        feature=feature,
        family=family,
        carrier=carrier,
        carried={LENGTH: 0.02, "methylation": -0.01, UNEXPLAINED: 0.05, carrier: 0.88},
        unique={LENGTH: 0.41, "methylation": 0.003, "tissue_of_origin": 0.001, "end_motif": 0.0},
        q=0.004,
        t=t,
        threshold=3.6,
        share=0.12,
        kept=0.99,
        direction="higher in cases",
        matched=FeaturePartners(cosine=0.96, share=0.8),
        profile=FeatureProfile(
            length=tuple((float(bp), float(value)) for bp, value in zip(lengths, active, strict=True)),
            level=tuple((level / 10, 0.2) for level in range(11)),
            locus=(("outside blocks", 0.2), ("class 1", 0.21)),
        ),
    )


def funnel(carriers: Sequence[str] = (LENGTH,) * 3 + (NO_CARRIER,), subjects: int = 80) -> FeatureFunnel:
    survivors = [
        survivor(number, LENGTH if number < 4 else UNNAMED, 6.0 - number, carrier)
        for number, carrier in enumerate(carriers, start=2)
    ]
    return FeatureFunnel(
        subjects=subjects,
        samples=subjects,
        fragments=FRAGMENTS,
        permuted_heads=19,
        features=256,
        first=0,
        seeds=tuple(
            SeedCounts(number=n, alive=246, passed=11 + n, survived=4, by_family={LENGTH: 3, UNNAMED: 1})
            for n in range(5)
        ),
        funnel=(
            FunnelStep(stage="features", count=256),
            FunnelStep(stage="alive", count=246),
            FunnelStep(stage="beat the null", count=11, null_mean=0.05, null_high=0.2),
            FunnelStep(stage="survive resampling", count=4, null_mean=0.0, null_high=0.0),
            FunnelStep(stage="differ with the family", family=LENGTH, count=3),
        ),
        null=PermutedCounts(passed_mean=0.05, passed_high=0.2, survived_mean=0.0, survived_high=0.0),
        survivors=tuple(survivors),
        matched=MatchedShare(mean=0.93, low=0.9, high=0.95, null=0.01),
        completeness=2e-5,
        error_share=0.06,
        curve=CurveCoverages(
            features=CurveCoverage(needed=14, explained=0.97, variance=0.4),
            blocks=CurveCoverage(needed=4, explained=0.95, variance=0.4),
            permuted=CurveCoverage(needed=96, explained=0.9, variance=0.002),
        ),
        carried={LENGTH: 0.91, "methylation": 0.02, UNEXPLAINED: 0.07},
        carriers={LENGTH: CarrierCount(count=3, share=0.8), NO_CARRIER: CarrierCount(count=1, share=0.2)},
        purity={LENGTH: 0.75, UNNAMED: 0.25},
    )


def curve_table() -> pd.DataFrame:
    """Straight to ``BEND``, a half circle, straight back: a U in the plane of the first two components."""
    lengths = np.arange(70, 401)
    angle = np.clip((lengths - BEND) / RADIUS, -np.pi / 2, np.pi / 2)
    along = np.where(
        np.abs(lengths - BEND) > RADIUS * np.pi / 2, np.abs(lengths - BEND) / RADIUS - np.pi / 2, 0
    )
    curve = np.stack([np.cos(angle) - along, np.sin(angle), 0.1 * np.sin(lengths / 30)])
    noise = np.random.default_rng(5).normal(0, 0.02, curve.shape)
    curvature = np.exp(-(((lengths - BEND) / RADIUS) ** 2)) / RADIUS
    return pd.DataFrame(
        {
            "length": lengths,
            "count": (20_000 * np.exp(-(((lengths - 167) / 30) ** 2))).astype(int) + 20,
            **{f"centroid_pc{i + 1}": curve[i] + noise[i] for i in range(3)},
            **{f"curve_pc{i + 1}": curve[i] for i in range(3)},
            "curvature": curvature,
            "low": 0.9 * curvature,
            "high": 1.1 * curvature + 0.001,
            "null_high": np.full(len(lengths), 0.012),
            "arc": np.linspace(0, 9, len(lengths)),
        }
    )


def path(slope: float, farthest: float) -> SteeringPath:
    """A way from 120 to 230 bp that leaves the data by ``farthest`` in the middle."""
    return SteeringPath(
        probe_slope=slope,
        probe_error=2.1,
        distance=farthest,
        distances=(1.0, farthest, 1.0),
        logit=(0.9, 0.1, -0.6),
    )


def length_curve() -> LengthCurve:
    return LengthCurve(
        smooth=48.0,
        bend=CurveBend(
            at=interval(float(BEND), 3.0),
            claimed=True,
            finding=BendFinding.SHARP,
            curvature=BendCurvature(
                peak=interval(0.04, 0.004), nucleosome=interval(0.039, 0.004), typical=0.01
            ),
            excess=8.4,
            excess_null=3.1,
        ),
        arc=CurveArc(total=9.1, per_bp_low=0.01, per_bp_high=0.04),
        period=CurvePeriod(
            bp=interval(10.4, 0.1),
            power=0.31,
            null_high=0.12,
            claimed=True,
            finding=PeriodFinding.SHOWN,
            at_10_4=6.1,
        ),
        steering=Steering(
            start=120,
            stop=230,
            steps=(120, 175, 230),
            curve=path(0.96, 1.1),
            line=path(0.93, 3.2),
            ratio=interval(2.9, 0.4),
        ),
    )


def geometry(subjects: int = 80) -> Geometry:
    return Geometry(
        subjects=subjects,
        samples=subjects,
        fragments=FRAGMENTS,
        lengths=(70, 400),
        nucleosome=167,
        mode=167,
        variance=CurveVariance(
            components=(0.71, 0.2, 0.03),
            explained=0.31,
            permuted=NullVariance(explained=0.0, high=0.001),
            random=NullVariance(explained=0.002, high=0.004),
        ),
        curve=length_curve(),
    )


def with_bend(mode: int = 167, **changes: object) -> Geometry:
    """The made-up curve with a changed bend, of a cohort with this modal length."""
    curve = length_curve()
    return replace(geometry(), mode=mode, curve=replace(curve, bend=replace(curve.bend, **changes)))
