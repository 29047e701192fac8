"""DNA of known methylation that laboratories add to samples, and what its reads show.

Lambda phage DNA is unmethylated, so each of its CpG calls that says methylated is a failed conversion. pUC19
is methylated at its CpGs in the kits of New England Biolabs (E7120), so each call that says unmethylated is a
methylated base that was converted. All cytosines of the phage Xp12 are methylated, those of T4 are
hydroxymethylated, which most chemistries read as methylated. PhiX is added to the sequencing run, after
conversion, and says nothing of it. None of them is the person's: they are no fragments of a sample, unless
``extract.contigs`` names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.alignment import Alignment, Shard
from cfdna_interp.fragments.chunk import Chunk, Settings, Totals
from cfdna_interp.fragments.decode import decode
from cfdna_interp.fragments.index import contig_starts
from cfdna_interp.fragments.spike_in_names import spike_ins
from cfdna_interp.records.qc import SpikeIn

FRAGMENTS = 20_000  # looked at of each; the error of a level of 1 % is then far under .1 %
LEAST_CALLS = 100  # fewer say little of a level
MOST_UNCONVERTED = 0.02  # of lambda's CpG calls; as of cytosines outside CpGs
LEAST_KEPT = 0.95  # of pUC19's CpG calls; NEB asks for it of E7120


def measure_spike_ins(alignment: Alignment, settings: Settings) -> tuple[SpikeIn, ...]:
    """Return what the reads on each spike-in of a file show: at most 20,000 fragments of each are looked at.

    Parameters
    ----------
    alignment
        Opened and checked.
    settings
        As for the sample. Rules of length, duplicates and places don't hold: spike-ins are short, and many
        copies of one place are no copies of one molecule.

    Raises
    ------
    InputError
        The file is damaged, or its index is.
    """
    kinds = spike_ins(alignment.contig_names, alignment.contig_lengths)
    found = []
    for index, shard in _shards(alignment, list(kinds)):
        name = alignment.contig_names[index]
        rules = replace(
            settings.rules, contigs=frozenset({index}), min_length=1, drop_duplicates=False, blacklist={}
        )
        fragments = methylated = calls = 0
        for chunk in _chunks(alignment, replace(settings, rules=rules), shard):
            fragments += len(chunk.table)
            calls += len(chunk.table.cpg_states)
            methylated += int((chunk.table.cpg_states == 1).sum())
            if fragments >= FRAGMENTS:
                break
        if fragments:
            found.append(
                SpikeIn(
                    contig=name, kind=kinds[index], fragments=fragments, methylated=methylated, calls=calls
                )
            )
    return tuple(found)


def spike_in_warnings(found: Sequence[SpikeIn]) -> tuple[str, ...]:
    """Return a line for each control whose level says that conversion failed."""
    lines = []
    for one in found:
        if one.calls < LEAST_CALLS:
            continue
        level = one.methylated / one.calls
        calls = f"{one.methylated:,} of {one.calls:,} CpG calls ({level:.1%})"
        what = f"spike-in {one.contig}: {calls} say methylated"
        if one.kind == "lambda" and level > MOST_UNCONVERTED:
            lines.append(
                f"{what}, but lambda DNA is unmethylated: conversion failed there; repeat it, or drop the "
                "sample"
            )
        if one.kind == "pUC19" and level < LEAST_KEPT:
            lines.append(
                f"{what}, but pUC19 is methylated where it is added as a control: methylated bases were "
                "converted; repeat the conversion, or drop the sample, unless this pUC19 was unmethylated"
            )
    return tuple(lines)


def _chunks(alignment: Alignment, settings: Settings, shard: Shard) -> Iterator[Chunk]:
    try:
        yield from decode(alignment, settings, Totals(), shard)
    except InputError:
        # The file itself has been read already. The reference may lack the spike-in: then it has no calls.
        if settings.dialect != "reference":
            raise


def _shards(alignment: Alignment, contigs: Sequence[int]) -> Iterator[tuple[int, Shard]]:
    """Yield each contig that has reads, with the part of the file that holds them."""
    if not contigs:
        return
    if not alignment.local_bam:
        for index in contigs:
            yield index, Shard(contigs=(alignment.contig_names[index],))
        return
    starts = contig_starts(alignment.path, len(alignment.contig_names), alignment.who, alignment.index)
    for index in contigs:
        begin = starts[index]
        if begin is not None:
            later = (start for start in starts[index + 1 :] if start is not None)
            yield index, Shard(begin=begin, end=next(later, None), contig=index)
