"""``validation.scores.parquet``: the held-out subjects with their labels, and the record of openings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from cfdna_interp.artifacts.files import atomic_path, read_json, write_json
from cfdna_interp.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def save_subjects(columns: Mapping[str, Sequence[object]], path: Path | str) -> None:
    """Write one row per held-out subject: subject, label, site, batch, covariates, a column per score."""
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(dict(columns)), temporary, compression="zstd")


def load_subjects(path: Path | str) -> pd.DataFrame:
    """Read what :func:`save_subjects` wrote; raise ``InputError`` where it is missing or damaged."""
    try:
        subjects: pd.DataFrame = pq.read_table(path).to_pandas()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run the validate stage first") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} is no table of subjects ({error}); delete it and run again") from None
    return subjects


def record_opening(path: Path | str, protocol: str) -> int:
    """Note that the held-out labels are read under a protocol, and return how many protocols did so far.

    Reading again under the same protocol changes nothing: the first protocol stays number 1.

    Parameters
    ----------
    path
        ``openings.json``.
    protocol
        Digest of ``protocol.json``.
    """
    protocols: list[str] = read_json(path)["protocols"] if Path(path).is_file() else []
    if protocol not in protocols:
        protocols.append(protocol)
        write_json(path, {"protocols": protocols})
    return protocols.index(protocol) + 1
