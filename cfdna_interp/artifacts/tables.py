"""Reader of the Parquet files of earlier stages."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cfdna_interp.errors import InputError


def read_parquet(path: Path, stage: str) -> pd.DataFrame:
    """Read a table; raise ``InputError``, which names the stage to run, if it is missing or damaged."""
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run the {stage} stage first") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); run the {stage} stage again") from None
