"""What the machine refuses is one line and exit code 2, as what is wrong with the data."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import cfdna_interp.cli
from cfdna_interp.cli import cli, main


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(28, "No space left on device", "/data/x.parquet"),
            "/data/x.parquet: No space left on device (",
        ),
        (FileExistsError(17, "File exists", Path("/data/out")), "/data/out: File exists\n"),
        (OSError("Error closing\n BGZFile object"), "Error closing BGZFile object\n"),
    ],
)
def test_a_system_error_is_one_line(
    error: OSError, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli, "get_command", lambda ctx, name: failing)
    monkeypatch.setattr(cfdna_interp.cli.sys, "argv", ["cfdna-interp", "check"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"cfdna-interp: {line}")
    assert told.count("\n") == 1
