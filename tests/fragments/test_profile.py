from __future__ import annotations

import collections

import numpy as np
import pytest
from bams import CONTIGS, write_atlas
from hypothesis import given, settings
from hypothesis import strategies as st

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import MOTIFS, FragmentTable
from cfdna_interp.config.settings import Features
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.profile import Counter, check_atlas, touch_blocks


def table(rows, names=tuple(CONTIGS)):
    """Rows of (contig, start, length, motif_5p, motif_3p, {offset: state})."""
    n = len(rows)
    calls = [sorted(row[5].items()) for row in rows]
    return FragmentTable(
        contig_names=names,
        contig=np.array([row[0] for row in rows], dtype=np.int32),
        start=np.array([row[1] for row in rows], dtype=np.int32),
        length=np.array([row[2] for row in rows], dtype=np.int32),
        mapq=np.full(n, 60, np.uint8),
        strand=np.ones(n, np.int8),
        gc=np.full(n, 0.5, np.float32),
        motif_5p=np.array([row[3] for row in rows], dtype=np.int16),
        motif_3p=np.array([row[4] for row in rows], dtype=np.int16),
        cpg_splits=np.concatenate([[0], np.cumsum([len(c) for c in calls])]).astype(np.int64),
        cpg_offsets=np.array([offset for c in calls for offset, _ in c], dtype=np.int32),
        cpg_states=np.array([state for c in calls for _, state in c], dtype=np.int8),
        block=np.full(n, -1, dtype=np.int32),
    )


def counter(atlas=None, used=(0, 1, 2), **settings):
    return Counter(tuple(CONTIGS), tuple(CONTIGS.values()), used, atlas, Features(**settings))


def cells(counted, kind):
    """Key -> counts of the cells that aren't all zero."""
    found = counted.profile().counts.get(kind, {})
    return {key: counts.tolist() for key, counts in found.items() if counts.any()}


BLOCKS = [
    ("chr1", 1_000, 1_100, "liver", "U"),
    ("chr1", 1_100, 1_300, "neuron", "U"),
    ("2", 500, 600, "liver", "M"),
]


@pytest.fixture
def atlas(tmp_path):
    return Atlas.load(write_atlas(tmp_path / "a.tsv", BLOCKS, {"liver": [0.9] * 3, "blood": [0.1] * 3}))


def test_each_kind_by_hand(atlas):
    rows = [
        # Inside block b0 (1000-1100): 4 calls inside, 1 methylated of 4 = 25 %: U.
        (0, 1_000, 90, 0, 255, {5: 0, 25: 0, 45: 0, 65: 1}),
        # 3 of 4 inside b0 = 75 %: M; the fifth call, at 1010 + 95 = 1105, is outside b0 and doesn't count.
        (0, 1_010, 130, 0, -1, {5: 1, 25: 1, 45: 1, 65: 0, 95: 0}),
        # 2 of 4: X.
        (0, 1_020, 70, 5, 5, {5: 1, 25: 1, 45: 0, 65: 0}),
        # Two calls inside b1: too few for a state; still no call for the group methylation.
        (0, 1_150, 100, 5, 5, {5: 1, 25: 1}),
        # Outside all blocks, 5 calls, 3 methylated; the middle 4999 is in window 0.
        (0, 4_900, 199, 5, 5, {5: 1, 25: 1, 45: 1, 65: 0, 95: 0}),
        # The same pattern on chr2; its middle 5000 is in window 5000.
        (1, 4_900, 200, 5, 5, {5: 1, 25: 0, 45: 1, 65: 1, 95: 0}),
        # No call at all.
        (1, 4_000, 221, 5, 5, {}),
        # Block b2, named without chr in the atlas: 3 of 3 methylated.
        (1, 520, 150, 5, 5, {5: 1, 25: 1, 45: 1}),
    ]
    touched = touch_blocks(table(rows), atlas)
    assert touched.block.tolist() == [0, 0, 0, 1, -1, -1, -1, 2]
    counted = counter(atlas, window=5_000, uxm_min_cpgs=3)
    counted.add(touched)
    assert cells(counted, "block_uxm") == {"b0": [1, 1, 1], "b2": [0, 0, 1]}
    # b0: 1 of 4, 3 of 4 and 2 of 4 calls; fragments from 1000, 1010 and 1020 on hold 90 (up to 1090), 90
    # (up to its end at 1100) and 70 bp of it. b1: 2 of 2 calls in 1150-1250. b2 (500-600): 3 of 3 in 520-600.
    assert cells(counted, "block_calls") == {"b0": [6, 12, 3, 250], "b1": [2, 2, 1, 100], "b2": [3, 3, 1, 80]}
    assert cells(counted, "methylation") == {"5:3": [2]}
    assert cells(counted, "window") == {
        "chr1:0": [2, 1, 5],  # 100 and 130 bp short, 199 bp long
        "chr2:0": [1, 0, 2],  # 150 bp short, 221 bp neither
        "chr2:5000": [0, 1, 1],
    }
    assert cells(counted, "length_1bp") == {str(n): [1] for n in (90, 130, 70, 100, 199, 200, 221, 150)}
    # 16 ends: AAAA twice, TTTT once, one unknown, the rest MOTIFS[5] = AACC.
    assert cells(counted, "motif") == {"AAAA": [2], "TTTT": [1], MOTIFS[5]: [12]}


