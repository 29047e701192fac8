"""Planted length curves: where a bend is found and how often without any, the period, and steering.

Embeddings of 24 dimensions lie on a curve drawn by hand, with noise of variance 1 a fragment and direction
and shifts between subjects; lengths are distributed as in plasma, with their peak at 167 bp. `python
benchmarks/geometry.py --draws 100` prints the tables of benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "representation")]

from planted_curves import LENGTHS, bent, circle, embed, helix, length_law, straight  # noqa: E402

from cfdna_interp.representation.centroids import LengthSums, length_range, length_sums  # noqa: E402
from cfdna_interp.representation.curve import CurveComponents, components, spread  # noqa: E402
from cfdna_interp.representation.geometry import Trace, trace  # noqa: E402
from cfdna_interp.representation.periodicity import find_period  # noqa: E402
from cfdna_interp.representation.steering import LONG, SHORT  # noqa: E402
from cfdna_interp.representation.steering_paths import Paths, distances  # noqa: E402
from cfdna_interp.stats.resampling import stream  # noqa: E402

SUBJECTS, FRAGMENTS, DIM, RESAMPLES = 80, 40_000, 24, 200
FLOOR_DRAWS = 8

DENSITY = length_law() + 2e-4  # a pace that peaks where lengths do, as of an encoder that embeds ranks

# Name -> curve, and the place of its bend in bp (None: it has none).
BENDS: dict[str, tuple[np.ndarray, float | None]] = {
    "U, bend at 120": (bent(120, 20, 0.04), 120),
    "U, bend at 167": (bent(167, 30, 0.04), 167),
    "U, bend at 240": (bent(240, 30, 0.04), 240),
    "U, bend at 320": (bent(320, 40, 0.04), 320),
    "right angle at 200": (bent(200, 20, 0.04, np.pi / 2), 200),
    "straight": (straight(0.04), None),
    "circle": (circle(5.0, 1.5), None),
    "circle, pace as the density": (circle(5.0, 1.5, DENSITY), None),
    "shallow arc": (circle(0.5, 10.0), None),
    "shallow arc, pace as the density": (circle(0.5, 10.0, DENSITY), None),
}


def draw(curve: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return embeddings, lengths, subjects and the range of lengths of one cohort."""
    rng = stream(seed, "planted curve")
    lengths = rng.choice(LENGTHS, FRAGMENTS, p=length_law())
    subjects = rng.integers(0, SUBJECTS, FRAGMENTS)
    embeddings = embed(curve, lengths, subjects, DIM, rng)
    kept = length_range(lengths)
    inside = (lengths >= kept[0]) & (lengths <= kept[-1])
    return embeddings[inside], lengths[inside], subjects[inside], kept


def traced(curve: np.ndarray, seed: int) -> tuple[LengthSums, CurveComponents, Trace | None, np.ndarray]:
    """Draw a cohort and trace its curve."""
    embeddings, lengths, subjects, kept = draw(curve, seed)
    rng = stream(seed, "geometry")
    rows, ones = lengths - kept[0], np.ones(len(lengths))
    leading = [
        spread(length_sums(embeddings, rng.permutation(rows), subjects, ones, kept, SUBJECTS))[1][0]
        for _ in range(FLOOR_DRAWS)
    ]
    sums = length_sums(embeddings, rows, subjects, ones, kept, SUBJECTS)
    found = components(sums, float(np.max(leading)))
    resamples = rng.multinomial(SUBJECTS, np.full(SUBJECTS, 1 / SUBJECTS), RESAMPLES).astype(np.float64)
    return sums, found, trace(sums, found, resamples, rng), resamples


def bends(draws: int) -> None:
    """Print how often a bend is claimed, and how far from its place."""
    print("| curve | bend claimed | within 5 bp | largest error, bp | interval covers | its width, bp |")
    print("|---|---|---|---|---|---|")
    for name, (curve, place) in BENDS.items():
        claimed, errors, covered, widths = 0, [], 0, []
        for seed in range(draws):
            result = traced(curve, seed)[2]
            bend = None if result is None else result.bend
            if bend is not None and bend.claimed:
                claimed += 1
                if place is not None:
                    errors.append(abs(bend.at - place))
                    covered += bend.at_low <= place <= bend.at_high
                    widths.append(bend.at_high - bend.at_low)
        tail = "- | - | - | -"
        if errors:
            near = sum(error <= 5 for error in errors)
            tail = f"{near}/{draws} | {max(errors):.0f} | {covered}/{draws} | {np.mean(widths):.1f}"
        print(f"| {name} | {claimed}/{draws} | {tail} |", flush=True)


def periods(draws: int) -> None:
    """Print the period found on helices, and how often one is claimed on a straight line and on a U."""
    print("\n| curve | period claimed | within .2 bp | largest error, bp | interval covers |")
    print("|---|---|---|---|---|")
    cases: dict[str, tuple[np.ndarray, float | None]] = {
        f"helix of {period} bp, radius {radius}": (helix(period, radius, 0.02), period)
        for period, radius in ((10.4, 0.3), (10.4, 0.15), (8.0, 0.3), (13.0, 0.3))
    }
    cases |= {"straight": (straight(0.02), None), "U, bend at 120": (bent(120, 20, 0.02), None)}
    for name, (curve, period) in cases.items():
        claimed, errors, covered = 0, [], 0
        for seed in range(draws):
            embeddings, lengths, subjects, kept = draw(curve, seed)
            rng = stream(seed, "geometry")
            sums = length_sums(embeddings, lengths - kept[0], subjects, np.ones(len(lengths)), kept, SUBJECTS)
            resamples = rng.multinomial(SUBJECTS, np.full(SUBJECTS, 1 / SUBJECTS), RESAMPLES)
            found = find_period(sums, resamples.astype(np.float64), rng)
            if found is not None and found.claimed:
                claimed += 1
                if period is not None:
                    errors.append(abs(found.bp.value - period))
                    covered += found.bp.low <= period <= found.bp.high
        tail = "- | - | -"
        if errors:
            tail = f"{sum(e <= 0.2 for e in errors)}/{draws} | {max(errors):.2f} | {covered}/{draws}"
        print(f"| {name} | {claimed}/{draws} | {tail} |", flush=True)


def steering(draws: int) -> None:
    """Print the distance to the data along the straight line over that along the curve."""
    print("\n| curve | line / curve, mean (lowest to highest) | line farther |")
    print("|---|---|---|")
    for name, curve in (
        ("U, bend at 167, arms of 8 units", bent(167, 30, 0.08)),
        ("circle, radius 3", circle(np.pi, 3.0, DENSITY)),
        ("straight", straight(0.05)),
    ):
        ratios = []
        for seed in range(draws):
            embeddings, lengths, subjects, _ = draw(curve, seed)
            sums, found, result, resamples = traced(curve, seed)
            assert result is not None
            start, stop = (int(v) for v in np.quantile(lengths, [SHORT, LONG]))
            paths = Paths.of(sums.lengths, result.curve, start, stop)
            points = (embeddings - found.centre) @ found.axes
            known = np.arange(SUBJECTS) % 2 == 0
            apart = distances(paths, points, lengths, subjects, known, resamples, stream(seed, "steering"))
            assert apart is not None
            ratios.append(apart.ratio)
        farther = sum(ratio > 1 for ratio in ratios)
        spread_of = f"{np.mean(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {name} | {spread_of} | {farther}/{draws} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=100, help="cohorts a curve")
    chosen = parser.parse_args()
    bends(chosen.draws)
    periods(chosen.draws)
    steering(max(1, chosen.draws // 5))
