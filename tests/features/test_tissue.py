from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.config.settings import Features
from cfdna_interp.errors import InputError
from cfdna_interp.features.tissue import tissue_features, tissue_record
from cfdna_interp.features.tissue_methods import check_method, complete, deconvolve
from cfdna_interp.records.qc import FewBlocks, NoMarkerState

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


def as_calls(made):
    """The same table read as levels of CpG calls."""
    return replace(made, calls=True, directions=("M",) * len(made))


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
    got = {f.name: f.value for f in tissue_features(profile, made, Features())}
    shares = [got[f"tissue_fraction_{name}"] for name in ("blood_t", "liver_hep", "neuron")]
    assert shares == pytest.approx(TRUTH, abs=1e-3)  # rounding to whole fragments
    assert sum(shares) == pytest.approx(1)
    # Mean marker share of the neuron blocks: .05 * .95 + .95 * about .035 = .081.
    assert got["tissue_marker_neuron"] == pytest.approx(0.081, abs=0.01)


def test_at_real_depth_within_sampling_noise():
    made = atlas()
    profile = counted(made, TRUTH, np.full(len(made), 50), np.random.default_rng(3))
    got = [f.value for f in tissue_features(profile, made, Features())][:3]
    # Per type 20 blocks of 50 fragments: sd of a share about sqrt(.25 / 1000) / .91 = .017.
    assert got == pytest.approx(TRUTH, abs=4 * 0.017)


def test_blocks_count_by_their_fragments():
    # One block lies, on 1 fragment against 1,000 in the others: weighting leaves the answer where it is.
    made = atlas()
    fragments = np.full(len(made), 1_000)
    fragments[0] = 0
    profile = counted(made, np.array([0.0, 1.0, 0.0]), fragments)
    profile.add("block_uxm", made.names[0], [1, 0, 0])
    got = [f.value for f in tissue_features(profile, made, Features())][:3]
    assert got == pytest.approx([0, 1, 0], abs=2e-3)


def test_blanks_in_the_atlas_are_filled():
    made = atlas(blank=[(25, 0), (26, 2), (50, 1)])
    profile = counted(made, TRUTH, np.full(len(made), 100_000))
    got = [f.value for f in tissue_features(profile, made, Features())][:3]
    assert got == pytest.approx(TRUTH, abs=5e-3)


def test_too_few_blocks_are_missing_not_zero():
    made = atlas()
    fragments = np.zeros(len(made), int)
    fragments[:9] = 50
    features = tissue_features(counted(made, TRUTH, fragments), made, Features())
    assert all(np.isnan(feature.value) for feature in features)
    assert all("fewer than 10 covered blocks" in feature.definition for feature in features)
    fragments[9] = 50
    assert not np.isnan(tissue_features(counted(made, TRUTH, fragments), made, Features())[0].value)


def test_nothing_marked_is_missing():
    made = atlas()
    assert np.isnan(deconvolve(np.zeros(len(made)), np.full(len(made), 50), made)).all()
    assert np.isnan(deconvolve(np.zeros(len(made)), np.zeros(len(made)), made)).all()


def test_levels_of_calls_with_nnls():
    made = as_calls(atlas())
    profile = Profile()
    for row, name in enumerate(made.names):
        methylated = round(10_000 * made.fractions[row] @ TRUTH)
        # U, X, M of fragments say nothing here; fragments and bp are not used.
        profile.add("block_calls", name, [methylated, 10_000, 5_000, 500_000])
        profile.add("block_uxm", name, [7, 7, 7])
    for method in ("nnls", "em"):
        features = tissue_features(profile, made, Features(tissue_method=method))
        assert [f.value for f in features][:3] == pytest.approx(TRUTH, abs=2e-3)
        assert features[0].n == 60 * 10_000
    # Neuron's blocks: .05 * .95 + .95 * about .035 = .081 of the calls are methylated.
    by_name = {f.name: f for f in features}
    assert by_name["tissue_marker_neuron"].value == pytest.approx(0.081, abs=0.01)
    assert "methylated share of CpG calls" in by_name["tissue_marker_neuron"].definition


def test_two_types_by_hand():
    # Blocks with expected shares (.9, .1) and (.1, .9), 10 and 40 fragments of 100 marked: a = (0, .5), by
    # least squares of .1 = .9 a + .1 b and .4 = .1 a + .9 b; the solution a = .0625, b = .4375, sum .5.
    made = Atlas(
        ("1", "1"), np.array([0, 10]), np.array([5, 15]), ("x", "y"), ("a", "b"), ("U", "U"), ("a", "b"),
        np.array([[0.9, 0.1], [0.1, 0.9]]),
    )  # fmt: skip
    marked, total = np.array([10, 40]), np.array([100, 100])
    assert deconvolve(marked, total, made) == pytest.approx([0.125, 0.875])
    # Shares that sum to 1, by likelihood: with s of a, p1 = .1 + .8 s and p2 = .9 - .8 s; its slope
    # 10/p1 - 90/(1-p1) - 40/p2 + 60/(1-p2) is zero where p1 + p2 = 1 and 10/p1 + 60/p1 = 130/(1-p1):
    # p1 = 70/200, s = .3125.
    assert deconvolve(marked, total, made, "em") == pytest.approx([0.3125, 0.6875], abs=1e-3)


