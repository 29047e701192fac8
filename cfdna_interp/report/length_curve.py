"""The length curve in sentences: how much lies on it, its bend, its period, and steering along it."""

from __future__ import annotations

from cfdna_interp.records.geometry import CurveBend, CurvePeriod, CurveVariance, Geometry, Steering
from cfdna_interp.report.words import interval, number, percent, significant


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
        return f"none is claimed: {bend.reason}."
    peak, usual = bend.curvature.peak, number(bend.curvature.typical)
    if not bend.claimed:
        return (
            f"none is claimed: {bend.reason}. It is sharpest at {interval(bend.at, 0)} bp, with a "
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
        return f"none is claimed: {period.reason}."
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
