"""``cfdna-interp run``: the workflow for one config, resumable after any kind of stop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cfdna_interp.cli.options import config_option

_MARK = "cfdna-interp: "  # how a command's one-line error begins


@click.command("run", context_settings={"ignore_unknown_options": True})
@config_option
@click.option("--cores", default=1, show_default=True, type=click.IntRange(min=1), help="Jobs side by side.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.argument("snakemake_options", nargs=-1, type=click.UNPROCESSED)
def command(config_path: Path, cores: int, dry_run: bool, snakemake_options: tuple[str, ...]) -> None:
    """Run the whole workflow; what is done already is not done again.

    SNAKEMAKE_OPTIONS are handed on, e.g. --executor slurm or --profile FOLDER.
    """
    from cfdna_interp.config import load_config
    from cfdna_interp.config.resources import shipped
    from cfdna_interp.errors import InputError
    from cfdna_interp.fragments.preflight import preflight

    config = load_config(config_path)
    preflight(config)
    outdir = Path(config.outdir)
    outdir.mkdir(parents=True, exist_ok=True)
    arguments = [
        *(sys.executable, "-m", "snakemake"),
        *("--snakefile", str(shipped("Snakefile"))),
        *("--workflow-profile", str(shipped("profiles", "default"))),
        *("--configfile", str(config_path.resolve())),
        *("--directory", str(outdir)),
        *("--cores", str(cores)),
        "--nolock",  # our own lock, below, dies with its process
        *(["--dry-run"] if dry_run else ["--quiet", "rules"]),
        *snakemake_options,
    ]
    with _only_run(outdir):
        logs = _log_sizes(outdir)
        code = subprocess.run(arguments, env=_environment(), check=False).returncode
        if code:
            message = _user_error(outdir, logs)
            if message:
                raise InputError(message)
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


@contextmanager
def _only_run(outdir: Path) -> Iterator[None]:
    """Hold the run's lock; the kernel lets go of it when the process ends, however it ends."""
    import fcntl

    from cfdna_interp.errors import InputError

    with open(outdir / ".lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"another run is writing to {outdir}; wait for it or stop it") from None
        yield


def _environment() -> dict[str, str]:
    """Return the environment with this installation's commands first on the path."""
    import os

    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}


def _log_sizes(outdir: Path) -> dict[Path, tuple[int, int]]:
    """Return each log's modification time in ns and its size."""
    logs = sorted((outdir / "logs").rglob("*.log"))
    return {log: (log.stat().st_mtime_ns, log.stat().st_size) for log in logs}


def _user_error(outdir: Path, before: dict[Path, tuple[int, int]]) -> str | None:
    """Return the message of a command that stopped for the user's data in this run, None if none did."""
    for log, state in _log_sizes(outdir).items():
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if before.get(log) != state and lines and lines[-1].startswith(_MARK):
            return lines[-1].removeprefix(_MARK)
    return None
