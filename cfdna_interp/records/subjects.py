"""``validation.scores.parquet``: the held-out subjects with their labels and frozen scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError
from cfdna_interp.records.openings import Opening, check_opening

if TYPE_CHECKING:
    import pandas as pd


def save_subjects(columns: Mapping[str, Sequence[object]], opening: Opening, path: Path | str) -> None:
    """Write one row per held-out subject: subject, label, site, batch, covariates, a column per score.

    The column ``exploratory``, and ``exploratory``, ``opening`` and ``protocol_digest`` in the file's
    metadata, say whether the labels had been read under another protocol before, and which opening this is:
    a table may travel without its ``validation.json``.
    """
    rows = len(columns["subject"])
    table = pa.table({**columns, "exploratory": [opening.exploratory] * rows})
    marks = {
        "exploratory": str(opening.exploratory).lower(),
        "opening": str(opening.number),
        "protocol_digest": opening.protocol,
    }
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(marks), temporary, compression="zstd")


def load_subjects(path: Path | str, opening: Opening) -> pd.DataFrame:
    """Read what :func:`save_subjects` wrote.

    Parameters
    ----------
    path
        ``validation.scores.parquet``.
    opening
        The opening that the ``validation.json`` beside it is of.

    Raises
    ------
    InputError
        The table is missing, damaged, or of another opening than ``validation.json``.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run the validate stage first") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} is no table of subjects ({error}); delete it and run again") from None
    said = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    number = int(said["opening"]) if "opening" in said else None
    check_opening(opening, said.get("protocol_digest"), number, Path(path), "validate")
    subjects: pd.DataFrame = table.to_pandas()
    return subjects
