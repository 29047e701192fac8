"""Fragments drawn from latents: lengths, patterns and cells as planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import find_peaks

from cfdna_interp.simulation.biology import (
    CELL_TYPES,
    LENGTHS,
    Biology,
    Molecules,
    build_biology,
    draw_molecules,
    length_law,
)
from cfdna_interp.stats.resampling import stream

N = 100_000


@pytest.fixture(scope="module")
def biology() -> Biology:
    return build_biology(1)


@pytest.fixture(scope="module")
def pool(biology: Biology) -> Molecules:
    return draw_molecules(biology, (0.0, 0.0, 0.0), 0.0, N, stream(5, "pool"))


def test_modes_of_the_length_law() -> None:
    law = length_law()
    modes = LENGTHS[find_peaks(law)[0]]
    assert LENGTHS[law.argmax()] == 167
    # The ladder below the main peak, di- and tri-nucleosomes: FIELD's steps within 1 or 2 bp.
    for expected, slack in ((81, 2), (92, 2), (102, 2), (112, 2), (122, 2), (134, 2), (144, 1)):
        assert np.abs(modes - expected).min() <= slack
    assert np.abs(modes - 332).min() <= 3 and np.abs(modes - 500).min() <= 5
    mono = law[(LENGTHS >= 120) & (LENGTHS <= 220)].sum() / law.sum()
    di = law[(LENGTHS >= 260) & (LENGTHS <= 400)].sum() / law.sum()
    assert 0.68 < mono < 0.82 and 0.09 < di < 0.14


def test_a_unit_of_the_latent_moves_the_short_share_by_some_percent(biology: Biology) -> None:
    short = LENGTHS <= 150
    at = {z: biology.lengths.probabilities(z)[short].sum() for z in (-1, 0, 1)}
    assert 0.03 < at[1] - at[0] < 0.055 and 0.03 < at[0] - at[-1] < 0.055


def test_dinucleosome_nuisance_moves_no_shortness(biology: Biology) -> None:
    base, t = biology.lengths.base, biology.lengths.statistic
    assert base @ (biology.dinucleosome * t) == pytest.approx(0, abs=1e-12)
    di = (LENGTHS > 250) & (LENGTHS < 420)
    share = {
        u: draw_molecules(biology, (0.0, 0.0, 0.0), u, N, stream(2, "di", int(u))).lengths
        for u in (-2.0, 2.0)
    }
    by_person = {u: np.isin(lengths, LENGTHS[di]).mean() for u, lengths in share.items()}
    assert by_person[2.0] - by_person[-2.0] > 0.05
    means = [t[lengths - 70].mean() for lengths in share.values()]
    assert abs(means[0] - means[1]) < 4 * np.sqrt(2 / N)  # var(t) = 1


def test_lengths_follow_the_law(biology: Biology, pool: Molecules) -> None:
    share = (pool.lengths <= 150).mean()
    expected = biology.lengths.base[LENGTHS <= 150].sum()
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / N)


def test_about_an_eighth_to_a_sixth_touch_a_block(pool: Molecules) -> None:
    assert 0.12 < (pool.blocks >= 0).mean() < 0.18


def test_mixture_is_blood_in_the_main(biology: Biology) -> None:
    share = dict(zip(CELL_TYPES, biology.cells.base, strict=True))
    blood = sum(share[name] for name in ("granulocyte", "monocyte", "B_lymphocyte", "T_NK_lymphocyte"))
    assert blood > 0.85
    assert 0.01 < share["liver"] < 0.06
    assert share["neuron"] + share["oligodendrocyte"] < 0.01


def fragment_levels(molecules: Molecules) -> tuple[np.ndarray, np.ndarray]:
    counts = np.diff(molecules.splits)
    sums = np.bincount(np.repeat(np.arange(len(counts)), counts), molecules.states, minlength=len(counts))
    return counts, sums / np.maximum(counts, 1)


def test_block_fragments_are_in_the_atlas_state_of_the_mixture(biology: Biology, pool: Molecules) -> None:
    counts, levels = fragment_levels(pool)
    high = np.array([d == "M" for d in biology.atlas.directions])
    expected = biology.atlas.fractions @ biology.cells.base
    for target in ("granulocyte", "liver"):
        blocks = np.array([t == target for t in biology.atlas.targets])
        rows = np.flatnonzero((pool.blocks >= 0) & (counts >= 4))
        rows = rows[blocks[pool.blocks[rows]]]
        marked = np.where(high[pool.blocks[rows]], levels[rows] >= 0.75, levels[rows] <= 0.25)
        planted = expected[pool.blocks[rows]].mean()
        # With 4 or more CpGs a fragment in a state is called so in 99 % and more: two wrong of four are rare.
        assert abs(marked.mean() - planted) < 4 * np.sqrt(planted * (1 - planted) / len(rows)) + 0.01


def test_islands_low_sea_high_and_some_discordant(biology: Biology, pool: Molecules) -> None:
    counts, levels = fragment_levels(pool)
    outside = (pool.blocks < 0) & (counts >= 3)
    island = biology.genome.island[pool.starts + pool.lengths // 2]
    assert levels[outside & island].mean() < 0.2
    # 0.12 * 0.03 + 0.23 * 0.5 + 0.65 * 0.95 = 0.736
    assert levels[outside & ~island].mean() == pytest.approx(0.736, abs=0.02)
    discordant = (levels > 0.25) & (levels < 0.75)
    assert 0.1 < discordant[outside & ~island].mean() < 0.25


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_each_latent_moves_its_own_group_only(biology: Biology, pool: Molecules, moved: int) -> None:
    latents = [0.0, 0.0, 0.0]
    latents[moved] = 4.0
    other = draw_molecules(biology, (latents[0], latents[1], latents[2]), 0.0, N, stream(6, "moved", moved))

    def statistics(molecules: Molecules) -> np.ndarray:
        counts, levels = fragment_levels(molecules)
        sea = ~biology.genome.island[molecules.starts + molecules.lengths // 2]
        outside = (molecules.blocks < 0) & (counts > 0) & sea
        liver = np.isin(np.array(biology.atlas.targets), ["liver", "endothelium"])
        low = np.array([d == "U" for d in biology.atlas.directions])
        marker = (molecules.blocks >= 0) & (counts > 0) & (liver & low)[molecules.blocks]
        return np.array(
            [(molecules.lengths <= 150).mean(), levels[outside].mean(), (levels[marker] < 0.5).mean()]
        )

    change = np.abs(statistics(other) - statistics(pool))
    # Each statistic is a mean of numbers in 0..1 over at least 80,000, 50,000 and 4,000 fragments: SD of a
    # difference at most sqrt(2 * .25 / n), that of the third below sqrt(2 * .15 / 4000) = .0087.
    noise = 4 * np.array([0.0025, 0.0032, 0.0087])
    assert change[moved] > 2 * noise[moved]
    assert (np.delete(change, moved) < np.delete(noise, moved)).all()


def test_centres_prefer_dyads_and_di_nucleosomes_the_linker(biology: Biology, pool: Molecules) -> None:
    centres = pool.starts + pool.lengths // 2
    nearest = biology.genome.dyads[np.clip(np.searchsorted(biology.genome.dyads, centres), 1, None) - 1]
    phase = (centres - nearest) % 190
    distance = np.minimum(phase, 190 - phase)
    di = (pool.lengths > 250) & (pool.lengths < 420)
    assert np.median(distance[~di]) < 15  # evenly spread it would be 47
    assert np.median(distance[di]) > 75
