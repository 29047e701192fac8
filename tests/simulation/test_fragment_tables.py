"""Fragment tables and BAM files are two views of the same molecules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import MOTIFS, FragmentTable
from cfdna_interp.simulation.cohort import simulate
from cfdna_interp.simulation.fragment_tables import SimulatedFragments, simulate_tables
from cfdna_interp.simulation.noise import build_summaries
from cfdna_interp.simulation.worlds import Library, World, load_world

SMALL = replace(load_world("tissue"), fragments=1_500, discovery=4, heldout=2)


def as_tuples(table: FragmentTable) -> list[tuple]:
    rows = []
    for i in range(len(table)):
        calls = slice(table.cpg_splits[i], table.cpg_splits[i + 1])
        places = table.start[i] + table.cpg_offsets[calls]
        rows.append(
            (
                table.contig_names[table.contig[i]],
                int(table.start[i]),
                int(table.length[i]),
                int(table.strand[i]),
                tuple(zip(places.tolist(), table.cpg_states[calls].tolist(), strict=True)),
            )
        )
    return sorted(rows)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimulatedFragments, Path]:
    world = replace(SMALL, library=Library(conversion=1.0, errors=0.0))
    folder = tmp_path_factory.mktemp("both")
    simulate(world, folder, seed=7)
    return simulate_tables(world, seed=7), folder


def test_same_fragments_and_calls(both: tuple[SimulatedFragments, Path], readback: Callable) -> None:
    cohort, folder = both
    for subject, table in zip(cohort.subjects, cohort.tables, strict=True):
        assert as_tuples(table) == [tuple(row) for row in readback(folder / subject.row.bam)]


def test_a_real_library_changes_few_calls(readback: Callable, tmp_path: Path) -> None:
    simulate(SMALL, tmp_path, seed=7)
    cohort = simulate_tables(SMALL, seed=7)
    changed = total = 0
    for subject, table in zip(cohort.subjects, cohort.tables, strict=True):
        read = readback(tmp_path / subject.row.bam)
        truth = as_tuples(table)
        # Fragments with equal coordinates may swap places in the order: compare where there is one only.
        places = [row[:4] for row in truth]
        assert [tuple(row[:4]) for row in read] == places
        for (*_, expected), (*_, got) in zip(truth, read, strict=True):
            common = dict(expected).keys() & dict(got).keys()
            assert len(got) <= len(expected)
            changed += sum(dict(expected)[at] != dict(got)[at] for at in common)
            total += len(common)
    # A third of the calls are unmethylated, of which .5 % fail to convert; errors change some .07 % more.
    assert 0 < changed / total < 0.006


def test_atlas_gc_and_motifs_by_plain_text(both: tuple[SimulatedFragments, Path]) -> None:
    cohort, folder = both
    atlas = Atlas.load(folder / "atlas.tsv")
    assert np.array_equal(atlas.fractions, cohort.atlas.fractions)
    assert (atlas.contigs, atlas.names, atlas.targets) == (
        cohort.atlas.contigs,
        cohort.atlas.names,
        cohort.atlas.targets,
    )
    reverse = str.maketrans("ACGT", "TGCA")
    table = cohort.tables[0]
    with pysam.FastaFile(str(folder / "genome.fa")) as fasta:
        for i in range(0, len(table), 5):
            contig = table.contig_names[table.contig[i]]
            start, length = int(table.start[i]), int(table.length[i])
            text = fasta.fetch(contig, start, start + length)
            assert MOTIFS[table.motif_5p[i]] == text[:4]
            assert MOTIFS[table.motif_3p[i]] == text[-4:].translate(reverse)[::-1]
            read = text if length <= 200 else text[:100] + text[-100:]
            assert table.gc[i] == pytest.approx((read.count("G") + read.count("C")) / len(read), abs=1e-6)
            touched = [
                j
                for j in range(len(atlas))
                if atlas.contigs[j] == contig and atlas.starts[j] < start + length and atlas.ends[j] > start
            ]
            assert touched == ([table.block[i]] if table.block[i] >= 0 else [])


def d(values: np.ndarray, labels: np.ndarray) -> float:
    case, control = values[labels == 1], values[labels == 0]
    pooled = np.sqrt(
        (case.var(ddof=1) * (len(case) - 1) + control.var(ddof=1) * (len(control) - 1)) / (len(values) - 2)
    )
    return float((case.mean() - control.mean()) / pooled)


@pytest.mark.parametrize("name", ["length", "methylation", "tissue", "null"])
def test_realised_effects_at_sample_level(name: str) -> None:
    world: World = replace(load_world(name), fragments=4_000, discovery=200, heldout=200)
    cohort = simulate_tables(world, seed=5)
    labels = np.array([s.row.label for s in cohort.subjects])
    summaries = build_summaries(world.genome)
    observed = np.array([summaries.of(table) for table in cohort.tables])
    planted = np.array([s.latents for s in cohort.subjects])
    noise = summaries.noise(4_000)
    for i, effect in enumerate(world.effect_vector()):
        # SD of d with 200 + 200: sqrt(1/200 + 1/200 + d² / (2 * 398)).
        assert d(observed[:, i], labels) == pytest.approx(effect, abs=3.5 * np.sqrt(0.01 + effect**2 / 796))
        within = np.concatenate([observed[labels == k, i] - observed[labels == k, i].mean() for k in (0, 1)])
        # An SD from 400 has a relative SD of 3.5 %; the tissue score bends a little.
        assert within.std() == pytest.approx(1.0, abs=0.14)
        error = observed[:, i] - planted[:, i]
        assert error.std() == pytest.approx(noise[i], rel=0.2)
