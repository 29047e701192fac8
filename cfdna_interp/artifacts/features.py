"""``features/{sample}.parquet``: one row per feature of one sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cfdna_interp.artifacts.columns import number_column, text_column
from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError

# The three groups of a bag, and the comparators that only feature tables have.
BAG_GROUPS = ("fragment_length", "methylation", "tissue_of_origin")
COMPARATOR_GROUPS = ("methylation_by_length", "end_motif", "coverage")
GROUPS = BAG_GROUPS + COMPARATOR_GROUPS


@dataclass(frozen=True)
class Feature:
    """One named number of one sample.

    Attributes
    ----------
    name
        Unique over all groups, e.g. ``length_bin_100_105``.
    group
        One of ``GROUPS``.
    value
        NaN if it could not be measured.
    unit
        Unit of the value, ``share``, ``bp``, ``log2 ratio``, ...
    n
        Number of fragments, calls or fragment ends behind the value.
    definition
        What the feature measures, in one sentence.
    """

    name: str
    group: str
    value: float
    unit: str
    n: int
    definition: str


_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("group", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("n", pa.int64()),
        ("definition", pa.string()),
    ]
)


def save_features(features: list[Feature], path: Path | str) -> None:
    """Write the features in the order given."""
    columns = {}
    for column in _SCHEMA:
        values = [getattr(feature, column.name) for feature in features]
        is_text = column.type == pa.string()
        columns[column.name] = text_column(values) if is_text else number_column(values, column.type)
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(columns, schema=_SCHEMA), temporary, compression="zstd")


def load_features(path: Path | str) -> list[Feature]:
    """Read what :func:`save_features` wrote; raise ``InputError`` if the file is damaged."""
    try:
        rows = pq.read_table(path, columns=_SCHEMA.names).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} is not a feature list ({error}); delete it and run again") from None
    return [Feature(**row) for row in rows]
