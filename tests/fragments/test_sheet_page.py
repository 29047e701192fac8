"""Every line of the tables "what your library is, and what to write" of docs/sheet.md, as a planted library.

A line's cell "write" is what the sheet and the config get, so the page and the software can't differ.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from bams import GENOME, Molecule, letters, mates, random_molecules, record, write_bam, write_build
from test_odd_libraries import five_base, mixed, write_fasta
from test_reference_fit import Library, library_of

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.extraction import read_sample

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sheet.md"
COMPLEMENT = str.maketrans("ACGT", "TGCA")

# First mates of a directional library have the direction of their molecule.
MOLECULES = [replace(m, forward_first=m.strand == "CT") for m in random_molecules(200, seed=31)]
WHOLE = [replace(m, read_length=m.length) for m in MOLECULES]


def pairs(change: Callable[[Any], Any] = lambda read: None) -> list[Any]:
    """Bismark's pairs, each read changed."""
    reads = [read for molecule in MOLECULES for read in mates(molecule)]
    for read in reads:
        change(read)
    return reads


def tagged(**tags: Any) -> Callable[[Any], None]:
    """Set tags of a read; None drops one, and a function gets the strand that XG says."""

    def change(read: Any) -> None:
        strand = read.get_tag("XG")
        for name, value in tags.items():
            read.set_tag(name, value(strand) if callable(value) else value)

    return change


def whole(molecule: Molecule) -> Any:
    """A molecule as one converted read with Bismark's tags."""
    bases, calls = letters(molecule, molecule.start, molecule.end)
    read = record(molecule.name, 0 if molecule.strand == "CT" else 16, 0, molecule.start, bases, -1)
    read.next_reference_id = -1
    read.set_tags([("XM", calls, "Z"), ("XG", molecule.strand, "Z")])
    return read


def native(molecule: Molecule, lists: bool = True) -> Any:
    """A molecule as one read of its own bases, with MM and ML at its CpGs."""
    bases = GENOME[molecule.contig][molecule.start : molecule.end]
    read = record(molecule.name, 0 if molecule.strand == "CT" else 16, 0, molecule.start, bases, -1)
    read.next_reference_id = -1
    if not lists:
        return read
    turned = molecule.strand == "GA"
    sequenced = bases.translate(COMPLEMENT)[::-1] if turned else bases
    skips, values, between = [], [], 0
    for place in (found.start() for found in re.finditer("C", sequenced)):
        if sequenced[place + 1 : place + 2] != "G":
            between += 1
            continue
        c = molecule.end - 2 - place if turned else molecule.start + place
        skips.append(between)
        values.append(255 if c in molecule.methylated else 0)
        between = 0
    read.set_tag("MM", "C+m?" + "".join(f",{skip}" for skip in skips) + ";")
    read.set_tag("ML", array("B", values))
    return read


def old_flags(read: Any) -> None:
    """Flags of Bismark before 0.8.2, set right as the page says."""
    top = read.get_tag("XG") == "CT"
    read.flag = (67 if read.is_read1 else 131) if top else (115 if read.is_read1 else 179)
    read.flag = {67: 99, 131: 147, 115: 83, 179: 163}[read.flag]


def inverted(read: Any) -> None:
    """A TAPS read as Bismark writes it: what is converted counts as unmethylated."""
    five_base(read)
    read.set_tag("XM", read.get_tag("XM").swapcase())


def bs_seeker(read: Any) -> None:
    read.set_tag("XM", "x" + "-" * (len(read.query_sequence) - 1))
    read.set_tag("XG", f"AC_{read.query_sequence}_GG")


def clipped() -> list[Any]:
    """Pairs with eight bases of an adapter at each end of the molecule."""
    reads = pairs()
    for read in reads:
        bases, calls, size = read.query_sequence, read.get_tag("XM"), read.query_length
        front = not read.is_reverse
        read.query_sequence = "ACGTACGT" + bases if front else bases + "ACGTACGT"
        read.cigarstring = f"8S{size}M" if front else f"{size}M8S"
        read.query_qualities = array("B", [30] * (size + 8))
        read.set_tag("XM", "." * 8 + calls if front else calls + "." * 8)
    return reads