def test_the_method_suits_the_atlas():
    for method in ("uxm", "em"):
        check_method(method, atlas(), "a.tsv")
    for method in ("nnls", "em"):
        check_method(method, as_calls(atlas()), "a.tsv")
    with pytest.raises(InputError, match=r"uxm compares fragments, but atlas a.tsv holds levels of CpG"):
        check_method("uxm", as_calls(atlas()), "a.tsv")
    with pytest.raises(InputError, match=r"nnls compares levels of CpG calls, but atlas a.tsv holds shares"):
        check_method("nnls", atlas(), "a.tsv")


def test_the_record_has_intervals_and_says_who_is_there():
    made = atlas()
    truth = np.array([0.8, 0.2, 0.0])
    record = tissue_record(counted(made, truth, np.full(len(made), 50)), made, Features())
    assert record.obstacle is None
    assert record.method == "uxm"
    assert (record.markers.blocks, record.markers.covered) == (60, 60)
    assert record.markers.effective == pytest.approx(60)
    assert record.counts == 3_000
    for name, share in zip(TYPES, truth, strict=True):
        found = record.fractions[name]
        assert found.low <= share + 0.005
        assert found.high >= share
        assert found.low <= found.value <= found.high
        # Nobody is there, but 5 % might: absence is not claimed beyond the upper bound.
        assert found.presence == ("present" if share > 0 else "absent")
    # sd of liver's share about sqrt(.2 * .8 / 1000) / .91 = .0139: an interval of about four of them.
    width = record.fractions["Liver Hep"].high - record.fractions["Liver Hep"].low
    assert width == pytest.approx(4 * 0.0139, rel=0.3)
    # Counts rounded from their expectation scatter less than binomial ones.
    assert record.residual.value < 0.1
    assert record.residual.p > 0.99


def test_a_cell_type_that_the_atlas_lacks_shows_in_the_residual():
    made = atlas()
    # Half of the fragments are of a cell that has the marker state in every third block, of any type.
    marked = 0.5 * (np.where(np.isfinite(made.fractions), made.fractions, 0.03) @ TRUTH)
    marked += 0.5 * np.where(np.arange(60) % 3 == 0, 0.9, 0.02)
    profile = Profile()
    for name, share in zip(made.names, marked, strict=True):
        profile.add("block_uxm", name, [round(50 * share), 0, 50 - round(50 * share)])
    record = tissue_record(profile, made, Features())
    assert record.residual.value > 3
    assert record.residual.p < 1e-6


def test_below_the_floor_the_record_says_why():
    made = atlas()
    fragments = np.zeros(len(made), int)
    fragments[:9] = 50
    profile = counted(made, TRUTH, fragments)
    record = tissue_record(profile, made, Features())
    assert record.fractions == {}
    assert isinstance(record.obstacle, FewBlocks) and record.obstacle.needed == 10
    assert record.markers.covered == 9
    # No fragment at all, and none in a marker state.
    assert tissue_record(Profile(), made, Features()).obstacle == FewBlocks(needed=10, by_chance=0.0)
    unmarked = counted(made, np.zeros(3), np.full(len(made), 50))
    assert tissue_record(unmarked, made, Features()).obstacle == NoMarkerState()


def test_effective_markers_by_hand():
    # Counts 90 and ten times 1: 100^2 / (8100 + 10) = 1.233.
    made = atlas()
    fragments = np.zeros(len(made), int)
    fragments[0], fragments[1:11] = 90, 1
    record = tissue_record(counted(made, np.array([1.0, 0, 0]), fragments), made, Features())
    assert record.markers.effective == pytest.approx(10_000 / 8_110)


@pytest.mark.realdata
def test_public_atlas_tells_its_own_cell_types(realdata):
    made = Atlas.load(realdata / "atlas" / "Atlas.U25.l4.hg38.tsv")
    share = np.zeros(len(made.cell_types))
    share[[0, 20]] = 0.8, 0.2
    expected = np.where(np.isfinite(made.fractions), made.fractions, 0) @ share
    measured = np.isfinite(made.fractions[:, [0, 20]]).all(axis=1)
    total = np.where(measured, 1_000.0, 0.0)
    assert deconvolve(expected * total, total, made) == pytest.approx(share, abs=0.02)


@pytest.mark.realdata
def test_intervals_cover_with_the_public_atlas(realdata):
    made = Atlas.load(realdata / "atlas" / "Atlas.U25.l4.hg38.tsv")
    expected = complete(made)
    rng = np.random.default_rng(11)
    blood = [made.cell_types.index(name) for name in ("Blood-Granul", "Blood-Mono+Macro", "Blood-T")]
    liver, endothelium = made.cell_types.index("Liver-Hep"), made.cell_types.index("Endothel")
    covered, called = [], []
    for _ in range(12):
        shares = np.zeros(36)
        shares[[*blood, liver, endothelium]] = rng.dirichlet([40, 12, 12, 3, 6])
        known = np.isfinite(expected).all(axis=1)
        total = np.where(known, rng.poisson(10, size=900), 0)
        marked = rng.binomial(total, np.where(known, expected @ shares, 0))
        profile = Profile()
        for name, some, n in zip(made.names, marked, total, strict=True):
            profile.add("block_uxm", name, [some, 0, n - some])
        fractions = tissue_record(profile, made, Features()).fractions
        for column, name in enumerate(made.cell_types):
            if shares[column] >= 0.02:
                covered.append(fractions[name].low <= shares[column] <= fractions[name].high)
            elif shares[column] == 0:
                called.append(fractions[name].presence == "present")
    # About 56 shares and 370 absences: three standard deviations below .95 is .95 - 3 sqrt(.95 * .05 / 56) =
    # .863. The study over 2,000 draws is benchmarks/tissue.py.
    assert np.mean(covered) >= 0.863
    assert np.mean(called) <= 0.05
