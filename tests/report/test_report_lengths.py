"""Length tables: shares, averaging within subjects, medians, and the curves drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.errors import InputError
from cfdna_interp.report.figures.lengths import length_by_batch, length_by_label
from cfdna_interp.report.lengths import LengthTable, load_lengths


def sample(name: str, subject: str, batch: str = "A") -> Sample:
    return Sample(sample=name, subject=subject, bam="x.bam", label=None, role="discovery", batch=batch)


def write(layout: Layout, name: str, counts: dict[int, int]) -> None:
    profile = Profile()
    for length, count in counts.items():
        profile.add("length_1bp", str(length), [count])
    profile.add("motif", "CCCA", [3])
    profile.save(layout.profile(name))


def table(
    shares: np.ndarray, labels: list[int], batches: list[str] | None = None, low: int = 100
) -> LengthTable:
    rows = len(shares)
    return LengthTable(
        role="discovery",
        lengths=np.arange(low, low + shares.shape[1]),
        shares=shares,
        subjects=np.array([f"P{row}" for row in range(rows)]),
        labels=np.array(labels),
        batches=np.array(batches or ["A"] * rows),
        fragments=np.full(rows, 1_000),
    )


def test_two_samples_of_a_subject_weigh_the_same_whatever_their_depth(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    write(layout, "S1", {100: 1, 102: 3})
    write(layout, "S2", {100: 300, 101: 100})
    write(layout, "S3", {103: 10})
    found = load_lengths(
        "discovery", [sample("S1", "P1"), sample("S2", "P1"), sample("S3", "P2")], {"P1": 1, "P2": 0}, layout
    )
    # P1: (1/4 + 3/4)/2 at 100, (0 + 1/4)/2 at 101, (3/4 + 0)/2 at 102.
    np.testing.assert_allclose(found.shares, [[0.5, 0.125, 0.375, 0], [0, 0, 0, 1]])
    assert found.lengths.tolist() == [100, 101, 102, 103]
    assert found.fragments.tolist() == [404, 10]
    assert found.labels.tolist() == [1, 0]


def test_a_subject_in_two_batches_counts_once_by_label(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    write(layout, "S1", {100: 4})
    write(layout, "S2", {101: 4})
    found = load_lengths("discovery", [sample("S1", "P1", "A"), sample("S2", "P1", "B")], {"P1": 1}, layout)
    np.testing.assert_allclose(found.by_label(1), [[0.5, 0.5]])
    np.testing.assert_allclose(found.by_batch("B"), [[0, 1]])
    assert found.by_label(0).shape == (0, 2)


def test_a_sample_without_fragments_is_named(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    write(layout, "S7", {})
    with pytest.raises(InputError, match=r"sample S7: .*S7\.parquet counts no fragment"):
        load_lengths("discovery", [sample("S7", "P7")], {"P7": 1}, layout)


def test_summary_of_a_known_law() -> None:
    # Ten fragments a subject at 148..152 bp. Subject 1: 2 each, at most 150 bp: 6 of 10, median 150 (the
    # fifth of ten lies there). Subject 2: all at 152: none short, median 152.
    shares = np.array([[0.2] * 5, [0, 0, 0, 0, 1.0]])
    cases, controls, batch = table(shares, [1, 0], low=148).summarise()
    assert (cases.name, cases.n, cases.fragments) == ("Cases", 1, 1_000)
    assert cases.short == pytest.approx((0.6, 0.6, 0.6))
    assert cases.median == (150, 150, 150)
    assert controls.short == pytest.approx((0, 0, 0))
    # Two subjects 0 and .6: quartiles .15, .3, .45 by linear interpolation.
    assert batch.short == pytest.approx((0.15, 0.3, 0.45))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 50), min_size=6, max_size=6), min_size=4, max_size=8).filter(
        lambda rows: all(sum(row) for row in rows)
    )
)
def test_drawn_means_sum_to_all_fragments(rows: list[list[int]]) -> None:
    counts = np.array(rows, dtype=float)
    shares = counts / counts.sum(axis=1, keepdims=True)
    figure = length_by_label([table(shares, [row % 2 for row in range(len(rows))])])
    curves = [np.array(trace.y) for trace in figure.data if trace.fill is None]
    # In per cent: cases and controls hold all their fragments, so their difference holds none.
    assert [curve.sum() for curve in curves] == pytest.approx([100, 100, 0], abs=1e-9)


def test_one_subject_of_a_class_has_no_band_of_differences() -> None:
    figure = length_by_label([table(np.tile([0.5, 0.5], (3, 1)), [1, 0, 0])])
    assert [trace.name for trace in figure.data if trace.fill is None] == ["Cases, n = 1", "Controls, n = 2"]


def test_difference_and_its_band_in_closed_form() -> None:
    # At the first length cases have .2 and .4 (mean .3, variance .02), controls .1 and .1: difference .2,
    # standard error sqrt(.02/2) = .1, so the band is .2 ± .196; in per cent 20 ± 19.6.
    first = np.array([0.2, 0.4, 0.1, 0.1])
    figure = length_by_label([table(np.column_stack([first, 1 - first]), [1, 1, 0, 0])])
    lower = [trace for trace in figure.data if trace.yaxis == "y2"]
    band, curve = (np.array(trace.y) for trace in lower)
    assert curve[0] == pytest.approx(20)
    assert (band[0], band[-1]) == pytest.approx((39.6, 0.4))


def test_equal_groups_have_no_difference() -> None:
    shares = np.tile([0.25, 0.5, 0.25], (6, 1))
    figure = length_by_label([table(shares, [1, 0, 1, 0, 1, 0])])
    drawn = [np.array(trace.y) for trace in figure.data if trace.yaxis == "y2"]
    np.testing.assert_allclose(np.concatenate(drawn), 0, atol=1e-12)


def test_every_batch_is_drawn_with_its_number_and_escaped() -> None:
    shares = np.tile([0.25, 0.75], (5, 1))
    figure = length_by_batch([table(shares, [1, 0, 1, 0, 1], ["A", "A", "B", "B", "<b>"])])
    names = [trace.name for trace in figure.data if trace.fill is None]
    assert names == ["&lt;b&gt;, n = 1", "A, n = 2", "B, n = 2"]
