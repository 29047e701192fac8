"""A result file that lost a key makes a page without need of it, or one error that names the file."""

from __future__ import annotations

import re

import plotly.graph_objects as go
import pytest
from damage import check_losses, lost
from fake_run import Built, World, make_run

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.report import report
from cfdna_interp.report.collect import collect
from cfdna_interp.report.report import build_report, draw

READ = ("dominance", "validation", "audit", "verdict", "proxy", "encoder", "protocol")
SEEN = ("probes", "funnel", "geometry")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Layout]:
    return make_run(tmp_path_factory.mktemp("damaged"), World(per_class=4))


@pytest.fixture(scope="module")
def drawn(small: tuple[Config, Layout]) -> dict[str, go.Figure]:
    return draw(collect(*small))


@pytest.fixture
def quick(drawn: dict[str, go.Figure], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the figures of the whole files: they need most of a page's time, and have their own test."""
    monkeypatch.setattr(report, "draw", lambda run: drawn)


@pytest.mark.usefixtures("quick")
def test_whatever_key_is_gone_the_page_is_written_or_the_file_named(small: tuple[Config, Layout]) -> None:
    config, layout = small
    files = [layout.file(f"{name}.json") for name in (*READ, *SEEN)]
    check_losses([*files, layout.qc("S000")], lambda: build_report(config, layout), 1)


def test_whatever_key_is_gone_figures_are_drawn_or_the_file_named(small: tuple[Config, Layout]) -> None:
    config, layout = small
    files = [layout.file(f"{name}.json") for name in ("dominance", "validation")]
    check_losses(files, lambda: draw(collect(config, layout)), 1)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("name", "at", "place", "stage"),
    # Keys of a dictionary are data: the place of what they lead to is written [...].
    [
        ("validation", ("scores", "model", "auroc"), "scores[...].auroc", "validate"),
        ("audit", ("handling", "measure"), "handling.measure", "audit"),
        ("audit", ("person", "status"), "person.status", "audit"),
        (
            "validation",
            ("subgroups", "model", 0, "groups", 0, "control"),
            "subgroups[...][0].groups[0].control",
            "validate",
        ),
        ("verdict", ("rungs", 0, "claim"), "rungs[0].claim", "verdict"),
        ("dominance", ("fidelity",), "fidelity", "dominance"),
        ("dominance", ("groups", "methylation", "role"), "groups[...].role", "dominance"),
        ("qc/S000", ("counts",), "counts", "extract"),
        ("qc/S000", ("m_bias", "read2"), "m_bias.read2", "extract"),
    ],
)
def test_a_key_that_the_page_shows_is_named(
    small: tuple[Config, Layout], name: str, at: tuple[str | int, ...], place: str, stage: str
) -> None:
    config, layout = small
    wanted = rf"{name}\.json has no usable '{re.escape(place)}'.*run the {stage} stage again"
    with lost(layout.file(f"{name}.json"), at), pytest.raises(InputError, match=wanted):
        build_report(config, layout)


def test_what_a_table_held_is_named_too(table_run: Built) -> None:
    path = table_run.layout.file("table.json")
    wanted = r"table\.json has no usable 'groups\[\.\.\.\]\.features'.*run the matrix stage again"
    with lost(path, ("groups", "copy_number", "features")), pytest.raises(InputError, match=wanted):
        collect(table_run.config, table_run.layout)
