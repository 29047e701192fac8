from __future__ import annotations

import numpy as np
import pytest
import reference_decode
from bams import COMPLEMENT, GENOME, Molecule, letters, mates, random_molecules
from hypothesis import given, settings
from hypothesis import strategies as st
from two_decoders import both, settings_of
from xxhash import xxh64_intdigest

from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.fragments import scan as module
from cfdna_interp.fragments.kernels.hashing import hash_rows


def one(decoder, reads, dialect="xm", **settings):
    found = decoder(reads, settings_of(dialect, **settings))
    assert len(found.table) == 1
    return found.table, found.totals


def calls(table, row=0):
    here = slice(table.cpg_splits[row], table.cpg_splits[row + 1])
    return dict(zip(table.cpg_offsets[here].tolist(), table.cpg_states[here].tolist(), strict=True))


def share_of_gc(molecule):
    bases = [GENOME[molecule.contig][p] for p in molecule.covered()]
    return sum(base in "GC" for base in bases) / len(bases)


@both
def test_planted_molecules_come_back(monkeypatch, decoder):
    # Truth: base by base from the made-up genome, see bams.py. Small chunks: several must be stitched.
    monkeypatch.setattr(module, "CHUNK", 64)
    monkeypatch.setattr(reference_decode, "CHUNK", 64)
    molecules = random_molecules(300, seed=11)
    reads = [read for molecule in molecules for read in mates(molecule)]
    found = decoder(reads, settings_of())
    chunks, totals = found.chunks, found.totals
    assert len(chunks) == 5
    by_hash = {int(h): (c.table, row) for c in chunks for row, h in enumerate(c.hashes)}
    assert len(by_hash) == 300
    for molecule in molecules:
        table, row = by_hash[xxh64_intdigest(molecule.name.encode(), 5)]
        reference = GENOME[molecule.contig]
        assert (table.start[row], table.length[row]) == (molecule.start, molecule.length)
        assert table.strand[row] == (1 if molecule.strand == "CT" else -1)
        expected = {c - molecule.start: state for c, state in molecule.calls().items()}
        assert calls(table, row) == expected
        assert list(calls(table, row)) == sorted(expected)
        # All cytosines carry calls here, so undoing the conversion gives the genome back.
        assert table.gc[row] == pytest.approx(share_of_gc(molecule), abs=1e-6)
        first, last = reference[molecule.start :][:4], reference[: molecule.end][-4:]
        assert MOTIFS[table.motif_5p[row]] == first
        assert MOTIFS[table.motif_3p[row]] == last.translate(COMPLEMENT)[::-1]
    assert totals.chh[0] == 0
    assert totals.chh[1] == sum(read.get_tag("XM").count("h") for read in reads)
    raw = sum(read.get_tag("XM").upper().count("Z") for read in reads)
    counts = totals.tally.counts
    kept = sum(len(chunk.table.cpg_states) for chunk in chunks)
    assert (
        sum(int(table[:, 1].sum()) for table in totals.m_bias) == raw == kept + counts["overlap_calls_merged"]
    )
    assert counts["overlap_calls_discordant"] == 0
    assert counts["overlap_calls_merged"] > 0


def cpg(low, contig="chr1"):
    """The first CpG from ``low`` on."""
    return GENOME[contig].index("CG", low)


@both
def test_both_strands_place_a_call_at_the_forward_c(decoder):
    c = cpg(2_000)
    for strand in ("CT", "GA"):
        molecule = Molecule("m", c - 20, 120, strand=strand, methylated=frozenset({c}))
        assert calls(one(decoder, mates(molecule))[0])[20] == 1


@both
def test_a_cpg_across_a_fragment_end_is_read_on_one_strand(decoder):
    c = cpg(2_000)
    # The fragment begins at the G: only the reverse strand's G is inside, its C at offset -1.
    begins = {"CT": None, "GA": 1}
    # The fragment ends after the C: only the forward strand's C is inside, at offset length - 1.
    ends = {"CT": 1, "GA": None}
    for strand in ("CT", "GA"):
        molecule = Molecule("m", c + 1, 120, strand=strand, methylated=frozenset({c}))
        assert calls(one(decoder, mates(molecule))[0]).get(-1) == begins[strand]
        molecule = Molecule("m", c + 1 - 120, 120, strand=strand, methylated=frozenset({c}))
        assert calls(one(decoder, mates(molecule))[0]).get(119) == ends[strand]


@both
def test_mates_that_disagree_have_no_call(decoder):
    c = cpg(2_000)
    molecule = Molecule("m", c - 20, 60, methylated=frozenset({c}))
    forward, reverse = mates(molecule)
    alone, totals = one(decoder, [forward, reverse])
    others = len(alone.cpg_states) - 1
    assert totals.tally.counts["overlap_calls_merged"] == others + 1
    called = forward.get_tag("XM")
    forward.set_tag("XM", called[:20] + "z" + called[21:])
    table, totals = one(decoder, [forward, reverse])
    assert 20 not in calls(table)
    assert len(table.cpg_states) == others
    assert totals.tally.counts["overlap_calls_discordant"] == 1
    assert totals.tally.counts["overlap_calls_merged"] == others


