"""The genome against what it promises, by other means than it was made."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cfdna_interp.simulation.genome import BASES, MARGIN, Genome, build_genome


@pytest.fixture(scope="module")
def genome() -> Genome:
    return build_genome(1)


@pytest.fixture(scope="module")
def text(genome: Genome) -> str:
    return BASES[genome.codes].tobytes().decode()


def test_cpgs_are_the_cgs_of_the_sequence(genome: Genome, text: str) -> None:
    found = [match.start() for match in re.finditer("CG", text)]
    assert genome.cpgs.tolist() == found
    assert genome.cpg_rank[genome.cpgs].tolist() == list(range(len(found)))


def test_cpgs_are_rare_outside_and_dense_inside_islands_and_blocks(genome: Genome) -> None:
    in_block = genome.touched_block(genome.cpgs, genome.cpgs + 1) >= 0
    in_island = genome.island[genome.cpgs]
    block_bases = (genome.block_ends - genome.block_starts).sum()
    sea_bases = len(genome.codes) - block_bases - genome.island.sum()
    assert 0.008 < (~in_block & ~in_island).sum() / sea_bases < 0.012  # about one per 100 bp
    # C and G with .325 each: .325² = .1056 per base, +- .0015 over 43,000 bases.
    assert in_island.sum() / genome.island.sum() == pytest.approx(0.1056, abs=0.006)


def test_blocks_hold_five_cpgs_and_no_fragment_touches_two(genome: Genome) -> None:
    lengths = genome.block_ends - genome.block_starts
    assert lengths.min() >= 300 and lengths.max() <= 600
    held = genome.cpg_rank[genome.block_ends] - genome.cpg_rank[genome.block_starts]
    assert held.min() >= 5
    assert (genome.block_starts[1:] - genome.block_ends[:-1]).min() > 1_000
    assert not (genome.island[genome.block_starts] | genome.island[genome.block_ends]).any()


def test_contexts_by_regular_expression(genome: Genome, text: str) -> None:
    part = text[:20_000]
    reverse = part[::-1].translate(str.maketrans("ACGT", "TGCA"))
    patterns = {"z": "C(?=G)", "x": "C(?=[ACT]G)", "h": "C(?=[ACT][ACT])"}
    for letter, pattern in patterns.items():
        forward = [m.start() for m in re.finditer(pattern, part) if 2 <= m.start() < 19_990]
        got = np.flatnonzero(genome.contexts[0, :19_990] == ord(letter))
        assert got.tolist() == forward
        backward = sorted(19_999 - m.start() for m in re.finditer(pattern, reverse))
        backward = [at for at in backward if 2 <= at < 19_990]
        got = np.flatnonzero(genome.contexts[1, :19_990] == ord(letter))
        assert got.tolist() == backward


def test_touched_block_by_comparison_with_every_block(genome: Genome) -> None:
    rng = np.random.default_rng(0)
    starts = rng.integers(0, len(genome.codes) - 1_000, size=500)
    # Exactly at the edges: [end, ...) and [..., start) don't touch, one base further does.
    edges = [genome.block_ends[3], genome.block_ends[3] - 1, genome.block_starts[4] - 50]
    starts = np.concatenate([starts, edges, [genome.block_starts[4] - 49, genome.block_ends[-1] + 5]])
    ends = starts + 50
    hits = (genome.block_starts[None] < ends[:, None]) & (genome.block_ends[None] > starts[:, None])
    expected = np.where(hits.any(axis=1), hits.argmax(axis=1), -1)
    assert genome.touched_block(starts, ends).tolist() == expected.tolist()
    assert expected[-5:].tolist() == [-1, 3, -1, 4, -1]


def test_nucleosomes_every_190_bp_and_away_from_the_ends(genome: Genome) -> None:
    gaps = np.diff(genome.dyads)
    gaps = gaps[gaps < 1_000]  # not across contigs
    assert abs(gaps.mean() - 190) < 0.5
    contig = genome.contig_of(genome.dyads)
    within = genome.dyads - genome.offsets[contig]
    assert within.min() >= MARGIN
    assert (np.array(genome.lengths)[contig] - within).min() > MARGIN


def test_fasta_index_points_at_the_bases(genome: Genome, text: str) -> None:
    fasta, index = genome.fasta()
    for i, line in enumerate(index.splitlines()):
        name, length, offset, bases, width = line.split("\t")
        assert (name, int(length)) == (genome.names[i], genome.lengths[i])
        at = 123_456
        place = int(offset) + at // int(bases) * int(width) + at % int(bases)
        assert fasta[place] == text[genome.offsets[i] + at]


def test_another_seed_gives_another_genome_and_the_same_seed_the_same() -> None:
    again = build_genome.__wrapped__(1)
    assert np.array_equal(again.codes, build_genome(1).codes)
    assert not np.array_equal(build_genome(2).codes, again.codes)