def same(one, other):
    ours, theirs = (
        {kind: {key: counts.tolist() for key, counts in found.items()} for kind, found in part.items()}
        for part in (one.profile().counts, other.profile().counts)
    )
    return ours == theirs


@settings(deadline=None)  # the kernels may have to be compiled first
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_chunks_and_parts_add_up(seed, parts):
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(40):
        length = int(rng.choice([rng.integers(60, 400), 2_000]))  # the latter beyond the first room for them
        offsets = rng.choice(60, size=rng.integers(0, 6), replace=False)
        calls = {int(o): int(rng.random() < 0.5) for o in offsets}
        place = (int(rng.integers(3)), int(rng.integers(0, 9_000)), length)
        rows.append((*place, int(rng.integers(-1, 256)), int(rng.integers(-1, 256)), calls))
    whole, chunked, merged = (counter(window=1_000) for _ in range(3))
    whole.add(table(rows))
    for part in range(parts):
        chunked.add(table(rows[part::parts]))
        one = counter(window=1_000)
        one.add(table(rows[part::parts]))
        merged.merge(one)
    assert same(chunked, whole)
    assert same(merged, whole)
    # An independent count, fragment by fragment.
    patterns = collections.Counter(f"{len(r[5])}:{sum(r[5].values())}" for r in rows if r[5])
    assert cells(whole, "methylation") == {key: [n] for key, n in patterns.items()}
    names = tuple(CONTIGS)
    windows = collections.Counter(f"{names[r[0]]}:{(r[1] + r[2] // 2) // 1_000 * 1_000}" for r in rows)
    assert {key: counts[2] for key, counts in cells(whole, "window").items()} == windows


def test_parts_of_different_reach_merge_either_way(atlas):
    # One part has fragments longer than 1,023 bp and with more than 63 calls, the other one in a block.
    far = table([(0, 30_000, 5_000, 1, 2, {2 * k: k % 2 for k in range(70)})])
    near = touch_blocks(table([(0, 1_000, 90, 3, 4, {5: 1, 25: 1, 45: 1})]), atlas)
    for first, second in ((far, near), (near, far)):
        one, other = counter(atlas, uxm_min_cpgs=3), counter(atlas, uxm_min_cpgs=3)
        one.add(first)
        other.add(second)
        one.merge(other)
        assert cells(one, "length_1bp") == {"90": [1], "5000": [1]}
        assert cells(one, "methylation") == {"70:35": [1]}
        assert cells(one, "block_uxm") == {"b0": [0, 0, 1]}
        assert cells(one, "motif") == {MOTIFS[k]: [1] for k in (1, 2, 3, 4)}