def bed(path: Path) -> Path:
    lines = [f"{m.contig}\t{m.start}\t{m.end}\n" for m in sorted(MOLECULES, key=lambda m: m.start)]
    path.write_text("".join(lines))
    return path


def shown(molecules: list[Molecule]) -> tuple[int, int]:
    """Methylated and all CpG calls of reads."""
    states = [state for molecule in molecules for state in molecule.calls().values()]
    return sum(states), len(states)


def inside(molecules: list[Molecule]) -> tuple[int, int]:
    """The same of native reads, which don't show a CpG that they hold half of."""
    states = [state for m in molecules for c, state in m.calls().items() if m.start <= c and c + 1 < m.end]
    return sum(states), len(states)


@dataclass(frozen=True)
class Planted:
    """A library, its right calls, and what the tables leave to the other tables.

    Attributes
    ----------
    reads
        Makes the records.
    calls
        Methylated and all calls; None: no calls.
    base
        What else the sheet says.
    idle
        Whether the software finds out by itself what the line says.
    some
        Whether calls of a few reads are missing.
    """

    reads: Callable[[], Any]
    calls: tuple[int, int] | None
    base: str = ""
    idle: bool = False
    some: bool = False


PAIRED = shown(MOLECULES)
MERGED = [replace(m, read_length=90) for m in MOLECULES]
BY_REFERENCE = "`methylation: reference`, `reference.fasta`"


def of(library: Library) -> Callable[[], list[Any]]:
    return lambda: library_of(MOLECULES, library)


def modified() -> list[Any]:
    return [native(m) for m in WHOLE]


# How a line begins -> its library. A line that begins otherwise fails.
LIBRARIES = {
    "Trim Galore": Planted(pairs, PAIRED),
    "fastp `--merge`": Planted(lambda: mixed(MERGED)[0], shown(MERGED), idle=True),
    "the same, without the pairs": Planted(lambda: [whole(m) for m in WHOLE], shown(WHOLE)),
    "Porechop": Planted(modified, inside(WHOLE)),
    "not trimmed": Planted(clipped, PAIRED),
    "Bismark, paired-end": Planted(pairs, PAIRED),
    "Bismark, single-end": Planted(lambda: [whole(m) for m in WHOLE], shown(WHOLE)),
    "Bismark before": Planted(lambda: pairs(old_flags), PAIRED),
    "Bismark, without the tag XM": Planted(lambda: pairs(tagged(XM=None)), PAIRED),
    "DRAGEN": Planted(pairs, PAIRED),
    "bwa-meth": Planted(of(Library(tag="YD")), PAIRED),
    "BSMAP": Planted(
        lambda: pairs(tagged(XM=None, ZS=lambda strand: "++" if strand == "CT" else "-+", XG=None)), PAIRED
    ),
    "BS-Seeker2": Planted(lambda: pairs(bs_seeker), PAIRED),
    "gemBS": Planted(lambda: pairs(tagged(XM=None, XB=lambda strand: strand[0], XG=None)), PAIRED),
    "minimap2 or dorado": Planted(modified, inside(WHOLE)),
    "pbmm2, after": Planted(modified, inside(WHOLE)),
    "bwa, Bowtie 2": Planted(lambda: pairs(tagged(XM=None, XG=None)), None),
    "minimap2, pbmm2": Planted(lambda: [native(m, lists=False) for m in WHOLE], None),
    "a fragment file": Planted(lambda: bed, None),
    "bisulfite": Planted(pairs, PAIRED),
    "TAPS, aligned by Bismark": Planted(lambda: pairs(inverted), PAIRED),
    "TAPS, aligned by bwa-meth": Planted(of(Library(chemistry="taps", tag="YD")), PAIRED),
    "TAPS, aligned by bwa or": Planted(of(Library(chemistry="taps")), PAIRED),
    "Illumina 5-base, with XM": Planted(lambda: pairs(five_base), PAIRED),
    "Illumina 5-base, without": Planted(of(Library(chemistry="taps")), PAIRED),
    "nanopore": Planted(modified, inside(WHOLE)),
    "adapters before": Planted(of(Library()), PAIRED, BY_REFERENCE),
    "adapters after": Planted(of(Library(kind="pbat")), PAIRED, BY_REFERENCE),
    "both orientations": Planted(of(Library(kind="non-directional")), PAIRED, BY_REFERENCE, some=True),
}
# Lines about ends and spike-ins have tests of their own (test_call_quality, test_spike_ins).
ELSEWHERE = ("ends repaired", "lambda")


