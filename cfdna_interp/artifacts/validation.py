"""``validation.scores.parquet``: the held-out subjects with their labels and frozen scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.artifacts.openings import Opening, check_opening
from cfdna_interp.errors import InputError

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


def load_subjects(path: Path | str, validation: Mapping[str, Any]) -> pd.DataFrame:
    """Read what :func:`save_subjects` wrote.

    Parameters
    ----------
    path
        ``validation.scores.parquet``.
    validation
        The content of the ``validation.json`` beside it.

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
    marks = {"protocol_digest": said.get("protocol_digest"), "opening": {"number": number}}
    check_opening(validation, marks, Path(path), "validate")
    subjects: pd.DataFrame = table.to_pandas()
    return subjects
