"""``validation.scores.parquet``: the held-out subjects with their labels and frozen scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.artifacts.openings import Opening
from cfdna_interp.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def save_subjects(columns: Mapping[str, Sequence[object]], opening: Opening, path: Path | str) -> None:
    """Write one row per held-out subject: subject, label, site, batch, covariates, a column per score.

    The column ``exploratory``, and ``exploratory`` and ``opening`` in the file's metadata, say whether the
    labels had been read under another protocol before: a table may travel without its ``validation.json``.
    """
    rows = len(columns["subject"])
    table = pa.table({**columns, "exploratory": [opening.exploratory] * rows})
    marks = {"exploratory": str(opening.exploratory).lower(), "opening": str(opening.number)}
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(marks), temporary, compression="zstd")


def load_subjects(path: Path | str) -> pd.DataFrame:
    """Read what :func:`save_subjects` wrote; raise ``InputError`` where it is missing or damaged."""
    try:
        subjects: pd.DataFrame = pq.read_table(path).to_pandas()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run the validate stage first") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} is no table of subjects ({error}); delete it and run again") from None
    return subjects
