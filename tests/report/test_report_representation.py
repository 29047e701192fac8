"""What the embeddings hold, on the page: figures that show the records, absences with their reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from fake_representation import (
    BEND,
    concept,
    curve_table,
    funnel,
    geometry,
    length_curve,
    probes,
    survivor,
    with_bend,
)
from fake_run import HOSTILE, Built, World, make_run
from msgspec.structs import replace

from cfdna_interp.errors import InputError
from cfdna_interp.records.geometry import BendFinding
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.report.collect import collect
from cfdna_interp.report.figures.curvature import Marks, curvature_figure
from cfdna_interp.report.figures.length_curve import length_curve_figure
from cfdna_interp.report.figures.probes import above_chance, probe_figure
from cfdna_interp.report.figures.sparse_features import funnel_figure, profile_figure
from cfdna_interp.report.figures.steering import steering_figure
from cfdna_interp.report.length_curve import curve_sentences

COMPONENTS = (0.71, 0.2, 0.03)


def named(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.name == name]


def marks(mode: int = 167, **changes: object) -> Marks:
    told = with_bend(mode, **changes)
    return Marks(bend=told.curve.bend, mode=told.mode, nucleosome=told.nucleosome)


def test_the_curve_is_marked_at_mode_nucleosome_and_bend() -> None:
    figure = length_curve_figure(curve_table(), COMPONENTS, marks())
    first, second = named(figure, "Bend, 171 bp [168, 174]")
    # The curve is at (1, 0) where it turns, and its third component there is .1 sin(171 / 30).
    assert (first.x[0], first.y[0]) == pytest.approx((1, 0))
    assert second.y[0] == pytest.approx(0.1 * np.sin(171 / 30))
    assert named(figure, "Modal length, 167 bp") and named(figure, "167 bp")
    assert figure.layout.yaxis.scaleanchor == "x" and figure.layout.yaxis2.scaleanchor == "x2"
    assert figure.layout.xaxis.title.text == "PC1 (71 %)"


def test_no_bend_is_drawn_where_none_is_claimed() -> None:
    told = marks(claimed=False)
    names = {trace.name for trace in length_curve_figure(curve_table(), COMPONENTS, told).data if trace.name}
    assert not any(name.startswith("Bend") for name in names)
    columns = [s for s in curvature_figure(curve_table(), told).layout.shapes if s.type == "rect"]
    assert not any(shape.x0 == BEND - 3 for shape in columns)


def test_a_curve_of_one_component_is_drawn_against_length() -> None:
    straight = marks(at=None, claimed=False, finding=BendFinding.STRAIGHT, curvature=None)
    figure = length_curve_figure(curve_table(), [1.0], straight)
    assert figure.layout.xaxis.title.text == "Fragment length, bp"
    assert figure.data[0].x[0] == 70 and figure.layout.yaxis.scaleanchor is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"covers_nucleosome": True}, "holds 167 bp, the cohort's modal length"),
        ({}, "leaves out 167 bp, the cohort's modal length"),
        ({"covers_nucleosome": True, "covers_mode": True, "mode": 165}, "it can't tell one from the other"),
        ({"covers_mode": True, "mode": 159}, "holds the cohort's modal length of 159 bp, and not 167 bp"),
        ({"mode": 150}, "holds neither 167 bp nor the cohort's modal length of 150 bp"),
        (
            {"claimed": False, "finding": BendFinding.EVEN},
            "evenly turning one with the same noise. It is sharpest at 171 [168, 174] bp",
        ),
        (
            {"claimed": False, "finding": BendFinding.SCATTERED},
            "none is claimed: resamples of subjects place the sharpest between 168 and 174 bp.",
        ),
        (
            {"claimed": False, "finding": BendFinding.STRAIGHT, "at": None},
            "none is claimed: mean embeddings move along a single direction: the curve is straight.",
        ),
    ],
)
def test_a_bend_is_held_against_mode_and_nucleosome(change: dict[str, object], words: str) -> None:
    assert words in dict(curve_sentences(with_bend(**change)))["Bend"]


def test_what_the_curve_lacks_is_said() -> None:
    sentences = dict(
        curve_sentences(replace(geometry(), curve=replace(length_curve(), period=None, steering=None)))
    )
    assert sentences["Period"].startswith("not looked for")
    assert sentences["Steering"].startswith("not done")
    assert curve_sentences(replace(geometry(), curve=None, missing=Missing(why=Cause.NO_CURVE))) == []


def test_curvature_stands_on_its_null_with_its_band() -> None:
    figure = curvature_figure(curve_table(), marks())
    curvature = named(figure, "Curvature")[0]
    assert curvature.x[int(np.argmax(curvature.y))] == BEND
    (bend,) = [shape for shape in figure.layout.shapes if shape.type == "rect" and shape.x0 == BEND - 3]
    assert bend.x1 == BEND + 3
    # Where mode and 167 bp are one length there is one name.
    assert [note.text for note in figure.layout.annotations] == ["bend, 171 bp", "mode, 167 bp"]
    (null,) = named(figure, "Evenly turning, 95 %")
    assert set(null.y) == {np.float32(0.012)}
    notes = curvature_figure(curve_table(), marks(mode=159)).layout.annotations
    outwards = [(note.text, note.xanchor) for note in notes[1:]]
    assert outwards == [("mode, 159 bp", "right"), ("167 bp", "left")]


def test_the_funnel_counts_beside_permuted_labels() -> None:
    figure = funnel_figure(funnel().funnel)
    (bars,) = named(figure, "Features")
    assert list(bars.customdata) == [256, 246, 11, 4, 3]
    # 0 has a place on the scale, and 9 is one decade from it.
    assert list(figure.layout.xaxis.tickvals)[:2] == pytest.approx([0, np.log10(2)])
    (null,) = named(figure, "Permuted labels, 95 %")
    assert list(null.y) == ["Beat the null", "Survive resampling"]
    assert bars.y[-1] == "Differ with fragment length"


def test_profiles_are_of_the_largest_contrasts() -> None:
    survivors = [survivor(number, "methylation", t) for number, t in ((1, 4.0), (2, -9.0), (3, 5.0))]
    figure = profile_figure(survivors)
    assert [trace.name for trace in figure.data[::3]] == ["Feature 2", "Feature 3", "Feature 1"]
    peak = figure.data[0].x[int(np.argmax(figure.data[0].y))]
    assert peak == 100  # 60 + 20 * 2 bp
    assert "methylation" in figure.layout.yaxis.title.text


def test_chance_is_zero_for_every_score() -> None:
    assert above_chance("AUROC", 0.5) == 0 and above_chance("AUROC", 1.0) == 1
    assert above_chance("R2", 0.4) == 0.4 and above_chance("AUROC", None) is None
    figure = probe_figure(probes(HOSTILE, 80).concepts)
    (score,) = named(figure, "Probe, 95 %")
    assert score.x[:2] == pytest.approx((0.97, 0.74)) and score.x[3] == pytest.approx(2 * 0.99 - 1)
    assert score.error_x.array[3] == pytest.approx(2 * 0.02)


def test_a_cost_is_drawn_beside_random_directions_and_a_status_in_words() -> None:
    rows = [concept("gc", 0.5, 0.1, "used"), concept("age", 0.2, 0.02, "can't tell", of="sample")]
    rows[1] = replace(rows[1], erasure=replace(rows[1].erasure, partial_cost=None))
    figure = probe_figure(rows)
    (null,) = named(figure, "Random directions, at most")
    assert list(null.x) == [0.01, 0.01]
    (cost,) = named(figure, "All of it, 95 %")
    assert list(cost.x) == [0.1, 0.02]
    assert list(named(figure, "What the others don't explain, 95 %")[0].x) == pytest.approx([0.08])
    assert list(figure.layout.yaxis.ticktext) == ["GC content<br><i>used</i>", "Age<br><i>can't tell</i>"]


def test_both_paths_are_drawn_with_their_distance() -> None:
    figure = steering_figure(length_curve().steering)
    curve, line = named(figure, "Along the curve")[0], named(figure, "Straight line")[0]
    assert max(curve.y) == 1.1 and max(line.y) == 3.2


def test_a_part_of_the_settings_that_is_missing_is_named(tmp_path: Path) -> None:
    config, layout = make_run(tmp_path, World(per_class=6, batches=("A",)))
    layout.file("length_curve.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match=r"length_curve\.parquet cannot be read .* geometry stage again"):
        collect(config, layout)
    layout.file("length_curve.parquet").unlink()
    with pytest.raises(InputError, match=r"length_curve\.parquet does not exist; run the geometry stage"):
        collect(config, layout)
    layout.dictionary(3).unlink()
    with pytest.raises(InputError, match=r"3\.json does not exist"):
        collect(config, layout)


def text(built: Built) -> str:
    from test_report_page import read

    return read(built).sections["representation"]


def test_the_section_says_what_was_found(simulated_run: Built) -> None:
    shown = text(simulated_run)
    assert "the two routes agree" in shown
    assert (
        "4 survive resampling of subjects: 3 differ with fragment length; 1 differs with no single family."
        in shown
    )
    assert "at 171 [168, 174] bp" in shown
    assert "comes with fragment length 91 %, nothing known 7 %, methylation 2 %." in shown
    assert "Touches an atlas block AUROC 0.99 [0.97, 1.01] 0.51 0.80 0.001 [−0.014, 0.016]" in " ".join(
        shown.split()
    )
    assert (
        "decodable, not used: a linear probe reaches R² 0.74 (0.72 to 0.76); erasing it costs AUROC 0.00"
        in shown
    )
    assert f"site {HOSTILE.lower()} (the same everywhere)" in shown
    assert "Encoder with weights drawn anew" in shown


def test_parts_that_are_not_there_say_why(bare_run: Built, tmp_path: Path) -> None:
    shown = text(bare_run)
    assert "Neither route names a group" in shown
    assert (
        "can't be told: mean embeddings vary with length no more than with lengths dealt out anew." in shown
    )
    assert "The settings leave out the probes." in shown
    from cfdna_interp.report.report import build_report

    built = Built(*make_run(tmp_path, World(per_class=6, batches=("A",), parts=())))
    build_report(built.config, built.layout)
    shown = text(built)
    assert "The settings leave out what the embeddings hold" in shown
    assert "fig-funnel" not in built.page.read_text()
