"""What a manuscript may say was read: mates, whole reads or lines of a file, with or without methylation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_run import Built
from msgspec import structs

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.report import methods, methods_table, report
from cfdna_interp.report.collect import Run, collect
from cfdna_interp.report.methods import methods_paragraphs
from cfdna_interp.report.report import render

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


def test_the_paragraph_says_the_limits_by_which_the_rule_decides(
    run: Run, table_run: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = collect(table_run.config, table_run.layout)
    margin = structs.replace(run.dominance.margin, needed=0.15)
    stricter = replace(run, dominance=structs.replace(run.dominance, margin=margin))
    words = "the 1 % quantile of its lead over the runner-up exceeded 0.1"
    for one in (run, table):
        assert f"{words}0" in " ".join(methods_paragraphs(one))
    assert f"{words}5" in " ".join(methods_paragraphs(stricter))
    monkeypatch.setattr(methods, "CONTEXT_LIMIT", 0.3)
    monkeypatch.setattr(methods_table, "LOW", 0.02)
    monkeypatch.setattr(methods_table, "CEILING", 0.9)
    monkeypatch.setattr(methods_table, "COMPONENTS", 64)
    of_bags, of_table = (" ".join(methods_paragraphs(one)) for one in (run, table))
    assert "the 2 % quantile of its lead" in of_bags and "the 2 % quantile of its lead" in of_table
    assert "the 90 % quantile of the largest one" in of_bags and "the 90 % quantile" in of_table
    assert "carried at most 30 %" in of_bags and "at most 64, without labels" in of_table


def test_the_paragraph_says_the_levels_of_the_sparse_features_and_of_the_signal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = " ".join(methods_paragraphs(run))
    assert "the 95 % quantile of the largest of all features" in usual
    assert "a false-discovery rate of 5 %" in usual and "p was at most 0.05" in usual
    monkeypatch.setattr(methods, "LEVEL", 0.9)
    monkeypatch.setattr(methods, "Q", 0.1)
    monkeypatch.setattr(methods, "SIGNIFICANT", 0.01)
    text = " ".join(methods_paragraphs(run))
    assert "the 90 % quantile of the largest of all features" in text and "to do so in 90 % of" in text
    assert "a false-discovery rate of 10 %" in text and "p was at most 0.01" in text


def test_the_page_says_the_limits_by_which_the_rule_decides(
    run: Run, simulated_run: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_json(simulated_run.layout.file("manifest.json"))
    usual = render(run, manifest)
    assert "above 20 %: can't tell" in usual.replace("&#39;", "'")
    assert "(1 % quantile over refits" in usual and "more than 10 % is needed" in usual
    for name, limit in {"CONTEXT_LIMIT": 0.3, "LOW": 0.02, "HIGH": 0.9, "CEILING": 0.8}.items():
        monkeypatch.setattr(report, name, limit)
    margin = structs.replace(run.dominance.margin, needed=0.15)
    page = render(replace(run, dominance=structs.replace(run.dominance, margin=margin)), manifest)
    assert "above 30 %: can't tell" in page.replace("&#39;", "'")
    assert "(2 % quantile over refits" in page and "more than 15 % is needed" in page
    assert "Largest lead of any group at the 90 % quantile" in page
    permutations = run.dominance.permutations
    assert f"nats in 80 % of {permutations} refits" in page