@both
def test_calls_beyond_the_molecule_do_not_count(decoder):
    # A mate of 100 bases from a 70-bp molecule whose adapter was not trimmed: 30 bases past each end.
    molecule = Molecule("m", 3_000, 70)
    forward, reverse = mates(molecule)
    for read, low in ((forward, 3_000), (reverse, 2_970)):
        bases, called = letters(molecule, low, low + 100)
        read.reference_start, read.query_sequence, read.cigarstring = low, bases, "100M"
        read.set_tags([("XM", called, "Z"), ("XG", "CT", "Z")])
    table, _ = one(decoder, [forward, reverse])
    assert table.length[0] == 70
    inside = {c - 3_000 for c in range(3_000, 3_070) if GENOME["chr1"][c : c + 2] == "CG"}
    assert set(calls(table)) == inside
    assert table.gc[0] == pytest.approx(sum(b in "GC" for b in GENOME["chr1"][3_000:3_070]) / 70, abs=1e-6)


@both
def test_ignored_ends_are_counted_along_each_mate(decoder):
    molecule = random_molecules(1, seed=4)[0]
    reference = GENOME["chr1"]
    table, totals = one(decoder, mates(molecule), ignore=(7, 3))
    # By strand of the read: the forward mate is sequenced upwards, the reverse mate downwards.
    spans = {*range(molecule.start + 7, molecule.start + 57), *range(molecule.end - 57, molecule.end - 7)}
    shift = 0 if molecule.strand == "CT" else 1
    expected = {p - shift - molecule.start for p in spans if reference[p - shift : p - shift + 2] == "CG"}
    assert set(calls(table)) == expected
    # M-bias is there to choose the numbers, so it counts all positions; motifs don't change either.
    free, free_totals = one(decoder, mates(molecule))
    for ours, theirs in zip(totals.m_bias, free_totals.m_bias, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (table.motif_5p[0], table.motif_3p[0]) == (free.motif_5p[0], free.motif_3p[0])


@both
def test_m_bias_runs_along_the_read_as_sequenced(decoder):
    c = cpg(2_000)
    # Forward strand, the CpG at offset 20 of the forward mate and far from the reverse mate.
    molecule = Molecule("m", c - 20, 300, methylated=frozenset({c}), forward_first=False)
    _, totals = one(decoder, mates(molecule))
    assert totals.m_bias[1][20].tolist() == [1, 1]  # the forward mate is the second in the pair
    last = max(p for p in range(molecule.end - 60, molecule.end) if GENOME["chr1"][p : p + 2] == "CG")
    assert totals.m_bias[0][molecule.end - 1 - last].tolist() == [0, 1]


@both
def test_insertions_deletions_and_clips_move_the_calls(decoder):
    c = cpg(2_000)
    molecule = Molecule("m", c - 40, 200, methylated=frozenset({c}))
    plain, _ = one(decoder, mates(molecule))
    forward, reverse = mates(molecule)
    bases, called = forward.query_sequence, forward.get_tag("XM")
    # Three clipped bases, then 10 aligned, 2 inserted, 10 aligned, 5 deleted, the rest.
    forward.query_sequence = "AAA" + bases[:10] + "TT" + bases[10:20] + bases[25:]
    forward.cigarstring = "3S10M2I10M5D35M"
    forward.set_tag("XM", "..." + called[:10] + ".." + called[10:20] + called[25:])
    table, _ = one(decoder, [forward, reverse])
    lost = {offset for offset in calls(plain) if 20 <= offset < 25}
    assert calls(table) == {o: s for o, s in calls(plain).items() if o not in lost}
    assert table.length[0] == 200
    # The end motif begins where the fragment does: at the first aligned base. The aligner clipped three.
    assert MOTIFS[table.motif_5p[0]] == GENOME["chr1"][c - 40 : c - 36]


@both
def test_without_methylation_bases_are_taken_as_read(decoder):
    molecule = random_molecules(1, seed=9)[0]
    reads = mates(molecule, tags=False)
    table, totals = one(decoder, reads, dialect="none")
    assert (len(table.cpg_states), table.strand[0], totals.chh) == (0, 0, (0, 0))
    assert MOTIFS[table.motif_5p[0]] == reads[0].query_sequence[:4]


@both
def test_unknown_bases_give_no_motif(decoder):
    forward, reverse = mates(Molecule("m", 1_000, 100), tags=False)
    bases = forward.query_sequence
    forward.query_sequence = "AN" + bases[2:]
    table, _ = one(decoder, [forward, reverse], dialect="none")
    assert table.motif_5p[0] == -1
    assert table.motif_3p[0] >= 0


@both
def test_strand_is_unknown_where_mates_disagree(decoder):
    forward, reverse = mates(Molecule("m", 1_000, 200))
    reverse.set_tag("XG", "GA")
    assert one(decoder, [forward, reverse])[0].strand[0] == 0


def test_hash_is_xxh64_of_the_name():
    # Test vectors of the xxHash project: of nothing and of "abc", seed 0.
    rows = hash_rows(np.frombuffer(b"abc", dtype=np.uint8), np.array([0, 0, 3]), 0)
    assert rows.tolist() == [0xEF46DB3751D8E999, 0x44BC2CF5AD770999]


@settings(deadline=None)  # the kernels may have to be compiled first
@given(st.lists(st.binary(max_size=100), min_size=1), st.integers(0, 2**63 - 1))
def test_hash_is_that_of_the_c_library(names, seed):
    buffer = np.frombuffer(b"".join(names), dtype=np.uint8)
    splits = np.cumsum([0, *map(len, names)])
    assert hash_rows(buffer, splits, seed).tolist() == [xxh64_intdigest(name, seed) for name in names]