def lines_of_the_page() -> Iterator[tuple[str, str]]:
    """Yield (library, what to write) of the lines of the first three tables."""
    section = PAGE.read_text(encoding="utf-8").partition("## What your library is")[2]
    for line in section.partition("### Where the files are")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) >= 3:
            yield cells[0], cells[-2]


LINES = [
    (what, write)
    for what, write in lines_of_the_page()
    if write != "write" and not what.startswith(ELSEWHERE)
]


def library_of_line(what: str) -> Planted:
    (found,) = [planted for begin, planted in LIBRARIES.items() if what.startswith(begin)]
    return found


def read(tmp_path: Path, planted: Planted, written: str) -> Any:
    sheet = dict(re.findall(r"`(\w+): ([\w-]+)`", written))
    fasta = str(write_fasta(tmp_path / "g.fa")) if "`reference.fasta`" in written else None
    config = Config(
        sheet="s.tsv",
        outdir="out",
        reference=Reference(build=str(write_build(tmp_path / "g.tsv")), fasta=fasta),
        extract=Extract(contigs="all", min_fragments=1),
    )
    made = planted.reads()
    path = made(tmp_path / "s.bed") if callable(made) else write_bam(tmp_path / "s.bam", made)
    return read_sample(Sample("S7", "P7", str(path), 1, "discovery", **sheet), config, None)


def calls(extraction: Any) -> tuple[int, int]:
    states = extraction.fragments.cpg_states
    return int(states.sum()), len(states)


def test_every_line_has_a_library_and_every_library_a_line():
    found = [what for what, _ in LINES]
    assert len(found) == len(LIBRARIES)
    assert all(sum(what.startswith(begin) for what in found) == 1 for begin in LIBRARIES)


@pytest.mark.parametrize(("what", "write"), LINES, ids=[what for what, _ in LINES])
def test_what_the_page_says_gives_the_planted_calls(tmp_path, what, write):
    planted = library_of_line(what)
    for written in re.split(r",? or ", write):
        assert "`" in written or written == "nothing"
        found = read(tmp_path, planted, f"{written} {planted.base}")
        assert (found.qc.obstacle, found.qc.losses) == (None, ())
        assert found.qc.counts.fragments == len(MOLECULES)
        if planted.calls is None:
            assert calls(found) == (0, 0)
        elif planted.some:
            assert calls(found)[1] == pytest.approx(planted.calls[1], rel=0.03)
            level = planted.calls[0] / planted.calls[1]
            assert calls(found)[0] / calls(found)[1] == pytest.approx(level, abs=0.01)
        else:
            assert calls(found) == planted.calls


NEEDED = [(what, write) for what, write in LINES if "nothing" not in write and not library_of_line(what).idle]


@pytest.mark.parametrize(("what", "write"), NEEDED, ids=[what for what, _ in NEEDED])
def test_without_what_the_page_says_it_goes_wrong(tmp_path, what, write):
    planted = library_of_line(what)
    written = re.split(r",? or ", write)[0]
    for needed in re.findall(r"`[^`]*`", written):
        if needed == "`reference.build`":  # a made-up genome has to be named in any case
            continue
        left = written.replace(needed, "")
        try:
            found = read(tmp_path, planted, left)
        except InputError:
            continue
        assert calls(found) != planted.calls, needed
