"""The length curve in sentences: how much lies on it, its bend, its period, and steering along it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cfdna_interp.report.words import interval, number, percent, significant

Record = Mapping[str, Any]


def curve_sentences(geometry: Record) -> list[tuple[str, str]]:
    """Return name and sentence of what is known of the curve; nothing where it can't be told.

    Parameters
    ----------
    geometry
        The content of ``geometry.json``.
    """
    if geometry["reason"]:
        return []
    return [
        ("Length", _share(geometry)),
        ("Bend", _bend(geometry["bend"], geometry["nucleosome"])),
        ("Period", _period(geometry["period"])),
        ("Steering", _steering(geometry["steering"])),
    ]


def _share(geometry: Record) -> str:
    nulls = geometry["nulls"]
    return (
        f"moves embeddings along {len(geometry['components'])} components; on the curve lie "
        f"{percent(geometry['explained'], 1)} of their variance (permuted lengths: at most "
        f"{percent(nulls['permuted']['high'], 1)} in 95 %; random covariates in the stead of length: "
        f"{percent(nulls['random']['high'], 1)})."
    )


def _bend(bend: Record, mono: int) -> str:
    if bend["at"] is None:
        return f"none is claimed: {bend['reason']}."
    peak, usual = bend["curvature"]["peak"], number(bend["curvature"]["typical"])
    if not bend["claimed"]:
        return (
            f"none is claimed: {bend['reason']}. It is sharpest at {interval(bend['at'], 0)} bp, with a "
            f"curvature of {interval(peak)}; typically it has {usual}."
        )
    return (
        f"at {interval(bend['at'], 0)} bp (95 % over subjects), {number(bend['excess'], 1)} spreads above "
        f"curves that turn evenly ({number(bend['excess_null'], 1)} is reached by these in 1 %), "
        f"with a curvature of {interval(peak)}; typically it has {usual}. The "
        f"interval {_place(bend, mono)}."
    )


def _place(bend: Record, mono: int) -> str:
    nucleosome, peak = bend["covers_nucleosome"], bend["covers_mode"]
    if bend["mode"] == mono:
        return f"{'holds' if nucleosome else 'leaves out'} {mono} bp, the cohort's modal length"
    mode = f"the cohort's modal length of {bend['mode']} bp"
    if nucleosome and peak:
        return f"holds {mono} bp and {mode}: it can't tell one from the other"
    if nucleosome:
        return f"holds {mono} bp, and not {mode}"
    return f"holds {mode}, and not {mono} bp" if peak else f"holds neither {mono} bp nor {mode}"


def _period(period: Record | None) -> str:
    if period is None:
        return "not looked for: fewer than 60 lengths from 60 to 160 bp are held."
    if not period["claimed"]:
        return f"none is claimed: {period['reason']}."
    found = interval({**period, "value": period["found"]}, 1)
    return (
        f"of {found} bp below the main peak (95 % over subjects): "
        f"it explains {percent(period['power'])} of what the slow trend leaves, shuffled lengths at most "
        f"{percent(period['null_high'])} in 95 %. Power at 10.4 bp, a turn of the helix, is "
        f"{significant(period['at_10_4'])} times the median of all periods."
    )


def _steering(steering: Record | None) -> str:
    if steering is None:
        return "not done: lengths differ too little, or a step has no real fragments beside it."
    curve, line = steering["curve"], steering["line"]
    return (
        f"from {steering['from']} to {steering['to']} bp a length probe reads "
        f"{number(curve['probe_slope'])} bp a bp along the curve and "
        f"{number(line['probe_slope'])} along the straight line, which lies "
        f"{interval(steering['ratio'])} times as far from real embeddings as the curve."
    )
