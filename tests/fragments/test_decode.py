from __future__ import annotations

import numpy as np
import pytest
from bams import COMPLEMENT, CONTIGS, GENOME, Molecule, letters, mates, random_molecules

from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.fragments import decode as module
from cfdna_interp.fragments.decode import Settings, Totals, decode_reads, fragment_hash
from cfdna_interp.fragments.filters import Rules

NAMES = tuple(CONTIGS)


def run(reads, totals=None, **changes):
    settings = Settings(
        **{"rules": Rules(contigs=frozenset(range(3))), "dialect": "xm", "seed": 5, **changes}
    )
    totals = totals or Totals()
    chunks = list(decode_reads(reads, NAMES, settings, totals))
    return chunks, totals


def one(reads, **changes):
    chunks, totals = run(reads, **changes)
    assert [len(chunk.table) for chunk in chunks] == [1]
    return chunks[0].table, totals


def calls(table, row=0):
    here = slice(table.cpg_splits[row], table.cpg_splits[row + 1])
    return dict(zip(table.cpg_offsets[here].tolist(), table.cpg_states[here].tolist(), strict=True))


def share_of_gc(molecule):
    bases = [GENOME[molecule.contig][p] for p in molecule.covered()]
    return sum(base in "GC" for base in bases) / len(bases)


def test_planted_molecules_come_back(monkeypatch):
    # Truth: base by base from the made-up genome, see bams.py. Small chunks: several must be stitched.
    monkeypatch.setattr(module, "CHUNK", 64)
    molecules = random_molecules(300, seed=11)
    reads = [read for molecule in molecules for read in mates(molecule)]
    chunks, totals = run(reads)
    assert len(chunks) == 5
    by_hash = {int(h): (c.table, row) for c in chunks for row, h in enumerate(c.hashes)}
    assert len(by_hash) == 300
    for molecule in molecules:
        table, row = by_hash[fragment_hash(molecule.name, 5)]
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


def test_both_strands_place_a_call_at_the_forward_c():
    c = cpg(2_000)
    for strand in ("CT", "GA"):
        molecule = Molecule("m", c - 20, 120, strand=strand, methylated=frozenset({c}))
        assert calls(one(mates(molecule))[0])[20] == 1


def test_a_cpg_across_a_fragment_end_is_read_on_one_strand():
    c = cpg(2_000)
    # The fragment begins at the G: only the reverse strand's G is inside, its C at offset -1.
    begins = {"CT": None, "GA": 1}
    # The fragment ends after the C: only the forward strand's C is inside, at offset length - 1.
    ends = {"CT": 1, "GA": None}
    for strand in ("CT", "GA"):
        molecule = Molecule("m", c + 1, 120, strand=strand, methylated=frozenset({c}))
        assert calls(one(mates(molecule))[0]).get(-1) == begins[strand]
        molecule = Molecule("m", c + 1 - 120, 120, strand=strand, methylated=frozenset({c}))
        assert calls(one(mates(molecule))[0]).get(119) == ends[strand]


def test_mates_that_disagree_have_no_call():
    c = cpg(2_000)
    molecule = Molecule("m", c - 20, 60, methylated=frozenset({c}))
    forward, reverse = mates(molecule)
    alone, totals = one([forward, reverse])
    others = len(alone.cpg_states) - 1
    assert totals.tally.counts["overlap_calls_merged"] == others + 1
    called = forward.get_tag("XM")
    forward.set_tag("XM", called[:20] + "z" + called[21:])
    table, totals = one([forward, reverse])
    assert 20 not in calls(table)
    assert len(table.cpg_states) == others
    assert totals.tally.counts["overlap_calls_discordant"] == 1
    assert totals.tally.counts["overlap_calls_merged"] == others


def test_calls_beyond_the_molecule_do_not_count():
    # A mate of 100 bases from a 70-bp molecule whose adapter was not trimmed: 30 bases past each end.
    molecule = Molecule("m", 3_000, 70)
    forward, reverse = mates(molecule)
    for read, low in ((forward, 3_000), (reverse, 2_970)):
        bases, called = letters(molecule, low, low + 100)
        read.reference_start, read.query_sequence, read.cigarstring = low, bases, "100M"
        read.set_tags([("XM", called, "Z"), ("XG", "CT", "Z")])
    table, _ = one([forward, reverse])
    assert table.length[0] == 70
    inside = {c - 3_000 for c in range(3_000, 3_070) if GENOME["chr1"][c : c + 2] == "CG"}
    assert set(calls(table)) == inside
    assert table.gc[0] == pytest.approx(sum(b in "GC" for b in GENOME["chr1"][3_000:3_070]) / 70, abs=1e-6)


