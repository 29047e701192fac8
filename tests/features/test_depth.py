"""Losing fragments at random leaves the expectation of the methylation features where it was."""

from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.methylation import CPGS, methylation_features, pattern_entropy
from cfdna_interp.fragments.call_counts import CallCounter

PLACES, MOLECULES = 300, 16
PATTERNS = np.array([[i >> (3 - bit) & 1 for bit in range(CPGS)] for i in range(16)])


def table(place: np.ndarray, pattern: np.ndarray) -> FragmentTable:
    """One fragment with four calls per (place, pattern)."""
    order = np.argsort(place, kind="stable")
    place, pattern = place[order], pattern[order]
    n = len(place)
    return FragmentTable(
        contig_names=("chr1",),
        contig=np.zeros(n, np.int32),
        start=(1_000 * place).astype(np.int32),
        length=np.full(n, 160, np.int32),
        mapq=np.full(n, 60, np.uint8),
        strand=np.ones(n, np.int8),
        gc=np.full(n, 0.5, np.float32),
        motif_5p=np.zeros(n, np.int16),
        motif_3p=np.zeros(n, np.int16),
        cpg_splits=np.arange(0, CPGS * n + 1, CPGS),
        cpg_offsets=np.tile(np.array([10, 20, 30, 40], np.int32), n),
        cpg_states=PATTERNS[pattern].reshape(-1).astype(np.int8),
        block=np.full(n, -1, np.int32),
    )


def measure(place, pattern) -> dict[str, float]:
    counter, profile = CallCounter(1, None), Profile()
    counter.add(table(place, pattern))
    counter.write(profile)
    states = PATTERNS[pattern].sum(axis=1)
    for methylated, count in enumerate(np.bincount(states, minlength=5)):
        if count:
            profile.add("methylation", f"4:{methylated}", [int(count)])
    return {feature.name: feature.value for feature in methylation_features(profile)}


def plug_in(place, pattern) -> float:
    """1 - sum of p^2 with observed shares, mean over places: what the correction is for."""
    counts = np.zeros((PLACES, 16))
    np.add.at(counts, (place, pattern), 1)
    counts = counts[counts.sum(axis=1) > 0]
    return float((1 - ((counts / counts.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)).mean())


@pytest.fixture(scope="module")
def thinned():
    """A sample with its own mix of patterns at each place, and 100 times a quarter of its fragments."""
    rng = np.random.default_rng(3)
    mixes = rng.dirichlet(np.full(16, 0.3), size=PLACES)
    depth = rng.poisson(MOLECULES, PLACES) * rng.choice([1, 3], PLACES)  # places differ in depth
    place = np.repeat(np.arange(PLACES), depth)
    pattern = np.array([rng.choice(16, p=mixes[at]) for at in place])
    draws = []
    for _ in range(100):
        kept = rng.random(len(place)) < 0.25
        draws.append((place[kept], pattern[kept]))
    return (place, pattern), draws


def gap(thinned, function) -> float:
    """Mean over the draws minus the value of the whole sample, in standard errors of that mean."""
    whole, draws = thinned
    values = np.array([function(*draw) for draw in draws])
    error = values.std(ddof=1) / np.sqrt(len(values))
    return float((values.mean() - function(*whole)) / error)


@pytest.mark.parametrize(
    "name",
    [
        "methylation_level",
        "methylation_entropy",
        "methylation_discordance",
        "methylation_epipolymorphism",
        "methylation_pattern_entropy",
    ],
)
def test_a_quarter_of_the_fragments_says_the_same(thinned, name):
    assert abs(gap(thinned, lambda place, pattern: measure(place, pattern)[name])) < 4


def test_without_the_correction_it_does_not(thinned):
    # Expected of n molecules: (1 - 1/n) of the truth; n goes from 16 or 48 to 4 or 12.
    assert gap(thinned, plug_in) < -20


def test_epipolymorphism_of_one_pattern_and_of_all():
    rng = np.random.default_rng(4)
    place = np.repeat(np.arange(PLACES), 3)
    # Null: every place has its own single pattern.
    assert measure(place, place % 16)["methylation_epipolymorphism"] == 0
    # All 16 patterns alike: molecules differ with probability 15/16 = .9375, three at a place suffice.
    found = measure(place, rng.integers(16, size=len(place)))["methylation_epipolymorphism"]
    # 900 pairs: standard error at most sqrt(.9375 * .0625 / 900) = .008 for independent ones.
    assert found == pytest.approx(15 / 16, abs=4 * 0.008)


def test_entropy_of_few_fragments_is_that_of_many():
    rng = np.random.default_rng(5)
    shares = rng.dirichlet(np.full(16, 5.0))
    truth = float(-(shares * np.log2(shares)).sum()) / CPGS
    draws = rng.multinomial(120, shares, size=2_000)
    corrected = np.array([pattern_entropy(draw) for draw in draws])
    seen = draws / 120
    plain = -np.where(seen > 0, seen * np.log2(np.where(seen > 0, seen, 1)), 0).sum(axis=1) / CPGS
    # Plug-in: too small by (16 - 1) / (2 * 120) nat = .0225 bit per CpG; a tenth of that is left.
    assert plain.mean() - truth == pytest.approx(-15 / 240 / np.log(2) / CPGS, rel=0.2)
    assert abs(corrected.mean() - truth) < 0.1 * 15 / 240 / np.log(2) / CPGS
