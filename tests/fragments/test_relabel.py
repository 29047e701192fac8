"""Contexts of modified bases by the reference: by hand, base by base in plain Python, in a file."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import bams
import numpy as np
import pysam
import pytest
from bams import GENOME
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_bam import record
from reference_compare import ALONG_READ, ALONG_REFERENCE, REACH, context
from two_decoders import Decoded, kernels, settings_of

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.fragments.alignment import open_alignment
from cfdna_interp.fragments.kernels.compare import relabel
from cfdna_interp.fragments.kernels.memory import SLACK
from cfdna_interp.fragments.kernels.scan_types import SiteLetters
from cfdna_interp.fragments.methylation.sites import letters_of

CODES = np.full(256, 4, dtype=np.uint8)
CODES[list(b"ACGT")] = range(4)
CANARY = 7
OPERATIONS = "MIDNSHP=X"


def relabelled(
    letters: str, cigar: list[tuple[int, str]], start: int, strand: int, reference: str, begin: int = 0
) -> str:
    """What the kernel makes of letters, after looking for writes beside them."""
    made = record(b"r", 0, 0, start, cigar, "A" * len(letters), start)
    buffer = np.frombuffer(made + b"\xff" * SLACK, dtype=np.uint8)
    text = np.full(len(letters) + 6, CANARY, dtype=np.uint8)
    text[3 : 3 + len(letters)] = list(letters.encode())
    sites = letters_of(CODES[np.frombuffer(f"NN{reference}NN".encode(), dtype=np.uint8)])
    relabel(buffer, 0, text, 3, SiteLetters(sites, 0, begin, 0), strand)
    assert (text[:3] == CANARY).all()
    assert (text[3 + len(letters) :] == CANARY).all()
    return text[3 : 3 + len(letters)].tobytes().decode()


def slow(letters: str, cigar: list[tuple[int, str]], start: int, strand: int, reference: str) -> str:
    """The same from the text of the rule."""
    found, base, position = ["."] * len(letters), 0, start
    for size, operation in cigar:
        code = OPERATIONS.index(operation)
        for _ in range(size):
            both = code in ALONG_READ & ALONG_REFERENCE and base < len(letters)
            if both and letters[base] != "." and position < start + REACH:
                site = context(reference, position, strand)
                found[base] = site.upper() if letters[base].isupper() else site
            base += code in ALONG_READ
            position += code in ALONG_REFERENCE
    return "".join(found)


def test_by_hand():
    # ACGTCAGTCCTAC: C of the forward strand at 1 (CG), 4 (CAG), 8 (CCT), 9 (CTA) and 12 (the end); of the
    # reverse strand at 2 (CG) and 6 (read backwards: C, T, G).
    reference, letters = "ACGTCAGTCCTAC", "ZZUuXxHhZzZzx"
    assert relabelled(letters, [(13, "M")], 0, 1, reference) == ".Z..X...Hh..u"
    assert relabelled(letters, [(13, "M")], 0, -1, reference) == "..Z...X......"
    assert relabelled("." * 13, [(13, "M")], 0, 1, reference) == "." * 13
    # 2S 2M 1I 1D 1M from 0: clipped, aligned to 0 and 1, inserted, 2 deleted, aligned to 3.
    cigar = [(2, "S"), (2, "M"), (1, "I"), (1, "D"), (1, "M")]
    assert relabelled("zzzzzz", cigar, 0, 1, reference) == "...z.."
    # Outside of the stretch at hand nothing is known: it begins at 100.
    assert relabelled("Z" * 8, [(8, "M")], 97, 1, "ACGT", 100) == "....Z..."


OPERATION = st.tuples(st.integers(0, 9), st.sampled_from("MMMIDNSHP=X"))


@settings(max_examples=400, deadline=None)  # the first example waits for the compiler
@given(
    reference=st.text("ACGTN", min_size=1, max_size=60),
    cigar=st.lists(OPERATION, max_size=12),
    start=st.integers(0, 50),
    strand=st.sampled_from([1, -1]),
    data=st.data(),
)
def test_any_cigar_on_any_reference(reference, cigar, start, strand, data):
    # A CIGAR of another length than the read never comes so far, but must do no harm.
    length = sum(size for size, code in cigar if code in "MIS=X") + data.draw(st.sampled_from([0, 0, 3, -3]))
    letters = data.draw(st.text("zZxXhHuU..", min_size=max(length, 0), max_size=max(length, 0)))
    assert relabelled(letters, cigar, start, strand, reference) == slow(
        letters, cigar, start, strand, reference
    )


def test_a_read_longer_than_what_is_looked_up():
    # Two aligned bases, the second one on the last position that is looked up, or on the first that isn't.
    far = "C" + "A" * (REACH - 2) + "CGA"
    assert relabelled("ZZ", [(1, "M"), (REACH - 2, "N"), (1, "M")], 0, 1, far) == "HZ"
    assert relabelled("ZZ", [(1, "M"), (REACH - 1, "N"), (1, "M")], 0, 1, far) == "H."


REFERENCE = GENOME["chr1"]
# Places of chr1 that are far from each other: of CpGs, and of a T before G.
CPG = [at for at in range(1_000, 20_000) if REFERENCE[at : at + 2] == "CG"][::40]
TPG = next(at for at in range(30_000, 40_000) if REFERENCE[at : at + 2] == "TG")


def molecule(start: int, end: int, changes: dict[int, str], modified: int) -> pysam.AlignedSegment:
    """A native read of a whole molecule as the reference has it but for some bases, 5mC at one place."""
    bases = "".join(changes.get(at, REFERENCE[at]) for at in range(start, end))
    read = bams.record(f"m{start}", 0, 0, start, bases, -1)
    read.set_tag("MM", f"C+m?,{bases[: modified - start].count('C')};")
    read.set_tag("ML", array("B", [255]))
    return read


@pytest.fixture
def decoded(tmp_path: Path):
    """Calls of each molecule in a file, by its start: forward C position -> state."""
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{bases}\n" for name, bases in GENOME.items()))
    pysam.faidx(str(tmp_path / "g.fa"))
    molecules = [
        molecule(CPG[0] - 79, CPG[0] + 1, {}, CPG[0]),  # ends between the two bases of its CpG
        molecule(CPG[1] - 40, CPG[1] + 40, {CPG[1] + 1: "A"}, CPG[1]),  # shows the G wrong
        molecule(CPG[2] - 40, CPG[2] + 40, {}, CPG[2]),
        molecule(TPG - 40, TPG + 40, {TPG: "C"}, TPG),  # shows a CpG that the reference doesn't have
    ]
    path = bams.write_bam(tmp_path / "s7.bam", molecules)
    sample = Sample("S7", "P7", str(path), 1, "discovery", reads="single")
    build = str(bams.write_build(tmp_path / "made-up.tsv"))

    def decode(fasta: bool, **chosen) -> list[list[int]]:
        reference = Reference(build=build, fasta=str(tmp_path / "g.fa") if fasta else None)
        config = Config(sheet="s", outdir="o", reference=reference, extract=Extract(methylation="mm"))
        made = replace(settings_of("mm"), reads="single", **chosen)
        with open_alignment(sample, config) as alignment:
            return calls_of(kernels(alignment, made))

    return decode


def calls_of(found: Decoded) -> list[list[int]]:
    """The place of each call of each molecule; all of them are of 5mC."""
    table = found.table
    assert (table.cpg_states == 1).all() and (table.strand == 1).all()
    places = table.cpg_offsets + np.repeat(table.start, np.diff(table.cpg_splits))
    return [part.tolist() for part in np.split(places, table.cpg_splits[1:-1])]


def test_a_reference_tells_what_is_a_cpg(decoded):
    assert decoded(fasta=False) == [[], [], [CPG[2]], [TPG]]
    assert decoded(fasta=True) == [[CPG[0]], [CPG[1]], [CPG[2]], []]


def test_known_sites_are_not_called(decoded):
    # The C of the first, the G of the third one.
    known = {0: ((CPG[0], CPG[2] + 1), (CPG[0] + 1, CPG[2] + 2))}
    assert decoded(fasta=True, known_sites=known) == [[], [CPG[1]], [], []]
    assert decoded(fasta=False, known_sites=known) == [[], [], [CPG[2]], [TPG]]


def test_what_molecules_of_the_other_strand_show_is_not_looked_at(decoded):
    assert decoded(fasta=True, opposite_strand=True) == decoded(fasta=True)
