from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.tissue import deconvolve, tissue_features

TYPES = ("Blood-T", "Liver Hep", "Neuron")


def atlas(blocks_per_type=20, direction="U", blank=()):
    """Blocks whose target has 95 % marker fragments and the others 2-5 %."""
    rng = np.random.default_rng(1)
    n = blocks_per_type * len(TYPES)
    target = np.repeat(np.arange(len(TYPES)), blocks_per_type)
    fractions = rng.uniform(0.02, 0.05, size=(n, len(TYPES)))
    fractions[np.arange(n), target] = 0.95
    for row, column in blank:
        fractions[row, column] = np.nan
    return Atlas(
        contigs=("chr1",) * n,
        starts=np.arange(n) * 1_000,
        ends=np.arange(n) * 1_000 + 100,
        names=tuple(f"b{i}" for i in range(n)),
        targets=tuple(TYPES[i] for i in target),
        directions=(direction,) * n,
        cell_types=TYPES,
        fractions=fractions,
    )


TRUTH = np.array([0.7, 0.25, 0.05])


def counted(made, shares, fragments, rng=None):
    """A profile of blocks whose marked fragments follow the mixture, exactly or by binomial draws."""
    expected = np.where(np.isfinite(made.fractions), made.fractions, 0.03) @ shares
    profile = Profile()
    for row, name in enumerate(made.names):
        n = int(fragments[row])
        marked = round(n * expected[row]) if rng is None else int(rng.binomial(n, expected[row]))
        rest = n - marked
        profile.add(
            "block_uxm", name, [marked, 0, rest] if made.directions[row] == "U" else [rest, 0, marked]
        )
    return profile


@pytest.mark.parametrize("direction", ["U", "M"])
def test_planted_mixture_comes_back(direction):
    made = atlas(direction=direction)
    profile = counted(made, TRUTH, np.full(len(made), 100_000))
    got = {f.name: f.value for f in tissue_features(profile, made, 10)}
    shares = [got[f"tissue_fraction_{name}"] for name in ("blood_t", "liver_hep", "neuron")]
    assert shares == pytest.approx(TRUTH, abs=1e-3)  # rounding to whole fragments
    assert sum(shares) == pytest.approx(1)
    # Mean marker share of the neuron blocks: .05 * .95 + .95 * about .035 = .081.
    assert got["tissue_marker_neuron"] == pytest.approx(0.081, abs=0.01)


def test_at_real_depth_within_sampling_noise():
    made = atlas()
    profile = counted(made, TRUTH, np.full(len(made), 50), np.random.default_rng(3))
    got = [f.value for f in tissue_features(profile, made, 10)][:3]
    # Per type 20 blocks of 50 fragments: sd of a share about sqrt(.25 / 1000) / .91 = .017.
    assert got == pytest.approx(TRUTH, abs=4 * 0.017)


def test_blocks_count_by_their_fragments():
    # One block lies, on 1 fragment against 1,000 in the others: weighting leaves the answer where it is.
    made = atlas()
    fragments = np.full(len(made), 1_000)
    fragments[0] = 0
    profile = counted(made, np.array([0.0, 1.0, 0.0]), fragments)
    profile.add("block_uxm", made.names[0], [1, 0, 0])
    got = [f.value for f in tissue_features(profile, made, 10)][:3]
    assert got == pytest.approx([0, 1, 0], abs=2e-3)


def test_blanks_in_the_atlas_are_filled():
    made = atlas(blank=[(25, 0), (26, 2), (50, 1)])
    profile = counted(made, TRUTH, np.full(len(made), 100_000))
    got = [f.value for f in tissue_features(profile, made, 10)][:3]
    assert got == pytest.approx(TRUTH, abs=5e-3)


def test_too_few_blocks_are_missing_not_zero():
    made = atlas()
    fragments = np.zeros(len(made), int)
    fragments[:9] = 50
    features = tissue_features(counted(made, TRUTH, fragments), made, 10)
    assert all(np.isnan(feature.value) for feature in features)
    assert all("fewer than 10 covered blocks" in feature.definition for feature in features)
    fragments[9] = 50
    assert not np.isnan(tissue_features(counted(made, TRUTH, fragments), made, 10)[0].value)


def test_nothing_marked_is_missing():
    made = atlas()
    assert np.isnan(deconvolve(np.zeros(len(made)), np.full(len(made), 50), made)).all()
    assert np.isnan(deconvolve(np.zeros(len(made)), np.zeros(len(made)), made)).all()


@pytest.mark.realdata
def test_public_atlas_tells_its_own_cell_types(realdata):
    made = Atlas.load(realdata / "atlas" / "Atlas.U25.l4.hg38.tsv")
    share = np.zeros(len(made.cell_types))
    share[[0, 20]] = 0.8, 0.2
    expected = np.where(np.isfinite(made.fractions), made.fractions, 0) @ share
    measured = np.isfinite(made.fractions[:, [0, 20]]).all(axis=1)
    total = np.where(measured, 1_000.0, 0.0)
    assert deconvolve(expected * total, total, made) == pytest.approx(share, abs=0.02)
