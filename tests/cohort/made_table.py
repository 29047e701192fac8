"""A made-up table of 16 samples with two groups, and the settings that read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from msgspec import structs

from cfdna_interp.config import Config
from cfdna_interp.config.settings import Features
from cfdna_interp.config.table_settings import FeatureTable, GroupColumns, TableColumns


def frame() -> pd.DataFrame:
    """Eight discovery and eight held-out samples: half of each cases; 3 + 2 features, a column too many."""
    rng = np.random.default_rng(0)
    rows: dict[str, Any] = {
        "sample": [f"{i:03d}" for i in range(16)],
        "role": ["discovery"] * 8 + ["heldout"] * 8,
        "label": [0, 1] * 8,
        "years": [50.0 + i for i in range(16)],
        "sex": ["F", "male"] * 8,
        "place": ["A", "A", "B", "B"] * 4,
        "bmi": rng.normal(25, 3, 16).round(1),
        "tube": ["1", "K2"] * 8,
        "note": ["x"] * 16,
    }
    rows |= {f"len_{i}": rng.normal(size=16) for i in range(3)}
    rows |= {f"m{i}": rng.normal(size=16) for i in range(2)}
    return pd.DataFrame(rows)


def settings(path: Path, **changes: Any) -> FeatureTable:
    return structs.replace(
        FeatureTable(
            path=str(path),
            groups={"fragment_length": GroupColumns(prefix="len_"), "own": GroupColumns(pattern="m[0-9]")},
            columns=TableColumns(age="years", sex="sex", site="place"),
            covariates=("bmi",),
            technical=("tube",),
        ),
        **changes,
    )


def config(path: Path, **changes: Any) -> Config:
    return Config(outdir=str(path.parent / "out"), features=Features(table=settings(path, **changes)))


def write(table: pd.DataFrame, path: Path) -> Path:
    """Write a frame in the format of the path's suffix."""
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".h5ad":
        import anndata

        names = [name for name in table.columns if name.startswith(("len_", "m0", "m1"))]
        obs = table.drop(columns=names).set_index("sample")
        anndata.AnnData(
            X=table[names].to_numpy(dtype=float), obs=obs, var=pd.DataFrame(index=names)
        ).write_h5ad(path)
    else:
        table.to_csv(path, index=False, sep="," if path.suffix == ".csv" else "\t")
    return path
