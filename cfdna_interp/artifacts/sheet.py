"""One row of the sample sheet, and the checked sheet for the stages after ``cohort``."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from cfdna_interp.artifacts.addresses import shown
from cfdna_interp.artifacts.files import write_text
from cfdna_interp.artifacts.rows import read_rows
from cfdna_interp.errors import InputError

Role = Literal["discovery", "heldout"]
ROLES = ("discovery", "heldout")
_TECHNICAL, _TEXT = "technical:", "technical_text:"  # prefixes of technical columns on disk
COLUMNS = (
    "sample",
    "subject",
    "bam",
    "index",
    "label",
    "role",
    "site",
    "batch",
    "age",
    "sex",
    "methylation",
    "reads",
    "chemistry",
    "library",
)

# Technical columns that come from the alignments of every sample. Those of a sheet have other names.
MEASURED = (
    "fragments",
    "duplicate_rate",
    "mapq_loss",
    "gc",
    "read_length",
    "conversion",
    "over_600bp",
    "m_bias_5p",
    "m_bias_3p",
)


@dataclass(frozen=True)
class Sample:
    """One library of one subject.

    Attributes
    ----------
    sample, subject
        Names of the library and of the person, with letters, digits, ``.``, ``_`` and ``-`` only.
    bam
        Absolute path, or URL, of the alignments; a URL without its query if the sample comes from
        :func:`load_samples`.
    label
        1 case, 0 control; None if it must not be read (held-out, before ``validate``).
    role
        ``discovery`` or ``heldout``.
    site, batch
        Categories; ``batch`` is the site if the sheet has no batch column; "" if unknown.
    age
        Years; None if unknown.
    sex
        "F", "M" or "" unknown.
    methylation
        Dialect of the methylation calls; "" means that of ``extract.methylation``.
    reads
        "single" if each read is a fragment (long molecules), "merged" if merged reads and pairs are in one
        file, "paired", or "" if the reads tell.
    chemistry
        "taps" if conversion marks methylated bases, otherwise "", "bisulfite" or "em-seq".
    library
        "directional", "pbat" or "non-directional", "auto" if the reads tell; "" means ``extract.library``.
    index
        Absolute path, or URL, of the index of the alignments, "" where it lies beside them.
    technical
        Further columns about what the laboratory did, by name, with numbers as float and categories as text.
    """

    sample: str
    subject: str
    bam: str
    label: int | None
    role: str
    site: str = ""
    batch: str = ""
    age: float | None = None
    sex: str = ""
    methylation: str = ""
    reads: str = ""
    chemistry: str = ""
    library: str = ""
    index: str = ""
    technical: dict[str, float | str] = field(default_factory=dict)


def without_secrets(sample: Sample) -> Sample:
    """Return a sample whose addresses are as :func:`shown` has them."""
    return replace(sample, bam=shown(sample.bam), index=shown(sample.index))


def save_samples(samples: Sequence[Sample], path: Path | str) -> None:
    """Write samples as a tab-separated table; the label is blank if it is None.

    A technical column of text with a cell that looks like a number (categories ``1`` and ``A``) is marked in
    its name, so that it is read as text again. Addresses are written as :func:`shown` has them: results may
    be passed on, and where alignments are is read from the user's own sheet.
    """
    technical = sorted({name for sample in samples for name in sample.technical})
    text = {
        name
        for sample in samples
        for name, value in sample.technical.items()
        if isinstance(value, str) and isinstance(_number_or_text(value), float)
    }
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow([*COLUMNS, *((_TEXT if name in text else _TECHNICAL) + name for name in technical)])
    for sample in samples:
        seen = without_secrets(sample)
        cells = ["" if (value := getattr(seen, name)) is None else value for name in COLUMNS]
        writer.writerow([*cells, *(sample.technical.get(name, "") for name in technical)])
    write_text(path, buffer.getvalue())


def load_samples(path: Path | str) -> list[Sample]:
    """Read what :func:`save_samples` wrote (the checked form, not a user's sheet)."""
    try:
        header, rows = read_rows(path)
        if tuple(header[: len(COLUMNS)]) != COLUMNS:
            raise ValueError("other columns")
        return [_sample(dict(zip(header, row, strict=True))) for row in rows]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); run the cohort stage first") from None
    except ValueError as error:
        raise InputError(f"{path} is not a checked sheet ({error}); run the cohort stage again") from None


def _sample(row: dict[str, str]) -> Sample:
    technical: dict[str, float | str] = {}
    for column, cell in row.items():
        if cell and column.startswith(_TECHNICAL):
            technical[column.removeprefix(_TECHNICAL)] = _number_or_text(cell)
        elif cell and column.startswith(_TEXT):
            technical[column.removeprefix(_TEXT)] = cell
    return Sample(
        sample=row["sample"],
        subject=row["subject"],
        bam=row["bam"],
        label=int(row["label"]) if row["label"] else None,
        role=row["role"],
        site=row["site"],
        batch=row["batch"],
        age=float(row["age"]) if row["age"] else None,
        sex=row["sex"],
        methylation=row["methylation"],
        reads=row["reads"],
        chemistry=row["chemistry"],
        library=row["library"],
        index=row["index"],
        technical=technical,
    )


def _number_or_text(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell
