"""Where reads went, counted by hand: medians of roles, and which samples stand out."""

from __future__ import annotations

from pathlib import Path

import pytest
from quality import EXCLUDED, quality, read_counts

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.records.base import save_record
from cfdna_interp.records.qc import ReadLoss
from cfdna_interp.report.figures.losses import losses_figure
from cfdna_interp.report.losses import (
    SampleLosses,
    filter_rows,
    load_losses,
    losses_sentence,
    outlying_losses,
)

SLASHES = ReadLoss(filter="mate_missing", reads=400, of=1_000, cause="mate names", shown=400, looked_at=400)


def lost(name: str, role: str = "discovery", *, excluded: bool = False, judged=(), **shares: float):
    """The losses of a sample of 1,000 reads; filters that aren't named take none."""
    reads = {reason: round(1_000 * share) for reason, share in shares.items()}
    counts = read_counts(reads=1_000, **reads)
    record = quality(name, counts=counts, losses=tuple(judged), **(EXCLUDED if excluded else {}))
    return record, role, excluded


def losses_of(tmp_path: Path, *made) -> tuple[SampleLosses, ...]:
    layout = Layout.of(tmp_path)
    samples: dict[str, list[Sample]] = {"discovery": [], "heldout": []}
    excluded = []
    for record, role, left_out in made:
        save_record(record, layout.qc(record.sample))
        if left_out:
            excluded.append({"sample": record.sample, "role": role})
        else:
            samples[role].append(Sample(record.sample, "P", "b", None, role))
    return load_losses(samples, excluded, layout)


def test_shares_are_of_primary_reads(tmp_path: Path) -> None:
    counts = read_counts(reads=1_200, secondary_supplementary=200, low_mapq=150)
    (one,) = losses_of(tmp_path, (quality("A", counts=counts), "heldout", False))
    assert (one.sample, one.role, one.excluded, one.reads) == ("A", "heldout", False, 1_000)
    assert one.lost["low_mapq"] == 0.15
    assert "secondary_supplementary" not in one.lost


def test_a_sample_without_reads_has_no_losses(tmp_path: Path) -> None:
    assert losses_of(tmp_path, (quality("A", **EXCLUDED), "discovery", True)) == ()
    assert losses_sentence(()) == ""


def test_medians_are_of_the_analysed_samples_of_a_role(tmp_path: Path) -> None:
    cohort = losses_of(
        tmp_path,
        lost("A", low_mapq=0.10),
        lost("B", low_mapq=0.12),
        lost("C", low_mapq=0.30),
        lost("D", low_mapq=0.90, excluded=True),
        lost("E", "heldout", low_mapq=0.20),
    )
    (row,) = filter_rows(cohort)
    assert row.filter == "low_mapq"
    assert row.spread == {"discovery": (0.12, 0.30, "C"), "heldout": (0.20, 0.20, "E")}


def test_what_stands_out(tmp_path: Path) -> None:
    cohort = losses_of(
        tmp_path,
        lost("A", low_mapq=0.10, mate_missing=0.05),
        lost("B", low_mapq=0.12, mate_missing=0.40, judged=(SLASHES,)),
        lost("C", low_mapq=0.21, mate_missing=0.06),
        lost("D", low_mapq=0.225, mate_missing=0.06),  # 10.5 points above the median
        lost("E", low_mapq=0.11, mate_missing=0.05),
        lost("F", duplicate=0.7, excluded=True),
    )
    rows = [(row.sample, row.filter, row.share, row.median, row.excluded) for row in outlying_losses(cohort)]
    assert rows == [
        ("F", "duplicate", 0.7, 0.0, True),
        ("B", "mate_missing", 0.4, 0.06, False),
        ("D", "low_mapq", 0.225, 0.12, False),
    ]
    (judged,) = [row for row in outlying_losses(cohort) if row.sample == "B"]
    assert "/1 and /2" in judged.words
    assert losses_sentence(cohort).startswith(
        "3 of 6 samples lose more reads to a filter than good libraries do"
    )


def test_honest_libraries_do_not_stand_out(tmp_path: Path) -> None:
    cohort = losses_of(tmp_path, *(lost(f"S{i}", low_mapq=0.1 + 0.01 * i, duplicate=0.2) for i in range(8)))
    assert outlying_losses(cohort) == []
    assert losses_sentence(cohort).startswith("None of 8 samples loses more reads")


def test_calls_that_do_not_fit_are_named_without_a_share(tmp_path: Path) -> None:
    cut = ReadLoss(filter="calls", reads=90, of=100, cause="XM length", shown=90, looked_at=100)
    (row,) = outlying_losses(losses_of(tmp_path, lost("A", judged=(cut,))))
    assert (row.filter, row.share, row.median) == ("calls", None, None)
    assert "XM is not as long as the read" in row.words


def test_every_sample_has_a_mark_for_each_filter(tmp_path: Path) -> None:
    cohort = losses_of(
        tmp_path,
        lost("A", low_mapq=0.10, duplicate=0.2),
        lost("<b>", "heldout", low_mapq=0.2, excluded=True),
        lost("C", "heldout", low_mapq=0.3),
    )
    figure = losses_figure(cohort, filter_rows(cohort))
    marks = {trace.name: trace for trace in figure.data if trace.mode == "markers"}
    assert sorted(marks["Discovery"].x) == [10, 20]
    assert sorted(marks["Held-out"].x) == [0, 0, 20, 30]
    assert marks["Held-out"].marker.symbol.count("circle-open") == 2
    assert all("<" not in text for text in marks["Held-out"].text)
    medians = [trace.x[0] for trace in figure.data if trace.mode == "lines"]
    assert sorted(medians) == [0, 10, 20, 30]


@pytest.mark.parametrize("samples", [1, 500])
def test_a_cohort_of_any_size_has_a_figure(tmp_path: Path, samples: int) -> None:
    cohort = losses_of(tmp_path, *(lost(f"S{i}", low_mapq=0.1) for i in range(samples)))
    figure = losses_figure(cohort, filter_rows(cohort))
    assert sum(len(trace.x) for trace in figure.data if trace.mode == "markers") == samples
