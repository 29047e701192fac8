"""One truth in four dialects, read back by htslib and by loops over characters, no code of the package."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pysam
import pytest
import yaml

from cfdna_interp.cli.simulate import command
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record
from cfdna_interp.records.truth import Truth
from cfdna_interp.simulation.cohort import simulate
from cfdna_interp.simulation.dialects import DIALECTS, in_dialect, tags
from cfdna_interp.simulation.library import Reads
from cfdna_interp.simulation.worlds import Library, load_world

# Many errors and missed conversions, so that what they do differently would show.
NOISY = Library(conversion=0.97, errors=0.01)
WORLD = replace(load_world("null"), fragments=1_300, discovery=2, heldout=2, library=NOISY)

Calls = dict[int, bool]  # index in the read as the file has it -> methylated


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("dialects")
    for dialect in DIALECTS:
        simulate(WORLD, folder / dialect, seed=3, dialect=dialect)
    return {dialect: folder / dialect for dialect in DIALECTS}


def records(folder: Path) -> list[pysam.AlignedSegment]:
    """All reads of all samples, in order."""
    found = []
    for path in sorted((folder / "bam").glob("*.bam")):
        pysam.quickcheck(str(path))
        with pysam.AlignmentFile(str(path)) as handle:
            found += list(handle)
    return found


def xm_calls(read: pysam.AlignedSegment) -> Calls:
    return {i: letter == "Z" for i, letter in enumerate(read.get_tag("XM")) if letter in "zZ"}


def taps_calls(read: pysam.AlignedSegment) -> Calls:
    return {i: not upper for i, upper in xm_calls(read).items()}


def mm_calls(read: pysam.AlignedSegment) -> Calls:
    found = {}
    for (base, _, kind), sites in read.modified_bases.items():
        assert (base, kind) == ("C" if read.is_read1 else "G", "m")
        for i, probability in sites:
            assert probability in (0, 255)
            found[i] = probability == 255
    return found


def reference_calls(fasta: pysam.FastaFile) -> Callable[[pysam.AlignedSegment], Calls]:
    contigs = {name: fasta.fetch(name) for name in fasta.references}

    def calls(read: pysam.AlignedSegment) -> Calls:
        found = {}
        forward = {"f": True, "r": False}[read.get_tag("YD")]
        for i, base in enumerate(read.query_sequence):
            at = read.reference_start + i
            pair = contigs[read.reference_name][at : at + 2] if forward else None
            pair = pair or contigs[read.reference_name][at - 1 : at + 1]
            if pair == "CG" and base in ("CT" if forward else "GA"):
                found[i] = base == ("C" if forward else "G")
        return found

    return calls


def test_records_differ_in_bases_and_tags_only(cohorts: dict[str, Path]) -> None:
    def rest(read: pysam.AlignedSegment) -> tuple:
        cells = read.to_string().split("\t")
        return (*cells[:9], cells[10], read.get_tag("RG"))

    expected = [rest(read) for read in records(cohorts["xm"])]
    assert len(expected) > 4 * 2 * 1_300
    for dialect in DIALECTS[1:]:
        assert [rest(read) for read in records(cohorts[dialect])] == expected


def test_calls_are_the_same_in_every_dialect(cohorts: dict[str, Path]) -> None:
    expected = [xm_calls(read) for read in records(cohorts["xm"])]
    states = [state for calls in expected for state in calls.values()]
    assert len(states) > 8_000 and 0.2 < np.mean(states) < 0.8
    with pysam.FastaFile(str(cohorts["xm"] / "genome.fa")) as fasta:
        readers = {"mm": mm_calls, "taps": taps_calls, "reference": reference_calls(fasta)}
    for dialect, calls in readers.items():
        assert [calls(read) for read in records(cohorts[dialect])] == expected


def test_only_called_bases_change(cohorts: dict[str, Path]) -> None:
    """Native bases are C where bisulfite bases are called; TAPS shows T exactly where bisulfite shows C."""
    native = {"CT": "C", "GA": "G"}
    turned = {"CT": str.maketrans("CT", "TC"), "GA": str.maketrans("GA", "AG")}
    reads = zip(*(records(cohorts[dialect]) for dialect in ("xm", "mm", "taps", "reference")), strict=True)
    for xm, mm, taps, reference in reads:
        strand, letters = xm.get_tag("XG"), xm.get_tag("XM")
        called = list(zip(xm.query_sequence, letters, strict=True))
        assert mm.query_sequence == "".join(b if x == "." else native[strand] for b, x in called)
        assert taps.query_sequence == "".join(
            b if x == "." else b.translate(turned[strand]) for b, x in called
        )
        assert taps.get_tag("XM") == letters.swapcase()
        assert reference.query_sequence == xm.query_sequence
        # A lower-case letter of Bismark means that a C was read as T, whatever the chemistry.
        low = {b for b, x in zip(taps.query_sequence, taps.get_tag("XM"), strict=True) if x.islower()}
        assert low <= {"CT": {"T"}, "GA": {"A"}}[strand]


def test_tags_of_each_dialect(cohorts: dict[str, Path]) -> None:
    expected = {
        "xm": {"XM", "XR", "XG", "RG"}, "taps": {"XM", "XR", "XG", "RG"},
        "mm": {"MM", "ML", "RG"}, "reference": {"YD", "RG"},
    }  # fmt: skip
    for dialect in DIALECTS:
        found = {tag for read in records(cohorts[dialect])[:500] for tag, _ in read.get_tags()}
        assert found == expected[dialect]


def hand_made(first: bool, forward_strand: bool, flag: int) -> Reads:
    """Return one read of ten bases over ACGCCACGTC, or of its reverse complement's molecule.

    Cytosines at 1 (CpG), 3 and 4 (CHH), 6 (CpG) and 9 (CpG: a G follows on the reference). Of the CpGs, 1
    and 9 are methylated, 6 is not.
    """
    width = 100
    bases, calls = np.zeros((1, width), np.uint8), np.full((1, width), ord("."), np.uint8)
    shown, letters = "ACGTTATGTC", ".Z.hh.z..Z"
    if not forward_strand:
        shown = shown.translate(str.maketrans("ACGT", "TGCA"))[::-1]
        letters = letters[::-1]
    bases[0, :10] = ["ACGT".index(base) for base in shown]
    calls[0, :10] = list(letters.encode())
    one = np.ones(1, np.int64)
    return Reads(
        names=one, contigs=0 * one, positions=one, mate_positions=one, lengths=10 * one, flags=flag * one,
        mapqs=one, template_lengths=10 * one, first=np.array([first]),
        forward_strand=np.array([forward_strand]), bases=bases, qualities=np.zeros((1, width), np.uint8),
        calls=calls,
    )  # fmt: skip


def tag_bytes(reads: Reads, dialect: str) -> bytes:
    cells = tags(in_dialect(reads, dialect), dialect)
    return b"".join(bytes(part[0] if keep is None else part[0][keep[0]]) for part, keep in cells)


def test_modifications_by_hand() -> None:
    # Read 1 of a forward molecule, aligned forward: its C are at 1, 3, 4, 6, 9. Listed are 1 (none passed
    # over), 6 (3 and 4 passed over), 9.
    first = b"MMZC+m?,0,2,0;\0MLBC\x03\0\0\0\xff\x00\xff"
    assert tag_bytes(hand_made(True, True, 99), "mm") == first
    # Read 2 begins at the other end and shows G for C: 9, 6, then 4 and 3 passed over, 1.
    second = b"MMZG-m?,0,0,2;\0MLBC\x03\0\0\0\xff\x00\xff"
    assert tag_bytes(hand_made(False, True, 147), "mm") == second
    # On the reverse strand read 1 is the one aligned in reverse; as sequenced, the reads are the same.
    assert tag_bytes(hand_made(True, False, 83), "mm") == first
    assert tag_bytes(hand_made(False, False, 163), "mm") == second
    nothing = replace(hand_made(True, True, 99), calls=np.full((1, 100), ord("."), np.uint8))
    assert tag_bytes(nothing, "mm") == b"MMZC+m?;\0MLBC\0\0\0\0"


def test_taps_and_reference_by_hand() -> None:
    reads = hand_made(True, True, 99)
    taps = in_dialect(reads, "taps")
    # The methylated C at 1 and 9 are read as T, all other C as they are.
    assert "".join("ACGT"[code] for code in taps.bases[0, :10]) == "ATGCCACGTT"
    assert tag_bytes(reads, "taps") == b"XMZ.z.HH.Z..z\0XRZCT\0XGZCT\0"
    assert tag_bytes(reads, "reference") == b"YDZf\0"
    assert tag_bytes(hand_made(True, False, 83), "reference") == b"YDZr\0"
    native = in_dialect(hand_made(True, False, 83), "mm")
    # The reverse complement of ACGCCACGTC.
    assert "".join("ACGT"[code] for code in native.bases[0, :10]) == "GACGTGGCGT"


def test_sheet_config_and_truth(cohorts: dict[str, Path]) -> None:
    columns = {"xm": {}, "mm": {"methylation": "mm"}, "reference": {"methylation": "reference"},
               "taps": {"chemistry": "taps"}}  # fmt: skip
    truths = []
    for dialect, folder in cohorts.items():
        with open(folder / "sheet.tsv", newline="") as handle:
            rows = list(csv.DictReader(handle, delimiter="\t"))
        for row in rows:
            said = {name: row[name] for name in ("methylation", "chemistry", "reads") if name in row}
            assert said == columns[dialect]
        reference = yaml.safe_load((folder / "config.yaml").read_text())["reference"]
        assert reference.get("fasta") == ("genome.fa" if dialect in ("mm", "reference") else None)
        truth = load_record(Truth, folder / "truth.json")
        assert truth.dialect == dialect
        truths.append((truth.settings, msgspec.structs.replace(truth, settings="", dialect="")))
        for name in ("genome.fa", "genome.fa.fai", "build.tsv", "atlas.tsv"):
            assert (folder / name).read_bytes() == (cohorts["xm"] / name).read_bytes()
    assert len({settings for settings, _ in truths}) == 4
    assert all(truth == truths[0][1] for _, truth in truths)


def test_another_dialect_wants_a_folder_of_its_own(tmp_path: Path) -> None:
    simulate(WORLD, tmp_path, seed=3, dialect="mm")
    with pytest.raises(InputError, match=r"\(dialect mm instead of xm\); give another --out"):
        simulate(WORLD, tmp_path, seed=3)
    assert not any(read.has_tag("XM") for read in records(tmp_path))
    assert "methylation" in (tmp_path / "sheet.tsv").read_text().splitlines()[0]


def test_the_command_knows_every_dialect() -> None:
    (option,) = (option for option in command.params if option.name == "dialect")
    assert tuple(option.type.choices) == DIALECTS and option.default == "xm"
