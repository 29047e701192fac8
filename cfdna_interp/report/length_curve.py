"""The length curve in sentences: how much lies on it, its bend, its period, and steering along it."""

from __future__ import annotations

from cfdna_interp.records.geometry import (
    BendFinding,
    CurveBend,
    CurvePeriod,
    CurveVariance,
    Geometry,
    PeriodFinding,
    Steering,
)
from cfdna_interp.report.words import interval, number, percent, significant
from cfdna_interp.representation.curvature import SHARPER

# Why no bend and no period is claimed, as clauses; {low} and {high} are where resamples place it.
BENDS = {
    BendFinding.STRAIGHT: "mean embeddings move along a single direction: the curve is straight",
    BendFinding.NO_DIRECTION: "at no length does the curve move clearly enough to have a direction",
    BendFinding.EVEN: (
        "nowhere does the curve turn more than a straight or evenly turning one with the same noise"
    ),
    BendFinding.BLUNT: (
        f"the sharpest place is less than {SHARPER:.0f} times as sharp as the curve is typically"
    ),
    BendFinding.AT_AN_END: (
        "the sharpest place is where the lengths that can be seen end: its other side is not known"
    ),
    BendFinding.SCATTERED: "resamples of subjects place the sharpest between {low:.0f} and {high:.0f} bp",
}
PERIODS = {
    PeriodFinding.CHANCE: (
        "no period explains more than it does where what the trend leaves is shuffled among lengths"
    ),
    PeriodFinding.AT_AN_END: "the strongest period is at the end of those scanned: a trend, not a wave",
    PeriodFinding.SCATTERED: "resamples of subjects find periods from {low:.1f} to {high:.1f} bp",
}


def curve_sentences(geometry: Geometry) -> list[tuple[str, str]]:
    """Return name and sentence of what is known of the curve; nothing where it can't be told."""
    variance, curve = geometry.variance, geometry.curve
    if variance is None or curve is None:
        return []
    return [
        ("Length", _share(variance)),
        ("Bend", _bend(curve.bend, geometry.mode, geometry.nucleosome)),
        ("Period", _period(curve.period)),
        ("Steering", _steering(curve.steering)),
    ]


def _share(variance: CurveVariance) -> str:
    return (
        f"moves embeddings along {len(variance.components)} components; on the curve lie "
        f"{percent(variance.explained, 1)} of their variance (permuted lengths: at most "
        f"{percent(variance.permuted.high, 1)} in 95 %; random covariates in the stead of length: "
        f"{percent(variance.random.high, 1)})."
    )


def _bend(bend: CurveBend, mode: int, mono: int) -> str:
    if bend.at is None or bend.curvature is None:
        return f"none is claimed: {BENDS[bend.finding]}."
    peak, usual = bend.curvature.peak, number(bend.curvature.typical)
    if not bend.claimed:
        why = BENDS[bend.finding].format(low=bend.at.low, high=bend.at.high)
        return (
            f"none is claimed: {why}. It is sharpest at {interval(bend.at, 0)} bp, with a "
            f"curvature of {interval(peak)}; typically it has {usual}."
        )
    return (
        f"at {interval(bend.at, 0)} bp (95 % over subjects), {number(bend.excess, 1)} spreads above "
        f"curves that turn evenly ({number(bend.excess_null, 1)} is reached by these in 1 %), "
        f"with a curvature of {interval(peak)}; typically it has {usual}. The "
        f"interval {_place(bend, mode, mono)}."
    )


def _place(bend: CurveBend, mode: int, mono: int) -> str:
    nucleosome, peak = bend.covers_nucleosome, bend.covers_mode
    if mode == mono:
        return f"{'holds' if nucleosome else 'leaves out'} {mono} bp, the cohort's modal length"
    modal = f"the cohort's modal length of {mode} bp"
    if nucleosome and peak:
        return f"holds {mono} bp and {modal}: it can't tell one from the other"
    if nucleosome:
        return f"holds {mono} bp, and not {modal}"
    return f"holds {modal}, and not {mono} bp" if peak else f"holds neither {mono} bp nor {modal}"


def _period(period: CurvePeriod | None) -> str:
    if period is None:
        return "not looked for: fewer than 60 lengths from 60 to 160 bp are held."
    if not period.claimed:
        why = PERIODS[period.finding].format(low=period.bp.low, high=period.bp.high)
        return f"none is claimed: {why}."
    return (
        f"of {interval(period.bp, 1)} bp below the main peak (95 % over subjects): "
        f"it explains {percent(period.power)} of what the slow trend leaves, shuffled lengths at most "
        f"{percent(period.null_high)} in 95 %. Power at 10.4 bp, a turn of the helix, is "
        f"{significant(period.at_10_4)} times the median of all periods."
    )


def _steering(steering: Steering | None) -> str:
    if steering is None:
        return "not done: lengths differ too little, or a step has no real fragments beside it."
    return (
        f"from {steering.start} to {steering.stop} bp a length probe reads "
        f"{number(steering.curve.probe_slope)} bp a bp along the curve and "
        f"{number(steering.line.probe_slope)} along the straight line, which lies "
        f"{interval(steering.ratio)} times as far from real embeddings as the curve."
    )
