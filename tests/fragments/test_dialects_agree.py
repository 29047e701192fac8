"""One simulated cohort in four dialects: what comes out of a sample doesn't tell in which it was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from reference_decode import reference_hash

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.files import plain
from cfdna_interp.cohort.sheet import read_sheet
from cfdna_interp.config import load_config
from cfdna_interp.fragments.extract import Extraction, read_sample
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


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("dialect", ["reference", "taps"])
def test_fragments_counts_and_quality_are_identical(
    dialect: str, name: str, extracted: dict[tuple[str, str], Extraction]
) -> None:
    found, expected = extracted[dialect, name], extracted["xm", name]
    assert len(expected.fragments) > 1_150 and len(expected.fragments.cpg_states) > 2_000
    assert found.fragments.to_arrow().equals(expected.fragments.to_arrow())
    assert counts(found) == counts(expected)
    mine, other = plain(found.qc), plain(expected.qc)
    # TAPS is Bismark's tags with another chemistry.
    assert mine["dialect"] == {"reference": "reference", "taps": "xm"}[dialect]
    for key in ("bam", "dialect"):
        del mine[key], other[key]
    assert mine == other


@pytest.mark.parametrize("name", SAMPLES)
def test_native_reads_differ_in_calls_alone(name: str, extracted: dict[tuple[str, str], Extraction]) -> None:
    native, expected = extracted["mm", name], extracted["xm", name]
    assert native.qc["dialect"] == "mm"
    differ = {"cpg_splits", "cpg_offsets", "cpg_states", "strand", "contig_names"}
    for column in set(vars(expected.fragments)) - differ:
        np.testing.assert_array_equal(
            getattr(native.fragments, column), getattr(expected.fragments, column), err_msg=column
        )
    # Mates of a pair are read from the two strands, so that of a native molecule isn't known.
    assert set(native.fragments.strand.tolist()) == {0}
    for kind in ("length_1bp", "motif", "window"):
        assert counts(native)[kind] == counts(expected)[kind]
    merged = ("overlap_calls_merged", "overlap_calls_discordant")
    same = {key: value for key, value in expected.qc["counts"].items() if key not in merged}
    assert {key: native.qc["counts"][key] for key in same} == same
    # MM lists CpGs only: there is nothing to tell a conversion rate by, nor is there conversion.
    technical = dict(expected.qc["technical"], conversion=None)
    assert native.qc["technical"] == technical


def xm_calls(read: pysam.AlignedSegment) -> dict[int, int]:
    shift = read.get_tag("XG") == "GA"
    letters = enumerate(read.get_tag("XM"))
    return {read.reference_start + i - shift: int(x == "Z") for i, x in letters if x in "zZ"}


def mm_calls(read: pysam.AlignedSegment) -> dict[int, int]:
    """Calls at CpGs of which the read shows both bases."""
    found = {}
    for sites in read.modified_bases.values():
        for i, probability in sites:
            c = i - (read.query_sequence[i] == "G")
            if c >= 0 and read.query_sequence[c : c + 2] == "CG":
                found[read.reference_start + c] = int(probability > 127)
    return found


def merged(bam: Path, calls_of: Callable[[Any], dict[int, int]]) -> list[Calls]:
    """Calls of the fragments in the order of the table, by a loop over htslib's records."""
    mates: dict[str, list[pysam.AlignedSegment]] = {}
    with pysam.AlignmentFile(str(bam)) as handle:
        for read in handle:
            if not read.is_duplicate and read.mapping_quality >= 20:
                mates.setdefault(read.query_name, []).append(read)
    rows = []
    for name, (left, right) in mates.items():
        start, one, two = left.reference_start, calls_of(left), calls_of(right)
        both = {c: state for c, state in (one | two).items() if one.get(c, state) == two.get(c, state)}
        place = (left.reference_id, start, left.template_length, reference_hash(name, SEED))
        rows.append((place, [(c - start, both[c]) for c in sorted(both)]))
    return [calls for _, calls in sorted(rows)]


def calls_of_table(extraction: Extraction) -> list[Calls]:
    table = extraction.fragments
    pairs = list(zip(table.cpg_offsets.tolist(), table.cpg_states.tolist(), strict=True))
    return [pairs[a:b] for a, b in zip(table.cpg_splits[:-1], table.cpg_splits[1:], strict=True)]


@pytest.mark.parametrize("name", SAMPLES)
def test_native_calls_lack_what_a_read_cannot_show(
    name: str, cohorts: Path, extracted: dict[tuple[str, str], Extraction]
) -> None:
    """Without a reference a CpG is known by its two bases; all calls at such CpGs are those of XM."""
    expected = merged(cohorts / "mm" / "bam" / f"{name}.bam", mm_calls)
    found = calls_of_table(extracted["mm", name])
    assert found == expected
    converted = merged(cohorts / "xm" / "bam" / f"{name}.bam", xm_calls)
    assert calls_of_table(extracted["xm", name]) == converted
    # A read of 100 bp ends inside a CpG about once in 100 CpGs (density .01 a bp), on one side: of some
    # 3 calls a fragment on two mates, 1-4 % of fragments lack one; .5 % errors at the G add as many.
    other = sum(native != xm for native, xm in zip(found, converted, strict=True))
    assert 0 < other < 0.08 * len(found)
    for native, xm in zip(found, converted, strict=True):
        # A call can only be more where the mate that contradicts it doesn't show the CpG.
        assert all(state == dict(xm).get(c, state) for c, state in native)