def test_ignored_ends_are_counted_along_each_mate():
    molecule = random_molecules(1, seed=4)[0]
    reference = GENOME["chr1"]
    table, totals = one(mates(molecule), ignore_5p=7, ignore_3p=3)
    # By strand of the read: the forward mate is sequenced upwards, the reverse mate downwards.
    spans = {*range(molecule.start + 7, molecule.start + 57), *range(molecule.end - 57, molecule.end - 7)}
    shift = 0 if molecule.strand == "CT" else 1
    expected = {p - shift - molecule.start for p in spans if reference[p - shift : p - shift + 2] == "CG"}
    assert set(calls(table)) == expected
    # M-bias is there to choose the numbers, so it counts all positions; motifs don't change either.
    free, free_totals = one(mates(molecule))
    for ours, theirs in zip(totals.m_bias, free_totals.m_bias, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (table.motif_5p[0], table.motif_3p[0]) == (free.motif_5p[0], free.motif_3p[0])


def test_m_bias_runs_along_the_read_as_sequenced():
    c = cpg(2_000)
    # Forward strand, the CpG at offset 20 of the forward mate and far from the reverse mate.
    molecule = Molecule("m", c - 20, 300, methylated=frozenset({c}), forward_first=False)
    _, totals = one(mates(molecule))
    assert totals.m_bias[1][20].tolist() == [1, 1]  # the forward mate is the second in the pair
    last = max(p for p in range(molecule.end - 60, molecule.end) if GENOME["chr1"][p : p + 2] == "CG")
    assert totals.m_bias[0][molecule.end - 1 - last].tolist() == [0, 1]


def test_insertions_deletions_and_clips_move_the_calls():
    c = cpg(2_000)
    molecule = Molecule("m", c - 40, 200, methylated=frozenset({c}))
    plain, _ = one(mates(molecule))
    forward, reverse = mates(molecule)
    bases, called = forward.query_sequence, forward.get_tag("XM")
    # Three clipped bases, then 10 aligned, 2 inserted, 10 aligned, 5 deleted, the rest.
    forward.query_sequence = "AAA" + bases[:10] + "TT" + bases[10:20] + bases[25:]
    forward.cigarstring = "3S10M2I10M5D35M"
    forward.set_tag("XM", "..." + called[:10] + ".." + called[10:20] + called[25:])
    table, _ = one([forward, reverse])
    lost = {offset for offset in calls(plain) if 20 <= offset < 25}
    assert calls(table) == {o: s for o, s in calls(plain).items() if o not in lost}
    assert table.length[0] == 200
    # The end motif is of the molecule: its first sequenced bases, although the aligner clipped three.
    assert MOTIFS[table.motif_5p[0]] == "AAA" + GENOME["chr1"][c - 40]


def test_without_methylation_bases_are_taken_as_read():
    molecule = random_molecules(1, seed=9)[0]
    reads = mates(molecule, tags=False)
    table, totals = one(reads, dialect="none")
    assert (len(table.cpg_states), table.strand[0], totals.chh) == (0, 0, (0, 0))
    assert MOTIFS[table.motif_5p[0]] == reads[0].query_sequence[:4]


def test_unknown_bases_give_no_motif():
    forward, reverse = mates(Molecule("m", 1_000, 100), tags=False)
    bases = forward.query_sequence
    forward.query_sequence = "AN" + bases[2:]
    table, _ = one([forward, reverse], dialect="none")
    assert table.motif_5p[0] == -1
    assert table.motif_3p[0] >= 0


def test_strand_is_unknown_where_mates_disagree():
    forward, reverse = mates(Molecule("m", 1_000, 200))
    reverse.set_tag("XG", "GA")
    assert one([forward, reverse])[0].strand[0] == 0


def test_hash_depends_on_name_and_seed_only():
    # RFC 7693 keyed BLAKE2b, 8 bytes: computed with `hashlib` of another process would be the same code,
    # so what is held here is what matters: determinism, and an even spread over 64 bits.
    values = np.array([fragment_hash(f"r{i}", 1) for i in range(4_000)], dtype=np.uint64)
    assert fragment_hash("r0", 1) == int(values[0])
    assert len(np.unique(values)) == 4_000
    assert not np.isin([fragment_hash(f"r{i}", 2) for i in range(100)], values).any()
    # Mean of 4,000 uniforms: sd 0.2887 / sqrt(4000) = .0046.
    assert abs(float((values / 2.0**64).mean()) - 0.5) < 4 * 0.0046
