"""``exclusions.tsv``: samples that take no further part, and the samples that do."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from cfdna_interp.artifacts.files import write_text
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample, load_samples
from cfdna_interp.errors import InputError

COLUMNS = ("sample", "subject", "role", "label", "batch", "reason")


def save_exclusions(excluded: Sequence[tuple[Sample, str]], path: Path | str) -> None:
    """Write samples that were left out, each with the reason."""
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
        with open(path, newline="", encoding="utf-8") as handle:
            return list(csv.DictReader(handle, delimiter="\t"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); run the matrix stage first") from None


def kept_samples(layout: Layout, role: str) -> list[Sample]:
    """Return the samples of a role that were not excluded, in the order of the sheet."""
    excluded = {row["sample"] for row in load_exclusions(layout.file("exclusions.tsv"))}
    return [sample for sample in load_samples(layout.samples(role)) if sample.sample not in excluded]
