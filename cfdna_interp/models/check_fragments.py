"""The fragments for the check of a model: those of the run, or made-up ones before extraction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.reference import UNKNOWN
from cfdna_interp.models.bags import REGIONS, inputs_of, locus_classes
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs
from cfdna_interp.models.reference_line import ReferenceLine, contig_starts
from cfdna_interp.stats.resampling import stream

_SAMPLES = 8
_EDGES = 4  # number of shortest and of longest fragments that are always included
SHORTEST, LONGEST = 60, 600  # bp
_TRIALS = 50  # places tried for a fragment before the reference is considered empty
_C, _G = 1, 2  # codes of bases, as fragments.reference numbers them


def made_up_fragments(n: int, rng: np.random.Generator, *, loci: int = 1) -> FragmentInputs:
    """Draw random fragments: lengths around 167 and 330 bp, up to ``MAX_CALLS`` calls each, no place.

    Parameters
    ----------
    n
        Number of fragments.
    rng
        Source of randomness.
    loci
        Number of locus classes. Class 0 is as frequent as all others together.
    """
    nucleosomes = 1 + (rng.random(n) < 0.15)
    length = np.clip(rng.normal(167 * nucleosomes, 25), SHORTEST, LONGEST).astype(np.int32)
    called = np.arange(MAX_CALLS) < np.minimum(rng.poisson(2.5, n), MAX_CALLS)[:, None]
    # Positions are at least two bases apart, so that CpGs don't overlap, and before the fragment's end.
    steps = np.sort(rng.random((n, MAX_CALLS)), axis=1) * (length[:, None] - 2 * MAX_CALLS - 2)
    offsets = steps.astype(np.int64) + 2 * np.arange(MAX_CALLS)
    touching = rng.random(n) < 0.5
    return FragmentInputs(
        length=length,
        offsets=np.where(called, offsets, -1).astype(np.int16),
        states=np.where(called, rng.random((n, MAX_CALLS)) < 0.7, -1).astype(np.int8),
        locus=np.where(touching, rng.integers(min(1, loci - 1), loci, n), 0).astype(np.int16),
        region=rng.integers(0, REGIONS, n).astype(np.int16),
        place=np.full(n, -1, dtype=np.int64),
        strand=np.where(rng.random(n) < 0.5, 1, -1).astype(np.int8),
    )


def fragments_of_reference(fasta: str, n: int, rng: np.random.Generator, *, loci: int = 1) -> FragmentInputs:
    """Draw fragments as :func:`made_up_fragments` does, on a genome, with calls at its CpGs.

    Parameters
    ----------
    fasta
        Indexed FASTA file.
    n, rng, loci
        As there.

    Raises
    ------
    InputError
        The file can't be read, or has no sufficiently long stretches of known bases.
    """
    line = ReferenceLine(fasta)
    names, lengths = list(line.contigs), np.array(list(line.contigs.values()), dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    fragments = made_up_fragments(n, rng, loci=loci)
    place = np.empty(n, dtype=np.int64)
    offsets = np.full((n, MAX_CALLS), -1, dtype=np.int16)
    room = np.maximum(lengths - LONGEST, 0)
    if not room.any():
        raise InputError(f"reference {fasta} has no contig of more than {LONGEST} bp; give the whole genome")
    for row, length in enumerate(fragments.length):
        for _ in range(_TRIALS):
            contig = int(rng.choice(len(names), p=room / room.sum()))
            start = int(rng.integers(room[contig]))
            codes = line.codes(names[contig], start, start + int(length))
            if not (codes == UNKNOWN).any():
                break
        else:
            raise InputError(f"reference {fasta} holds hardly any known bases; give the genome's sequence")
        place[row] = starts[contig] + start
        sites = np.flatnonzero((codes[:-1] == _C) & (codes[1:] == _G))[:MAX_CALLS]
        offsets[row, : len(sites)] = sites
    states = np.where(offsets >= 0, rng.random(offsets.shape) < 0.7, -1).astype(np.int8)
    return replace(fragments, offsets=offsets, states=states, place=place)


def probe_fragments(config: Config, layout: Layout, wanted: int) -> tuple[FragmentInputs, str]:
    """Return about ``wanted`` fragments in random order, and a description of their origin.

    They are drawn from up to ``_SAMPLES`` samples and include the shortest and longest. Before extraction
    they are made up, on the reference if there is one.

    Raises
    ------
    InputError
        A fragment table, the atlas or the reference can't be read.
    """
    rng = stream(config.seed, "probe-fragments")
    fasta = config.reference.fasta
    classes, loci = locus_classes(Atlas.load(config.atlas) if config.atlas else None)
    paths = sorted(layout.fragments("x").parent.glob("[!.]*.parquet"))[:_SAMPLES]
    starts = contig_starts(fasta) if fasta is not None and paths else None
    parts = [inputs_of(FragmentTable.load(path), classes, starts) for path in paths]
    pool = FragmentInputs.concatenate(parts) if parts else None
    if pool is not None and len(pool) >= wanted:
        by_length = np.argsort(pool.length, kind="stable")
        order = np.concatenate([by_length[:_EDGES], by_length[-_EDGES:], rng.permutation(len(pool))])
        _, first = np.unique(order, return_index=True)
        rows = rng.permutation(order[np.sort(first)[:wanted]])
        return pool.take(rows), f"{wanted} fragments of {len(paths)} samples of the run"
    if fasta is not None:
        return fragments_of_reference(fasta, wanted, rng, loci=loci), f"{wanted} made-up fragments of {fasta}"
    return made_up_fragments(wanted, rng, loci=loci), f"{wanted} made-up fragments (none extracted yet)"
