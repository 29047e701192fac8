"""An unforeseen error: one line, a report among the logs, exit code 70, a traceback only on request."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cfdna_interp.cli import FAULT, main

CONFIG = "sheet: sheet.tsv\noutdir: out\n"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command that fails by a fault of the program, with a config in a folder of its own."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("of\nno use")

    monkeypatch.setattr("cfdna_interp.audit.audit.run_audit", fail)
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_fault_is_one_line_and_a_report_among_the_logs(
    broken: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cfdna-interp", "audit", "--config", "config.yaml"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == FAULT == 70
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "audit: ZeroDivisionError: of no use" in line
    (report,) = (broken / "out" / "logs").iterdir()
    assert str(report) in line
    assert "in fail" in report.read_text() and "audit --config config.yaml" in report.read_text()


def test_without_a_config_that_can_be_read_the_report_lies_here(
    broken: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cfdna_interp.cli.crash import report_crash

    try:
        raise ValueError("x" * 1000)
    except ValueError as error:
        line = report_crash(error, ["cfdna-interp", "check", "--config", "nowhere.yaml"])
    (report,) = broken.glob("crash.check.*.txt")
    assert str(report) in line and len(line) < 800


def test_a_report_holds_no_signature(broken: Path) -> None:
    from cfdna_interp.cli.crash import report_crash

    address = "https://me:s3cret@example.org/x.bam?signature=s3cret"
    try:
        raise ValueError(f"cannot read '{address}' further")
    except ValueError as error:
        line = report_crash(error, ["cfdna-interp", "score", "--proxy", "proxy.json", address])
    (report,) = broken.glob("crash.score.*.txt")
    for text in (line, report.read_text()):
        assert "s3cret" not in text
        assert "cannot read 'https://example.org/x.bam' further" in text


def test_debug_shows_the_traceback(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["cfdna-interp", "--debug", "audit", "--config", "config.yaml"])
    with pytest.raises(ZeroDivisionError):
        main()


def test_a_problem_with_the_users_data_stays_exit_code_2(
    broken: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cfdna-interp", "train", "--config", "config.yaml"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert not list(broken.rglob("crash.*"))
