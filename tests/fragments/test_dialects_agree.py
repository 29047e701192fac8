"""One simulated cohort in four dialects: what comes out of a sample doesn't tell in which it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pysam
import pytest
from msgspec import structs
from reference_decode import reference_hash

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.files import plain
from cfdna_interp.cohort.sheet import read_sheet
from cfdna_interp.config import load_config
from cfdna_interp.fragments.extraction import Extraction, read_sample
from cfdna_interp.simulation.cohort import simulate
from cfdna_interp.simulation.dialects import DIALECTS
from cfdna_interp.simulation.worlds import Library, load_world

# Five times the usual errors, so that mates contradict each other and CpGs lose their G.
WORLD = replace(
    load_world("null"),
    fragments=1_300,
    discovery=2,
    heldout=2,
    library=Library(conversion=0.98, errors=0.005),
)
SEED = 5
SAMPLES = ("S001", "S002", "S003", "S004")

Calls = list[tuple[int, int]]  # bp from the fragment's start to the C, state


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agree")
    for dialect in DIALECTS:
        simulate(WORLD, folder / dialect, seed=SEED, dialect=dialect)
    return folder


@pytest.fixture(scope="module")
def extracted(cohorts: Path) -> dict[tuple[str, str], Extraction]:
    """Each sample of each dialect, read as its own config and sheet say."""
    found = {}
    for dialect in DIALECTS:
        config = load_config(cohorts / dialect / "config.yaml")
        atlas = Atlas.load(config.atlas)
        for sample in read_sheet(config.sheet, config):
            found[dialect, sample.sample] = read_sample(sample, config, atlas)
    return found


def counts(extraction: Extraction) -> dict[str, dict[str, list[int]]]:
    return plain(extraction.profile.counts)


# What a quality record says of the dialect itself.
OWN = {"bam", "dialect", "modified_bases", "reference", "library", "warnings"}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("dialect", ["reference", "taps", "mm"])
def test_fragments_counts_and_quality_are_identical(
    dialect: str, name: str, extracted: dict[tuple[str, str], Extraction]
) -> None:
    """Errors make no difference: the states that a wrong base at a C leaves are alike in all four.

    In ``xm`` and ``reference`` such a base is a call where it is the other one of C and T, and none
    otherwise; the simulation lists in ``mm`` what is a call there, and inverts it in ``taps``. A wrong base
    beside a C changes its context in the read alone, and contexts are the reference's.
    """
    found, expected = extracted[dialect, name], extracted["xm", name]
    assert len(expected.fragments) > 1_150 and len(expected.fragments.cpg_states) > 2_000
    assert found.fragments.to_arrow().equals(expected.fragments.to_arrow())
    assert counts(found) == counts(expected)
    mine, other = msgspec.to_builtins(found.qc), msgspec.to_builtins(expected.qc)
    # TAPS is Bismark's tags with another chemistry.
    assert mine["dialect"] == {"reference": "reference", "taps": "xm", "mm": "mm"}[dialect]
    if dialect == "mm":
        # Modified bases are listed at CpGs only and nothing is converted: there is no conversion rate.
        assert mine["technical"]["conversion"] is None
        assert other["technical"].pop("conversion") > 0.9
        del mine["technical"]["conversion"]
    assert {key: mine[key] for key in mine.keys() - OWN} == {key: other[key] for key in other.keys() - OWN}


def xm_calls(read: pysam.AlignedSegment) -> dict[int, int]:
    shift = read.get_tag("XG") == "GA"
    letters = enumerate(read.get_tag("XM"))
    return {read.reference_start + i - shift: int(x == "Z") for i, x in letters if x in "zZ"}


def shown_calls(converted: pysam.AlignedSegment, native: pysam.AlignedSegment) -> dict[int, int]:
    """Calls of a read at the CpGs of which it shows both bases where it is native."""
    assert converted.query_name == native.query_name and converted.flag == native.flag
    first, bases = native.reference_start, native.query_sequence
    called = xm_calls(converted)
    return {c: state for c, state in called.items() if c >= first and bases[c - first :][:2] == "CG"}


def calls_of_reads(folder: Path, name: str, shown: bool) -> list[tuple[pysam.AlignedSegment, dict[int, int]]]:
    """Each record of a sample with its calls; where ``shown``, only those that a native read shows."""
    with (
        pysam.AlignmentFile(str(folder / "xm" / "bam" / f"{name}.bam")) as converted,
        pysam.AlignmentFile(str(folder / "mm" / "bam" / f"{name}.bam")) as native,
    ):
        pairs = zip(converted, native, strict=True)
        return [(one, shown_calls(one, other) if shown else xm_calls(one)) for one, other in pairs]


def merged(reads: list[tuple[pysam.AlignedSegment, dict[int, int]]]) -> list[Calls]:
    """Calls of the fragments in the order of the table, by a loop over htslib's records."""
    mates: dict[str, list[tuple[pysam.AlignedSegment, dict[int, int]]]] = {}
    for read, calls in reads:
        if not read.is_duplicate and read.mapping_quality >= 20:
            mates.setdefault(read.query_name, []).append((read, calls))
    rows = []
    for name, ((left, one), (_, two)) in mates.items():
        start = left.reference_start
        both = {c: state for c, state in (one | two).items() if one.get(c, state) == two.get(c, state)}
        place = (left.reference_id, start, left.template_length, reference_hash(name, SEED))
        rows.append((place, [(c - start, both[c]) for c in sorted(both)]))
    return [calls for _, calls in sorted(rows)]


def calls_of_table(extraction: Extraction) -> list[Calls]:
    table = extraction.fragments
    pairs = list(zip(table.cpg_offsets.tolist(), table.cpg_states.tolist(), strict=True))
    return [pairs[a:b] for a, b in zip(table.cpg_splits[:-1], table.cpg_splits[1:], strict=True)]


@pytest.mark.parametrize("name", SAMPLES)
def test_without_a_reference_native_calls_lack_what_a_read_cannot_show(
    name: str, cohorts: Path, extracted: dict[tuple[str, str], Extraction]
) -> None:
    """Without a reference a CpG is known by its two bases; all calls at such CpGs are those of XM."""
    config = load_config(cohorts / "mm" / "config.yaml")
    config = structs.replace(config, reference=structs.replace(config.reference, fasta=None))
    (sample,) = (row for row in read_sheet(config.sheet, config) if row.sample == name)
    native, expected = read_sample(sample, config, Atlas.load(config.atlas)), extracted["xm", name]
    found, converted = calls_of_table(native), merged(calls_of_reads(cohorts, name, shown=False))
    assert found == merged(calls_of_reads(cohorts, name, shown=True))
    assert calls_of_table(expected) == converted
    for column in set(vars(expected.fragments)) - {"cpg_splits", "cpg_offsets", "cpg_states", "contig_names"}:
        one, other = getattr(native.fragments, column), getattr(expected.fragments, column)
        np.testing.assert_array_equal(one, other, err_msg=column)
    # A read of 100 bp ends inside a CpG about once in 100 CpGs (density .01 a bp), on one side: of some
    # 3 calls a fragment on two mates, 1-4 % of fragments lack one; .5 % errors at the G add as many.
    differ = sum(one != other for one, other in zip(found, converted, strict=True))
    assert 0 < differ < 0.08 * len(found)
    for one, other in zip(found, converted, strict=True):
        # A call can only be more where the mate that contradicts it doesn't show the CpG.
        assert all(state == dict(other).get(c, state) for c, state in one)