@pytest.mark.parametrize("calls", [62, 63, 64, 65, 200])
def test_many_calls_and_long_fragments(calls):
    rows = [(0, 500, length, 0, 0, {k: 1 for k in range(calls)}) for length in (1_022, 1_023, 1_024, 9_000)]
    counted = counter()
    counted.add(table([(0, 500, 100, 0, 0, {0: 0})]))  # before there is room for the others
    counted.add(table(rows))
    assert cells(counted, "methylation") == {"1:0": [1], f"{calls}:{calls}": [4]}
    assert cells(counted, "length_1bp") == {str(n): [1] for n in (100, 1_022, 1_023, 1_024, 9_000)}


@settings(deadline=None)  # the kernels may have to be compiled first
@given(st.integers(0, 10_000))
def test_touched_block_matches_brute_force(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.choice(2_000, size=12, replace=False)).tolist()
    blocks = [("chr1", low, high, "t", "U") for low, high in zip(edges[::2], edges[1::2], strict=True)]
    path = tmp_path_factory.mktemp("atlas") / "a.tsv"
    atlas = Atlas.load(write_atlas(path, blocks, {"a": [0.5] * 6, "b": [0.5] * 6}))
    rows = [(0, int(rng.integers(0, 2_000)), int(rng.integers(1, 300)), 0, 0, {}) for _ in range(30)]
    expected = [
        next((i for i, b in enumerate(blocks) if b[1] < row[1] + row[2] and row[1] < b[2]), -1)
        for row in rows
    ]
    assert touch_blocks(table(rows), atlas).block.tolist() == expected


def test_no_fragments_and_no_atlas():
    empty = counter(used=())
    empty.add(table([]))
    assert empty.profile().counts == {}
    assert touch_blocks(table([(0, 1, 100, 0, 0, {})]), None).block.tolist() == [-1]


def test_all_windows_of_contigs_in_use_are_there():
    # chr2 has 30,000 bp: three whole windows; chrX 20,000. chr1 is not in use.
    counted = counter(used=(2, 1), window=10_000)
    counted.add(table([(1, 9_000, 120, 0, 0, {})]))
    assert {key: counts.tolist() for key, counts in counted.profile().counts["window"].items()} == {
        "chr2:0": [1, 0, 1],
        "chr2:10000": [0, 0, 0],
        "chr2:20000": [0, 0, 0],
        "chrX:0": [0, 0, 0],
        "chrX:10000": [0, 0, 0],
    }


def test_a_contig_shorter_than_a_window_has_one_and_so_has_one_without_a_length():
    counted = Counter(("a", "b", "c"), (25_000, 0, 7), (0, 1, 2), None, Features(window=10_000))
    assert list(counted.profile().counts["window"]) == ["a:0", "a:10000", "a:20000", "b:0", "c:0"]


def test_a_midpoint_beyond_the_contig_is_in_its_last_window():
    # An aligner may let a fragment hang over a contig's end: chrX has 20,000 bp, the middle is 20,050.
    counted = counter(window=10_000)
    counted.add(table([(2, 19_950, 200, 0, 0, {})]))
    assert cells(counted, "window") == {"chrX:10000": [0, 1, 1]}


def test_an_atlas_of_another_build_is_refused(atlas):
    check_atlas(atlas, ["chr1", "chr2"], [10_000, 10_000], "S")
    with pytest.raises(InputError, match="sample S: x has no contig of the atlas"):
        check_atlas(atlas, ["chr9"], [10_000], "sample S: x")
    with pytest.raises(InputError, match="block b1 ends at 1300, but chr1 has 1200 bp"):
        check_atlas(atlas, ["chr1", "chr2"], [1_200, 10_000], "sample S: x")


def test_a_contig_without_a_length_has_a_window_of_its_own():
    counted = Counter(("a", "b"), (25_000, 0), (0, 1), None, Features(window=10_000))
    counted.add(table([(1, 500, 100, 0, 0, {})], ("a", "b")))
    assert cells(counted, "window") == {"b:0": [1, 0, 1]}
