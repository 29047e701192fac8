"""Fragment tables as model inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import toy_fragments

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.errors import InputError
from cfdna_interp.models.bags import REGIONS, ContextMix, _fill, context_cells, inputs_of, locus_classes
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs


def table_of(calls: list[list[tuple[int, int]]], blocks: list[int]) -> FragmentTable:
    n = len(calls)
    flat = [call for fragment in calls for call in fragment]
    return FragmentTable(
        contig_names=("chr1",),
        contig=np.zeros(n, np.int32),
        start=np.arange(n, dtype=np.int32) * 1_000,
        length=np.full(n, 200, np.int32),
        mapq=np.full(n, 60, np.uint8),
        strand=np.ones(n, np.int8),
        gc=np.full(n, 0.4, np.float32),
        motif_5p=np.zeros(n, np.int16),
        motif_3p=np.zeros(n, np.int16),
        cpg_splits=np.concatenate([[0], np.cumsum([len(fragment) for fragment in calls])]),
        cpg_offsets=np.array([offset for offset, _ in flat], np.int32),
        cpg_states=np.array([state for _, state in flat], np.int8),
        block=np.array(blocks, np.int32),
    )


def test_calls_are_laid_out_row_by_row() -> None:
    inputs = inputs_of(table_of([[(3, 1), (50, 0)], [], [(-1, 1)]], [-1, 1, -1]), np.array([2, 1]))
    assert inputs.counts.tolist() == [2, 0, 1]
    assert inputs.offsets[0, :3].tolist() == [3, 50, -1]
    assert inputs.states[0, :3].tolist() == [1, 0, -1]
    # A CpG whose C lies one base before the fragment keeps its state and is placed at the first base.
    assert (inputs.offsets[2, 0], inputs.states[2, 0]) == (0, 1)
    # Fragment 1 touches block 1, which is of class 1; the others touch none.
    assert inputs.locus.tolist() == [0, 1, 0]


def test_calls_beyond_the_limit_are_cut_from_the_end() -> None:
    many = [(5 * i, i % 2) for i in range(MAX_CALLS + 4)]
    inputs = inputs_of(table_of([many], [-1]), np.zeros(0, dtype=np.int64))
    assert inputs.counts.tolist() == [MAX_CALLS]
    assert inputs.offsets[0, -1] == 5 * (MAX_CALLS - 1)


def test_blocks_of_one_target_and_direction_share_a_class() -> None:
    atlas = Atlas(
        contigs=("chr1",) * 3,
        starts=np.array([0, 100, 200]),
        ends=np.array([50, 150, 250]),
        names=("a", "b", "c"),
        targets=("liver", "neuron", "liver"),
        directions=("U", "U", "U"),
        cell_types=("liver", "neuron"),
        fractions=np.zeros((3, 2)),
    )
    classes, number = locus_classes(atlas)
    assert classes.tolist() == [1, 2, 1]
    assert number == 3
    assert locus_classes(None)[1] == 1


def test_regions_do_not_depend_on_the_order_of_contigs() -> None:
    one = table_of([[], []], [-1, -1])
    two = FragmentTable(**{**vars(one), "contig_names": ("chr9", "chr1"), "contig": np.ones(2, np.int32)})
    none = np.zeros(0, dtype=np.int64)
    assert (inputs_of(one, none).region == inputs_of(two, none).region).all()
    assert inputs_of(one, none).region.max() < REGIONS


def mix_and_cells(seed: int) -> tuple[ContextMix, FragmentInputs]:
    pool = [toy_fragments(2_000, np.random.default_rng(seed + part)) for part in range(3)]
    return ContextMix(pool), pool[0]


@settings(max_examples=50, deadline=None)
@given(n=st.integers(8, 300), bags=st.integers(1, 9), size=st.integers(1, 8), seed=st.integers(0, 99))
def test_a_bag_never_holds_a_fragment_twice(n: int, bags: int, size: int, seed: int) -> None:
    mix, _ = mix_and_cells(1)
    fragments = toy_fragments(n, np.random.default_rng(seed))
    rows = mix.bag_rows(fragments, bags, size, np.random.default_rng(seed), sample="S1")
    assert rows.shape == (bags, size)
    assert all(len(set(bag)) == size for bag in rows.tolist())
    assert rows.min() >= 0 and rows.max() < n


def test_bags_have_the_pools_mix_of_context_whatever_the_samples() -> None:
    # The sample holds twice as many fragments with four calls or more as the pool; its bags do not.
    mix, _ = mix_and_cells(2)
    raw = toy_fragments(20_000, np.random.default_rng(9))
    rich = np.flatnonzero(raw.counts >= 4)
    sample = raw.take(np.concatenate([np.arange(20_000), rich]))
    rows = mix.bag_rows(sample, 5, 1_000, np.random.default_rng(0), sample="S1")
    expected = dict(zip(mix.cells.tolist(), mix.shares, strict=True))
    for bag in rows:
        cells, counts = np.unique(context_cells(sample.take(bag)), return_counts=True)
        for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
            assert abs(count - 1_000 * expected.get(cell, 0)) <= 2  # rounding, and what a neighbour lacked
    # As long as the cells have enough, the bags share no fragment.
    assert len(np.unique(rows)) >= 4_900
    # Within a cell every fragment has its chance: over many draws all of a small sample are used.
    small = raw.take(np.arange(300))
    drawn = [mix.bag_rows(small, 1, 200, np.random.default_rng(k), sample="S1") for k in range(40)]
    assert len(np.unique(np.concatenate(drawn))) >= 290


def test_what_a_cell_lacks_comes_from_the_next_ones() -> None:
    assert _fill(np.array([3, 2, 2]), np.array([1, 9, 2])).tolist() == [1, 4, 2]
    assert _fill(np.array([1, 2, 4]), np.array([3, 5, 2])).tolist() == [3, 2, 2]


def test_a_sample_smaller_than_a_bag_is_an_error_with_a_remedy() -> None:
    mix, _ = mix_and_cells(3)
    few = toy_fragments(5, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"sample S7: 5 fragments .* lower model\.bag_size"):
        mix.bag_rows(few, 1, 6, np.random.default_rng(0), sample="S7")
