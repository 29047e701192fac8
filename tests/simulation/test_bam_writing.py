"""BAM bytes against htslib, which reads them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

from cfdna_interp.simulation.bam import header_text
from cfdna_interp.simulation.genome import build_genome


@pytest.fixture(scope="module")
def bams(simulated_cohort: Path) -> list[Path]:
    return sorted((simulated_cohort / "bam").glob("*.bam"))


def test_quickcheck_accepts_all(bams: list[Path]) -> None:
    assert len(bams) == 24
    pysam.quickcheck(*map(str, bams))  # raises where a file is damaged


def test_header(bams: list[Path]) -> None:
    with pysam.AlignmentFile(str(bams[0])) as handle:
        header = handle.header.to_dict()
    assert header["HD"]["SO"] == "coordinate"
    assert [(s["SN"], s["LN"]) for s in header["SQ"]] == [
        ("chr1", 1_000_000),
        ("chr2", 800_000),
        ("chr3", 700_000),
    ]
    assert header["RG"][0]["SM"] == bams[0].stem
    assert header["CO"][0].startswith("cfdna-interp simulation world=length seed=1 ")
    assert header_text(build_genome(1), "S9", "x").endswith("@CO\tx\n")


def test_sorted_and_counted(bams: list[Path]) -> None:
    with pysam.AlignmentFile(str(bams[3])) as handle:
        places = [(read.reference_id, read.reference_start) for read in handle]
        assert places == sorted(places)
        assert handle.mapped == len(places) and handle.unmapped == 0


def test_index_finds_what_a_linear_scan_finds(bams: list[Path]) -> None:
    rng = np.random.default_rng(1)
    with pysam.AlignmentFile(str(bams[5])) as handle:
        spans = [(read.reference_name, read.reference_start, read.reference_end) for read in handle]
        for _ in range(60):
            contig = str(rng.choice(handle.references))
            start = int(rng.integers(0, 690_000))
            # Short and long queries, some across the borders of 16-kb and 128-kb bins.
            end = start + int(rng.choice([1, 500, 20_000, 300_000]))
            expected = sum(c == contig and s < end and e > start for c, s, e in spans)
            assert handle.count(contig, start, end, read_callback="nofilter") == expected


def test_qualities_are_printable_and_fall_with_the_cycle(bams: list[Path]) -> None:
    with pysam.AlignmentFile(str(bams[0])) as handle:
        reads = [read for read in handle if read.query_length == 100]
    array = np.array([list(read.get_forward_qualities()) for read in reads])
    assert array.min() >= 2 and array.max() <= 41
    means = array.mean(axis=0)
    assert means[10:60].mean() > means[75:85].mean() > means[95:].mean()


def test_names_tell_nothing_of_place(bams: list[Path], readback: Callable) -> None:
    with pysam.AlignmentFile(str(bams[0])) as handle:
        names = [read.query_name for read in handle if read.is_read1]
    numbers = [int(name.split(":")[1]) for name in names]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert abs(np.corrcoef(numbers, np.arange(len(numbers)))[0, 1]) < 4 / np.sqrt(len(numbers))
    assert len(readback(bams[0])) == 3_000
