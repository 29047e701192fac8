"""``exclusions.tsv``: the excluded samples, and the remaining samples of a role."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from cfdna_interp.artifacts.files import write_text
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.rows import read_rows
from cfdna_interp.artifacts.sheet import Sample, load_samples
from cfdna_interp.errors import InputError

COLUMNS = ("sample", "subject", "role", "label", "batch", "reason")


def save_exclusions(excluded: Sequence[tuple[Sample, str]], path: Path | str) -> None:
    """Write excluded samples, each with the reason."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for sample, reason in excluded:
        label = "" if sample.label is None else sample.label
        writer.writerow([sample.sample, sample.subject, sample.role, label, sample.batch, reason])
    write_text(path, buffer.getvalue())


def load_exclusions(path: Path | str) -> list[dict[str, str]]:
    """Return the rows of an exclusion table, keys as in ``COLUMNS``."""
    try:
        header, rows = read_rows(path)
        if tuple(header) != COLUMNS:
            raise ValueError("other columns")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run the matrix stage first") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); run the matrix stage again") from None
    return [dict(zip(header, row, strict=True)) for row in rows]


def kept_samples(layout: Layout, role: str) -> list[Sample]:
    """Return the samples of a role that were not excluded, in the order of the sheet.

    Raises
    ------
    InputError
        A table is missing or damaged, or the samples differ from those of the role's feature matrix.
    """
    table = layout.file("exclusions.tsv")
    excluded = {row["sample"] for row in load_exclusions(table)}
    remaining = [sample for sample in load_samples(layout.samples(role)) if sample.sample not in excluded]
    matrix = layout.matrix(role)
    names = {sample.sample for sample in remaining}
    # A table that lost lines looks complete, and excluded samples would come back.
    if matrix.is_file() and (other := names ^ _samples_of(matrix)):
        name = min(other)
        here, there = ("keep it", "lacks it") if name in names else ("leave it out", "holds it")
        raise InputError(
            f"sample {name}: {layout.samples(role)} and {table} {here}, {matrix} {there}: "
            "one of them is damaged or of another run; run the cohort and the matrix stage again"
        )
    return remaining


def _samples_of(matrix: Path) -> set[str]:
    # Importing anndata takes seconds, and only the names are needed here.
    import h5py

    try:
        with h5py.File(matrix) as file:
            obs = file["obs"]
            return {name.decode() for name in obs[obs.attrs["_index"]][()]}
    except (OSError, KeyError) as error:
        raise InputError(f"{matrix} is not a feature matrix ({error}); run the matrix stage again") from None
