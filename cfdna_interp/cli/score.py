"""``cfdna-interp score``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cfdna_interp.proxy.score import Scored

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("score")
@click.option("--proxy", "proxy_path", required=True, type=_FILE, help="proxy.json of a finished run.")
@click.option(
    "--config",
    "config_path",
    type=_FILE,
    help="Where atlas, annotation, blacklist and reference lie, if they moved since the run.",
)
@click.option("--sheet", type=_FILE, help="A sheet of new samples: columns sample and bam, no labels.")
@click.option("--table", type=_FILE, help="A table of new samples, for the proxy of a run from a table.")
@click.option("--out", type=_FILE, help="Write the table there instead of to standard output.")
@click.option(
    "--on-bad-sample",
    type=click.Choice(["stop", "exclude"]),
    default="stop",
    show_default=True,
    help="exclude: a sample that can't be scored has a reason instead of numbers.",
)
@click.option(
    "--methylation",
    type=click.Choice(["auto", "xm", "mm", "reference", "none"]),
    help="As the column of a sheet: where the CpG calls of these files are.",
)
@click.option(
    "--reads",
    type=click.Choice(["paired", "single"]),
    help="As the column of a sheet: single for whole molecules.",
)
@click.option(
    "--chemistry",
    type=click.Choice(["bisulfite", "em-seq", "taps"]),
    help="As the column of a sheet: taps where what was converted is methylated.",
)
@click.option(
    "--library",
    type=click.Choice(["auto", "directional", "pbat", "non-directional"]),
    help="As the column of a sheet: how reads lie to their molecules.",
)
@click.argument("bams", nargs=-1)
def command(
    proxy_path: Path,
    config_path: Path | None,
    sheet: Path | None,
    table: Path | None,
    out: Path | None,
    on_bad_sample: str,
    bams: tuple[str, ...],
    **reading: str | None,
) -> None:
    """Score new samples with a frozen proxy: BAM files, a sheet of them, or a table of features.

    Nothing is written before every sample is scored.
    """
    from cfdna_interp.artifacts.files import write_text
    from cfdna_interp.proxy.score import as_table

    said = {name: value for name, value in reading.items() if value is not None}
    if sum((bool(bams), sheet is not None, table is not None)) != 1:
        raise click.UsageError("give BAM files, or --sheet, or --table")
    if said and not bams:
        raise click.UsageError(f"--{next(iter(said))} is for BAM files; a sheet has a column of that name")
    if table is not None and config_path is not None:
        raise click.UsageError("--config says where files of alignments lie; a table needs none of them")
    if out is not None:
        _check_writable(out)
        _check_no_input(out, [proxy_path, config_path, sheet, table, *bams])
    if table is not None:
        from cfdna_interp.proxy.score_table import score_table

        scored = score_table(table, proxy_path, on_bad_sample=on_bad_sample)
    else:
        scored = _alignments(proxy_path, config_path, sheet, bams, said, on_bad_sample, out)
    text = as_table("bam" if bams else "sample", scored)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)


def _check_writable(out: Path) -> None:
    """Raise ``InputError`` if a file can't be made there: scoring may take hours."""
    from tempfile import TemporaryFile

    from cfdna_interp.errors import InputError

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise InputError(f"--out {out} cannot be written ({error}); give another path") from None


def _check_no_input(out: Path, inputs: Sequence[Path | str | None]) -> None:
    """Raise ``InputError`` if the result would take the place of a file that it is made from."""
    from cfdna_interp.errors import InputError

    for path in inputs:
        if path is not None and os.path.realpath(path) == os.path.realpath(out):
            raise InputError(f"--out {out} is one of the files to read; give another path")


def _alignments(
    proxy_path: Path,
    config_path: Path | None,
    sheet: Path | None,
    bams: tuple[str, ...],
    said: dict[str, str],
    on_bad_sample: str,
    out: Path | None,
) -> list[Scored]:
    from dataclasses import replace

    from cfdna_interp.artifacts.addresses import shown
    from cfdna_interp.cohort.sheet import read_new_samples
    from cfdna_interp.config import load_config
    from cfdna_interp.proxy.score import load_scorer
    from cfdna_interp.proxy.score_alignments import samples_of, score_alignments

    config = load_config(config_path) if config_path is not None else None
    if sheet is None:
        samples = samples_of(bams, said)
    else:
        proxy = load_scorer(proxy_path, table=False).proxy
        further = proxy.settings.extract.technical_columns
        samples = read_new_samples(sheet, further, proxy.training_levels)
        if out is not None:
            _check_no_input(out, [sample.bam for sample in samples])
    scored = score_alignments(samples, proxy_path, config, on_bad_sample=on_bad_sample)
    if sheet is None:  # known to the user by their paths
        return [replace(row, name=shown(bam)) for row, bam in zip(scored, bams, strict=True)]
    return scored
