"""Centroids with context held, and the smooth curve through them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_curves import LENGTHS, circle, embed, length_law, straight
from toys import toy_fragments

from cfdna_interp.representation.centroids import (
    context_weights,
    length_range,
    length_sums,
    modal_length,
    stratum_effects,
)
from cfdna_interp.representation.curve import (
    CUTOFFS,
    Smoother,
    choose_cutoff,
    components,
    explained,
    halves,
    spread,
)
from cfdna_interp.representation.length_nulls import by_covariate, curve_null, permuted


def planted(curve: np.ndarray, n: int, subjects: int, seed: int, dim: int = 8):
    """Return embeddings, rows, subjects and lengths of fragments on a curve, all lengths in the range."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(LENGTHS), n, p=length_law())
    people = rng.integers(0, subjects, n)
    return embed(curve, LENGTHS[rows], people, dim, rng), rows, people


@given(seed=st.integers(0, 10_000), people=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_sums_by_subject_and_length_are_those_of_a_loop(seed: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    n, lengths = 30, np.arange(100, 105)
    embeddings = rng.standard_normal((n, 3)).astype(np.float32)
    rows, subjects = rng.integers(0, 5, n), rng.integers(0, people, n)
    weights = rng.random(n)
    sums = length_sums(embeddings, rows, subjects, weights, lengths, people + 1)
    for person, row in np.ndindex(people, 5):
        here = (subjects == person) & (rows == row)
        assert sums.weight[person, row] == pytest.approx(weights[here].sum())
        assert sums.total[person, row] == pytest.approx(weights[here] @ embeddings[here], abs=1e-5)
    assert not sums.weight[people].any()  # a subject without fragments
    multiplicity = rng.integers(0, 3, (2, people + 1)).astype(float)
    weight, total = sums.pooled(multiplicity)
    repeated = np.repeat(np.arange(people + 1), multiplicity[1].astype(int))
    assert weight[1] == pytest.approx(sums.weight[repeated].sum(axis=0))
    assert total[1] == pytest.approx(sums.total[repeated].sum(axis=0))


def test_the_range_is_the_stretch_around_the_mode_that_holds_fragments() -> None:
    # 100-300 bp hold four fragments a bp (44 in 11 bp), 301-330 none, 331-400 many again, behind a gap.
    # Windows of 11 bp hold 20 of them from 100 - 1 on: there 5 lengths are inside (99 + 5 = 104), 5 · 4 = 20.
    lengths = np.concatenate(
        [np.repeat(np.arange(100, 301), 4), [150] * 50, np.repeat(np.arange(331, 401), 4)]
    )
    kept = length_range(lengths)
    assert (kept[0], kept[-1]) == (99, 301)
    assert modal_length(lengths) == 150
    assert len(length_range(np.array([100, 200, 300]))) == 0
    assert length_range(np.repeat(np.arange(40, 700), 9))[[0, -1]].tolist() == [60, 600]


def test_context_is_held_where_a_plain_mean_shows_composition() -> None:
    # Embeddings hold the stratum alone: 0 in one, 1 in the other. The second stratum grows with length from
    # 1/4 to 3/4, so plain means run from .25 to .75. With the mix held, they are the pool's share everywhere.
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(60), 400)
    strata = (rng.random(len(rows)) < 0.25 + 0.5 * rows / 59).astype(int)
    weights = context_weights(rows, strata, 60)
    plain = np.bincount(rows, strata) / 400
    held = np.bincount(rows, weights * strata) / np.bincount(rows, weights)
    assert plain[-5:].mean() - plain[:5].mean() > 0.4
    # At the ends half a window is seen, with its middle .8 · 8 bp inside: a mix of .304 where .25 is, and a
    # weighted share of .43 instead of .5; so much on either side.
    assert abs(held[-5:].mean() - held[:5].mean()) < 0.14
    assert abs(held[10:50] - strata.mean()).max() < 0.1


def test_effects_of_strata_are_told_apart_from_length() -> None:
    # y = length class + 3 in stratum 1 of two, by construction without noise; the pool's mean effect is 0.
    rows = np.tile(np.arange(50), 20)
    strata = (np.arange(1_000) * 7 % 11 < 3 + rows // 10).astype(int)
    embeddings = (rows // 10 + 3.0 * strata)[:, None].astype(np.float32)
    effects = stratum_effects(embeddings, rows, strata)
    share = strata.mean()
    assert effects[:, 0] == pytest.approx([-3 * share, 3 * (1 - share)], abs=1e-4)


def test_the_smoother_keeps_parabolas_and_halves_a_wave_of_its_cutoff() -> None:
    # The third derivative of a parabola is 0, so nothing is penalised; of a wave of the cut-off's period half
    # is left: 1 / (1 + 1), and of half that period 1 / (1 + 2^6).
    x = np.arange(500.0)
    smoother = Smoother(np.ones(500), 50.0)
    parabola = 3 - 0.2 * x + 0.001 * x**2
    assert smoother.fit(np.ones(500), parabola[:, None])[:, 0] == pytest.approx(parabola, abs=1e-6)
    for period, left in ((50, 0.5), (25, 1 / 65), (200, 1 / (1 + 4**-6))):
        wave = np.sin(2 * np.pi * x / period)[:, None]
        smooth = smoother.fit(np.ones(500), wave)
        middle = slice(150, 350)
        gain = (smooth[middle] * wave[middle]).sum() / (wave[middle] ** 2).sum()
        assert gain == pytest.approx(left, abs=0.01)


def test_the_smoother_resolves_the_same_where_data_are_few() -> None:
    # A wave at the cut-off keeps half its height on both sides of a hundredfold change in numbers.
    x = np.arange(600.0)
    weight = np.where(x < 300, 1.0, 100.0)
    wave = np.sin(2 * np.pi * x / 40)[:, None]
    smooth = Smoother(weight, 40.0).fit(weight, weight[:, None] * wave)
    for part in (slice(100, 220), slice(380, 500)):  # three periods each
        assert (smooth[part] * wave[part]).sum() / (wave[part] ** 2).sum() == pytest.approx(0.5, abs=0.02)


def test_resamples_are_fitted_one_by_one() -> None:
    rng = np.random.default_rng(0)
    weight, smoother = rng.random((3, 2, 80)), Smoother(np.ones(80), 24.0)
    total = rng.standard_normal((3, 2, 80, 4))
    assert smoother.fit(weight, total)[2, 1] == pytest.approx(smoother.fit(weight[2, 1], total[2, 1]))


def test_components_of_a_circle_are_its_plane_and_noise_has_none() -> None:
    embeddings, rows, people = planted(circle(6.0, 1.5), 20_000, 20, seed=1)
    rng, ones = np.random.default_rng(2), np.ones(20_000)
    sums = length_sums(embeddings, rows, people, ones, LENGTHS, 20)
    half = halves(20, rng)
    null = curve_null(
        lambda n: length_sums(embeddings, rows[permuted(people, 1, n)], people, ones, LENGTHS, 20), half
    )
    found = components(sums, null.floor)
    assert len(found.explained) == 2
    # The plane is that of the first two of embed's random axes: the same seed draws them.
    rng = np.random.default_rng(1)
    rng.choice(len(LENGTHS), 20_000, p=length_law())
    rng.integers(0, 20, 20_000)
    plane = np.linalg.qr(rng.standard_normal((8, 8)))[0][:2]
    assert np.linalg.svd(plane @ found.axes)[1] == pytest.approx([1, 1], abs=0.02)
    # Variance of the curve over that of the embeddings, from the drawing itself.
    points = circle(6.0, 1.5)[rows]
    truth = points.var(axis=0).sum() / embeddings.var(axis=0).sum()
    assert explained(sums, half) == pytest.approx(truth, rel=0.1)
    assert abs(null.mean) < 0.01 * truth
    shuffled = length_sums(embeddings, rng.permutation(rows), people, ones, LENGTHS, 20)
    assert len(components(shuffled, null.floor).explained) <= 1


def test_axes_are_a_rotation_and_signs_are_fixed() -> None:
    embeddings, rows, people = planted(circle(3.0, 1.0), 5_000, 10, seed=3)
    sums = length_sums(embeddings, rows, people, np.ones(5_000), LENGTHS, 10)
    _, variances, axes = spread(sums)
    assert axes.T @ axes == pytest.approx(np.eye(8), abs=1e-9)
    assert (np.diff(variances) <= 0).all()
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(8)] > 0).all()


def test_cutoff_follows_the_detail_that_subjects_share() -> None:
    def chosen(curve: np.ndarray) -> float:
        embeddings, rows, people = planted(curve, 20_000, 20, seed=4)
        sums = length_sums(embeddings, rows, people, np.ones(20_000), LENGTHS, 20)
        return choose_cutoff(sums, np.random.default_rng(0))

    wave = np.sin(2 * np.pi * LENGTHS / 50)[:, None]
    assert chosen(wave) <= 34.0  # with 48 bp nearly half of the wave would be lost
    assert chosen(straight(0.02)) == max(CUTOFFS)


def test_dealt_lengths_stay_within_samples() -> None:
    fragments = toy_fragments(600, np.random.default_rng(5))
    samples, rows = np.repeat([0, 1, 2], 200), np.random.default_rng(6).integers(0, 50, 600)
    dealings = [permuted(samples, 7, 0), by_covariate(fragments, rows, samples, 7, 0)]
    for dealt in dealings:
        for sample in range(3):
            here = samples == sample
            assert sorted(dealt[here]) == np.flatnonzero(here).tolist()
        assert abs(np.corrcoef(rows[dealt], rows)[0, 1]) < 0.15  # standard error 600^-.5 = .04
    # The covariate decides the order: equal fragments of a sample get neighbouring lengths.
    twins = fragments.take(np.concatenate([np.arange(200), np.arange(200)]))
    own = np.random.default_rng(8).permutation(400)
    taken = own[by_covariate(twins, own, np.zeros(400, dtype=int), 7, 0)]
    calls = np.flatnonzero(twins.counts[:200] > 1)  # fragments without calls are all alike
    assert np.abs(taken[calls] - taken[calls + 200]).max() <= 3
