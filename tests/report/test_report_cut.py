"""Tables that were cut, wherever: the page is not made from what is left of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import Built, World, make_run
from stored import write_json

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.report.collect import collect


@pytest.fixture
def small(tmp_path: Path) -> tuple[Config, Layout]:
    return make_run(tmp_path, World(per_class=4, exclusions=(("S001", "few"), ("S002", "late"))))


def keep_lines(path: Path, count: int) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:count]))


@pytest.mark.parametrize("name", ["hypotheses.tsv", "exclusions.tsv"])
@pytest.mark.parametrize("lines", [0, 1, 2])
def test_lines_that_are_gone_are_missed(small: tuple[Config, Layout], name: str, lines: int) -> None:
    config, layout = small
    assert len(collect(config, layout).hypotheses) == len(collect(config, layout).exclusions) == 2
    keep_lines(layout.file(name), lines)
    stage = "verdict" if name == "hypotheses.tsv" else "matrix"
    with pytest.raises(InputError, match=rf"{name} .*run the .*{stage} stage again"):
        collect(config, layout)


@pytest.mark.parametrize("name", ["hypotheses.tsv", "exclusions.tsv"])
def test_a_line_that_is_cut_is_told(small: tuple[Config, Layout], name: str) -> None:
    config, layout = small
    path = layout.file(name)
    whole = path.read_bytes()
    for cut in (whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(cut)
        with pytest.raises(InputError, match=rf"{name} is damaged .*stage again"):
            collect(config, layout)


def test_rows_of_a_table_without_a_role_are_counted(table_run: Built) -> None:
    path = table_run.layout.file("table.json")
    before = path.read_bytes()
    write_json(path, read_json(path) | {"left_out": 1})
    try:
        with pytest.raises(InputError, match=r"exclusions\.tsv names 0 rows without a role, table\.json 1"):
            collect(table_run.config, table_run.layout)
    finally:
        path.write_bytes(before)
