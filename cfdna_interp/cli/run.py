"""``cfdna-interp run``: the workflow for one config, resumable after any kind of stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from cfdna_interp.cli import FAULT
from cfdna_interp.cli.crash import FAULT_MARK
from cfdna_interp.cli.options import config_option

_MARK = "cfdna-interp: "  # how a command's one-line error begins
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE = 30  # seconds between asking jobs to end and killing them


@click.command("run", context_settings={"ignore_unknown_options": True})
@config_option
@click.option("--cores", default=1, show_default=True, type=click.IntRange(min=1), help="Jobs side by side.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.argument("snakemake_options", nargs=-1, type=click.UNPROCESSED)
def command(config_path: Path, cores: int, dry_run: bool, snakemake_options: tuple[str, ...]) -> None:
    """Run the whole workflow; what is done already is not done again.

    SNAKEMAKE_OPTIONS are handed on, e.g. --executor slurm or --profile FOLDER.
    """
    from cfdna_interp.artifacts.writable import check_writable
    from cfdna_interp.config import load_config
    from cfdna_interp.config.resources import shipped
    from cfdna_interp.errors import InputError
    from cfdna_interp.fragments.preflight import preflight
    from cfdna_interp.workflow.owner import check_free
    from cfdna_interp.workflow.provenance import record_is_lost
    from cfdna_interp.workflow.results_alone import check_results_alone

    config = load_config(config_path)
    preflight(config)
    outdir = Path(config.outdir)
    outdir.mkdir(parents=True, exist_ok=True)
    if not dry_run:
        check_free(outdir)
    arguments = [
        *(sys.executable, "-m", "snakemake"),
        *("--snakefile", str(shipped("Snakefile"))),
        *("--workflow-profile", str(shipped("profiles", "default"))),
        *("--configfile", os.path.realpath(config_path)),
        *("--directory", str(outdir)),
        *("--cores", str(cores)),
        "--nolock",  # the Snakefile takes a lock that ends with its process
        *(["--dry-run"] if dry_run else ["--quiet", "rules"]),
        *snakemake_options,
    ]
    if record_is_lost(outdir) and not {"--forceall", "-F"} & set(snakemake_options):
        check_results_alone(config)
        if not dry_run:
            # Now they are as if they had been made here: Snakemake notes what they were made from.
            _run([*arguments, "--touch"])
    logs = _log_sizes(outdir)
    code, stopped = _run(arguments)
    if stopped is not None:
        click.echo(f"{_MARK}stopped; what is done is kept, the same command goes on from there", err=True)
        raise SystemExit(128 + stopped)
    if code:
        said = _last_messages(outdir, logs)
        if said and said[-1].startswith(_MARK):
            raise InputError(*(line.removeprefix(_MARK) for line in said))
        if said:
            click.echo(said[-1], err=True)
            raise SystemExit(FAULT)
        # A run that began at the same moment may have been faster to own the folder.
        check_free(outdir)
        # On a full disk a job can't say in its log why it ended.
        check_writable(outdir, "outdir")
        click.echo(
            f"{_MARK}Snakemake ended with exit code {code}; what it says stands above, and a job that ended "
            "without a word has been killed, mostly for want of memory",
            err=True,
        )
        raise SystemExit(code)
    if not dry_run:
        _say_opening(outdir)
        click.echo(str(outdir / "report.html"))


def _say_opening(outdir: Path) -> None:
    """Say on standard error if the held-out labels had been read under another protocol before."""
    from cfdna_interp.records.base import load_record
    from cfdna_interp.records.validation import ValidationResult

    path = outdir / ValidationResult.FILE
    if path.is_file():  # a run up to an earlier stage has none
        note = load_record(ValidationResult, path).opening.note()
        if note:
            click.echo(note, err=True)


def _run(arguments: list[str]) -> tuple[int, int | None]:
    """Run Snakemake; whoever asks this process to stop stops Snakemake and all its jobs.

    Returns
    -------
    The exit code, and the signal that stopped the run, None where none did.
    """
    signals: list[int] = []
    before = {number: signal.getsignal(number) for number in _STOPS}
    process = subprocess.Popen(arguments, env=_environment())
    killer = threading.Timer(_GRACE, _end_all, (process.pid, signal.SIGKILL))
    killer.daemon = True

    def stop(number: int, frame: Any) -> None:
        if not signals:
            killer.start()
        signals.append(number)
        _end_all(process.pid)

    try:
        for number in _STOPS:
            # Who starts a program with a signal ignored (nohup) wants it ignored.
            if before[number] != signal.SIG_IGN:
                signal.signal(number, stop)
        code = process.wait()
    finally:
        killer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
    return code, signals[0] if signals else None


def _end_all(pid: int, number: int = signal.SIGTERM) -> None:
    """Send a signal to a process and to all that it has started."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _environment() -> dict[str, str]:
    """Return the environment with this installation's commands first on the path."""
    import os

    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}


def _log_sizes(outdir: Path) -> dict[Path, tuple[int, int]]:
    """Return each log's modification time in ns and its size."""
    logs = sorted((outdir / "logs").rglob("*.log"))
    return {log: (log.stat().st_mtime_ns, log.stat().st_size) for log in logs}


def _last_messages(outdir: Path, before: dict[Path, tuple[int, int]]) -> list[str]:
    """Return the lines with which a command stopped in this run; none if no command did."""
    for log, state in _log_sizes(outdir).items():
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if before.get(log) == state or not lines:
            continue
        if lines[-1].startswith(FAULT_MARK):
            return lines[-1:]
        # An error may have reasons, a line each.
        said = list(takewhile(lambda line: line.startswith(_MARK), reversed(lines)))
        if said:
            return said[::-1]
    return []
