"""Levels along the reads by hand, and the figure's band against quantiles of the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quality import quality, technical

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.records.base import save_record
from cfdna_interp.records.qc import Ends, MethylationBias, SpikeIn, SuggestedEnds
from cfdna_interp.report.calls import CallTable, Flagged, SpikeInRow, load_calls
from cfdna_interp.report.figures.calls import m_bias_figure


def write(layout, sample, read1, read2, conversion, ends=(0, 0), warnings=()):
    record = quality(
        sample,
        technical=technical(conversion=conversion),
        m_bias=MethylationBias(read1=read1, read2=read2),
        suggested=SuggestedEnds(read1=None, read2=Ends(ignore_5p=ends[0], ignore_3p=ends[1])),
        warnings=warnings,
    )
    save_record(record, layout.qc(sample))


@pytest.fixture
def table(tmp_path: Path) -> CallTable:
    layout = Layout.of(tmp_path)
    write(layout, "A", ((50, 100), (9, 99), (80, 200)), (), 0.99)
    write(layout, "B", ((30, 100),), ((1, 100),), None, (1, 3), ("w",))
    write(layout, "C", (), (), 0.97, warnings=("x", "y"))
    samples = {name: Sample(name, f"P{name}", "b", None, "discovery") for name in "ABC"}
    return load_calls({"discovery": [samples["A"], samples["B"]], "heldout": [samples["C"]]}, layout)


def test_levels_need_calls(table: CallTable) -> None:
    nan = np.nan
    np.testing.assert_array_equal(table.levels["read1"], [[0.5, nan, 0.4], [0.3, nan, nan], [nan] * 3])
    np.testing.assert_array_equal(table.levels["read2"], [[nan], [0.01], [nan]])
    assert table.ends.tolist() == [0, 3, 0]
    assert table.conversion == {"discovery": (0.99, 0.99, 0.99, 1), "heldout": (0.97, 0.97, 0.97, 1)}
    assert table.flagged == (
        Flagged("B", "discovery", None, ("w",)),
        Flagged("C", "heldout", 0.97, ("x", "y")),
    )


def test_the_figure_holds_nine_of_ten_and_the_odd_ones() -> None:
    # 101 samples at 0, 1, ... 100 % everywhere: 5 % quantile 5, median 50, 95 % quantile 95.
    levels = np.repeat(np.arange(101)[:, None] / 100, 30, axis=1)
    ends = np.zeros(101, dtype=np.int64)
    ends[[7, 9, *range(40, 48)]] = [5, 9, *[1] * 8]
    table = CallTable(
        tuple(f"S{i}" for i in range(101)), {"read1": levels, "read2": levels[:, :20]}, ends, {}, (), ()
    )
    figure = m_bias_figure(table)
    band, median, *odd = (trace for trace in figure.data if trace.xaxis == "x")
    assert set(band.y) == {5.0, 95.0}
    assert (set(median.y), list(median.x)) == ({50.0}, list(range(1, 31)))
    assert [trace.name for trace in odd] == ["S9", "S7", "S40", "S41", "S42", "S43"]
    assert set(odd[0].y) == {9.0}
    assert [len(trace.x) for trace in figure.data if trace.xaxis == "x2"] == [40, *[20] * 7]


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    write(layout, "A", (), ((5, 99),), None)
    assert not load_calls({"discovery": [Sample("A", "P", "b", 1, "discovery")]}, layout).measured


def test_a_mate_without_reads_is_left_empty(table: CallTable) -> None:
    single = CallTable(
        ("A",), {"read1": np.full((1, 5), 0.5), "read2": np.zeros((1, 0))}, np.zeros(1), {}, (), ()
    )
    assert [trace.xaxis for trace in m_bias_figure(single).data] == ["x", "x"]


def test_levels_of_spike_ins_are_those_with_enough_calls(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    added = {"A": (1, 100), "B": (9, 300), "C": (2, 400), "D": (50, 99)}
    for name, (methylated, calls) in added.items():
        one = SpikeIn(contig="lambda", kind="lambda", fragments=9, methylated=methylated, calls=calls)
        save_record(quality(name, spike_ins=(one,)), layout.qc(name))
    save_record(quality("E"), layout.qc("E"))
    samples = {"discovery": [Sample(name, "P", "b", 1, "discovery") for name in "ABCDE"]}
    assert load_calls(samples, layout).spike_ins == (SpikeInRow("discovery", "lambda", 0.005, 0.01, 0.03, 3),)
