"""Near-duplicates by features and by molecules: copies are found, people are not accused."""

import numpy as np
import pytest

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.audit.duplicates import near_duplicates
from cfdna_interp.audit.shared_fragments import keys, shared_fragments
from cfdna_interp.fragments.build import common_name
from cfdna_interp.records.missing import Cause, Missing


def people(seed, n=100, features=40, latent=6):
    """Features that are few latent numbers and noise, on scales from 1 to 1,000."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, latent)) @ rng.normal(size=(latent, features)) + 0.7 * rng.normal(
        size=(n, features)
    )
    return X * np.geomspace(1, 1_000, features), rng


def names(n):
    return [f"S{i}" for i in range(n)], [f"P{i}" for i in range(n)]


def test_copies_with_noise_are_found_and_nobody_else():
    X, rng = people(1)
    X[70] = X[3] * (1 + 0.02 * rng.normal(size=40))
    for copy in (80, 81):  # three of a kind
        X[copy] = X[5] * (1 + 0.02 * rng.normal(size=40))
    got = near_duplicates(X, *names(100))
    pairs = {(pair.a, pair.b) for pair in got.pairs}
    assert pairs == {("S3", "S70"), ("S5", "S80"), ("S5", "S81"), ("S80", "S81")}
    assert max(pair.ratio for pair in got.pairs) < 0.3


def test_exact_copies_missing_values_and_constant_features():
    X, _ = people(2)
    X[:, 0] = 1.0
    X[:, 1] = np.where(np.arange(100) < 3, 1.0, 0.0)
    X[::7, 2] = np.nan
    X[40] = X[41]
    got = near_duplicates(X, *names(100))
    assert [(pair.a, pair.b) for pair in got.pairs] == [("S40", "S41")]
    assert got.pairs[0].ratio < 1e-6


def test_people_are_not_accused():
    # Family-wise level .01: of 60 cohorts more than 4 are accused with probability .0003.
    accused = sum(bool(near_duplicates(people(seed)[0], *names(100)).pairs) for seed in range(100, 160))
    assert accused <= 4


def test_two_batches_far_apart_are_no_duplicates():
    X, _ = people(3)
    X[::2] += 5 * X.std(axis=0)
    assert near_duplicates(X, *names(100)).pairs == ()


def test_the_dimension_is_that_of_the_latent_numbers():
    rng = np.random.default_rng(4)
    # Six features that are three numbers: uniform in a cube, 3, a little less by its faces.
    X = rng.uniform(size=(2_000, 3)) @ rng.normal(size=(3, 6))
    assert near_duplicates(X, *names(2_000)).dimension == pytest.approx(3, abs=0.3)


def test_samples_of_one_subject_are_not_compared():
    X, rng = people(5)
    X[1::2] = X[::2] * (1 + 0.01 * rng.normal(size=(50, 40)))
    samples = [f"S{i}" for i in range(100)]
    assert near_duplicates(X, samples, [f"P{i // 2}" for i in range(100)]).pairs == ()


def test_what_cannot_be_compared_is_said():
    X, _ = people(6, n=19)
    assert near_duplicates(X, *names(19)).missing == Missing(why=Cause.FEW_SUBJECTS, needed=20)
    too_few = Missing(why=Cause.FEW_FEATURES, needed=5)
    assert near_duplicates(np.ones((30, 6)), *names(30)).missing == too_few
    assert near_duplicates(np.tile([[0.0], [1.0]], (30, 6)), *names(60)).missing == too_few
    # Four features that vary are few: rounded to two places, strangers are equal in all of them now and then.
    assert near_duplicates(X_of(30)[:, :4], *names(30)).missing == too_few


def X_of(n, features=40):
    return people(6, n=n, features=features)[0]


def test_strangers_who_share_zeros_or_gaps_are_not_accused():
    rng = np.random.default_rng(8)
    # Weights of signatures: four of five are 0, so that whole rows are equal by chance.
    weights = rng.exponential(size=(100, 30)) * (rng.random((100, 30)) < 0.02)
    assert len(np.unique(weights, axis=0)) < 70
    found = near_duplicates(
        np.hstack([X_of(100), weights]), *names(100), ["lengths"] * 40 + ["signatures"] * 30
    )
    assert (found.pairs, found.searched) == ((), ("lengths",))
    # Ten people whose tissue was not measured are all at its medians.
    gaps = X_of(100)
    gaps[:10, :12] = np.nan
    assert near_duplicates(gaps, *names(100), ["tissue"] * 12 + ["lengths"] * 28).pairs == ()


def test_a_part_of_a_table_that_was_copied_is_found_in_its_group():
    rng = np.random.default_rng(9)
    X = rng.normal(size=(100, 60))
    X[60, :20] = X[2, :20]
    X[61] = X[3] + 0.05 * rng.normal(size=60)
    found = near_duplicates(X, *names(100), ["lengths"] * 20 + ["levels"] * 40)
    assert {(pair.a, pair.b, pair.group) for pair in found.pairs} == {
        ("S2", "S60", "lengths"),
        ("S3", "S61", ""),
    }
    assert found.searched == ("lengths", "levels")


@pytest.mark.parametrize("features", [24, 166])
@pytest.mark.parametrize("share", [0.2, 1.0])
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_second_libraries_of_few_or_all_held_out_people_are_found(features, share, noise):
    rng = np.random.default_rng(10)
    X = rng.normal(size=(100, features))
    copies = round(50 * share)
    X[50 : 50 + copies] = X[:copies] + noise * rng.normal(size=(copies, features))
    found = {(pair.a, pair.b) for pair in near_duplicates(X, *names(100)).pairs}
    assert found == {(f"S{i}", f"S{50 + i}") for i in range(copies)}


def test_of_few_latent_numbers_many_copies_help_each_other():
    # Five latent numbers in 24 features, noise of a tenth: one copy alone is hard to tell from strangers who
    # are alike, sixteen together are not.
    rng = np.random.default_rng(11)
    X = rng.normal(size=(160, 5)) @ rng.normal(size=(5, 24)) + 0.5 * rng.normal(size=(160, 24))
    X[80:96] = X[:16] + 0.1 * X.std(axis=0) * rng.normal(size=(16, 24))
    found = {(pair.a, pair.b) for pair in near_duplicates(X, *names(160)).pairs}
    assert found <= {(f"S{i}", f"S{80 + i}") for i in range(16)}
    assert len(found) >= 13


def table(starts, lengths, contigs=("chr1", "chr2"), contig=None):
    n = len(starts)
    zeros = np.zeros(n, dtype=np.int32)
    return FragmentTable(
        contig_names=tuple(contigs),
        contig=zeros if contig is None else np.asarray(contig, dtype=np.int32),
        start=np.asarray(starts, dtype=np.int32),
        length=np.asarray(lengths, dtype=np.int32),
        mapq=zeros, strand=zeros, gc=zeros, motif_5p=zeros, motif_3p=zeros,
        cpg_splits=np.zeros(n + 1, dtype=np.int64), cpg_offsets=zeros[:0], cpg_states=zeros[:0], block=zeros,
    )  # fmt: skip


def library(rng, n=6_000, genome=3_000_000):
    return table(rng.integers(genome, size=n), rng.normal(167, 15, size=n).round())


def test_keys_are_the_molecules_whatever_the_naming_and_order():
    a = table([5, 9, 9], [100, 120, 121], ("chr1", "chr2"), [0, 1, 1])
    b = table([9, 9, 5], [121, 120, 100], ("2", "1"), [0, 0, 1])
    np.testing.assert_array_equal(keys(a, common_name), keys(b, common_name))
    assert len(keys(a)) == 3
    moved = keys(table([5, 9, 9], [100, 120, 122], ("chr1", "chr2"), [0, 1, 1]))
    assert len(np.intersect1d(moved, keys(a))) == 2
    assert len(keys(table([], []))) == 0


def test_two_subsamples_of_one_library_are_found():
    rng = np.random.default_rng(1)
    hashed = [keys(library(rng)) for _ in range(12)]
    # Two draws of a tenth from one library of 60,000: they share a tenth of each other.
    whole = library(rng, n=60_000)
    hashed += [keys(whole.take(np.sort(rng.choice(60_000, 6_000, replace=False)))) for _ in range(2)]
    samples, subjects = names(14)
    got = shared_fragments(hashed, samples, subjects)
    assert [(pair.a, pair.b) for pair in got.pairs] == [("S12", "S13")]
    # 2,000 fragments compared: standard error .007.
    assert got.pairs[0].share == pytest.approx(0.1, abs=0.03)
    assert shared_fragments(hashed, samples, subjects[:13] + subjects[12:13]).pairs == ()
    assert shared_fragments([hashed[0], hashed[0]], *names(2)).pairs == ()  # nobody to compare with


def test_unrelated_libraries_are_not_accused_even_in_a_tiny_genome():
    rng = np.random.default_rng(2)
    for genome in (20_000, 3_000_000):
        hashed = [keys(library(rng, 3_000, genome)) for _ in range(20)]
        got = shared_fragments(hashed, *names(20))
        assert got.pairs == ()
        # The chance that one of 3,000 fragments starts and ends where one of the other's do: about
        # 3,000 / genome times the chance 1 / (2 √π 15) of equal lengths.
        assert got.expected == pytest.approx(3_000 / genome / (2 * np.sqrt(np.pi) * 15), rel=0.25, abs=5e-4)


def test_too_few_fragments_are_said():
    rng = np.random.default_rng(3)
    got = shared_fragments([keys(library(rng, 100)) for _ in range(5)], *names(5))
    assert got.missing == Missing(why=Cause.FEW_FRAGMENTS, needed=200)
    assert shared_fragments([], [], []).samples == 0


def test_a_library_far_deeper_than_the_others_is_compared_where_all_are_complete():
    rng = np.random.default_rng(4)
    hashed = [keys(library(rng, 3_000)) for _ in range(8)]
    deep = library(rng, 60_000)
    hashed += [keys(deep), keys(deep.take(np.sort(rng.choice(60_000, 3_000, replace=False))))]
    got = shared_fragments(hashed, *names(10))
    assert [(pair.a, pair.b) for pair in got.pairs] == [("S8", "S9")]
    assert got.pairs[0].share == 1.0  # all of the smaller one


def test_pairs_come_in_blocks_of_any_size(monkeypatch):
    rng = np.random.default_rng(5)
    hashed = [keys(library(rng, 1_000, 50_000)) for _ in range(11)]
    hashed[9] = hashed[2]
    whole = shared_fragments(hashed, *names(11))
    assert [(pair.a, pair.b) for pair in whole.pairs] == [("S2", "S9")]
    for block in (1, 4):
        monkeypatch.setattr("cfdna_interp.audit.shared_fragments.BLOCK", block)
        assert shared_fragments(hashed, *names(11)) == whole
