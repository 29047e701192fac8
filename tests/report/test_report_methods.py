"""What a manuscript may say was read: mates, whole reads or lines of a file, with or without methylation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_run import Built
from msgspec import structs

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.report.collect import Run, collect
from cfdna_interp.report.methods import methods_paragraphs

MATES = "two primary, inward-facing mates on one contig"
READ = "one primary read of a whole molecule"
LINE = "a line of a fragment file"


@pytest.fixture
def run(simulated_run: Built) -> Run:
    """40 cases and 40 controls of either role, a sample each, in pairs of mates."""
    return collect(simulated_run.config, simulated_run.layout)


def changed(run: Run, role: str | None = None, **fields: str) -> Run:
    """Return the run with all samples, or those of one role, changed."""

    def one(sample: Sample) -> Sample:
        return replace(sample, **fields)  # type: ignore[arg-type]

    samples = {name: list(map(one, kept)) for name, kept in run.samples.items() if role in (None, name)}
    return replace(run, samples=run.samples | samples)


def fragments(run: Run) -> str:
    return methods_paragraphs(run)[1]


def encoder(run: Run) -> str:
    return methods_paragraphs(run)[2]


def test_mates_overlap_and_their_duplicates_are_known(run: Run) -> None:
    text = fragments(run)
    assert text.startswith(
        f"A fragment is {MATES}, both with a mapping quality of at least 20; duplicates were"
    )
    assert "in the overlap of two mates were counted once" in text
    assert not any(words in text for words in (READ, LINE, "samples)", "can't be told"))
    assert "CpG calls with their offsets" in encoder(run)


def test_a_read_of_a_whole_molecule_has_no_mate(run: Run) -> None:
    text = fragments(changed(run, reads="single"))
    assert text.startswith(f"A fragment is {READ}, with a mapping quality of at least 20; duplicates were")
    assert "mates" not in text


def test_of_lines_of_a_file_duplicates_cannot_be_told(run: Run) -> None:
    without = structs.replace(run.config, extract=structs.replace(run.config.extract, methylation="none"))
    lines = changed(replace(run, config=without), bam="S.frag.gz")
    text = fragments(lines)
    assert text.startswith(
        f"A fragment is {LINE}, with a mapping quality of at least 20 where the file has one;"
    )
    assert "; duplicates can't be told in a fragment file, and lengths" in text
    assert "mates" not in text and "duplicates were" not in text
    assert "(length, locus;" in encoder(lines)


def test_of_several_kinds_each_has_its_number_of_samples(run: Run) -> None:
    text = fragments(changed(run, "heldout", reads="single"))
    assert f"{MATES}, both with a mapping quality of at least 20 (80 samples), or {READ}" in text
    assert "in the overlap of two mates" in text
    mixed = fragments(changed(run, "heldout", bam="S.bed"))
    assert "; duplicates were dropped (duplicates can't be told in a fragment file), and lengths" in mixed


def test_no_call_is_spoken_of_where_no_sample_has_any(run: Run) -> None:
    assert "CpG calls with their offsets" in encoder(changed(run, "heldout", methylation="none"))
    none = changed(run, methylation="none")
    assert "(length, locus;" in encoder(none)
    assert "overlap" not in fragments(none)
