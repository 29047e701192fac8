"""``features.{role}.h5ad``: a role's feature matrix, and the inputs that a regression takes from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd

from cfdna_interp.artifacts.features import BAG_GROUPS, GROUPS
from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError

COVARIATES = ("age", "sex")
COVARIATE = "covariate_"
TECHNICAL = "technical_"


@dataclass(frozen=True, eq=False)
class Table:
    """Samples by features, with the columns about each sample.

    Attributes
    ----------
    samples, subjects
        (samples,) names.
    labels
        (samples,) 1 case, 0 control; None in the held-out table.
    X
        (samples, features) float64, NaN where not measured.
    names, groups, definitions
        (features,) name, feature group, and a short definition.
    obs
        Covariates, site, batch and technical columns of the cohort, indexed by sample.
    simulated
        Whether the alignments were made by the simulator.
    study_groups
        All feature groups of the study, including those without measurements.
    model_groups
        Feature groups that the model under study can see.
    """

    samples: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: np.ndarray | None
    X: np.ndarray
    names: tuple[str, ...]
    groups: tuple[str, ...]
    definitions: tuple[str, ...]
    obs: pd.DataFrame
    simulated: bool
    study_groups: tuple[str, ...] = GROUPS
    model_groups: tuple[str, ...] = BAG_GROUPS

    def covariate_columns(self) -> list[str]:
        """Return the names of the columns about persons: age, sex, and the cohort's further covariates."""
        return covariates_among(self.obs.columns)

    def technical_columns(self) -> list[str]:
        """Return the names of the technical columns, sorted."""
        return technical_among(self.obs.columns)

    def text(self, column: str) -> list[str]:
        """Return a column of ``obs`` as text, "" if unknown or if the cohort has no such column."""
        if column not in self.obs:
            return [""] * len(self.samples)
        values = self.obs[column].astype(object)
        return ["" if pd.isna(value) else str(value) for value in values]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Named columns of numbers, the inputs of one logistic regression.

    Attributes
    ----------
    names
        (inputs,) names.
    X
        (samples, inputs) float64, NaN where missing.
    """

    names: tuple[str, ...]
    X: np.ndarray


def covariates_among(columns: Iterable[object]) -> list[str]:
    """Return those of age, sex and ``covariate_<name>`` (sorted) that are among the columns."""
    names = [str(name) for name in columns]
    further = sorted(name for name in names if name.startswith(COVARIATE))
    return [*(name for name in COVARIATES if name in names), *further]


def technical_among(columns: Iterable[object]) -> list[str]:
    """Return the names of the technical columns among the columns, sorted."""
    return sorted(str(name) for name in columns if str(name).startswith(TECHNICAL))


def save_matrix(matrix: anndata.AnnData, path: Path) -> None:
    """Write a role's feature matrix, atomically."""
    # In memory first. Where HDF5 itself meets a full disk, it can't close its file any more, and the process
    # ends with signal 11.
    memory = BytesIO()
    with h5py.File(memory, "w") as file:
        anndata.io.write_elem(file, "/", matrix)
    with atomic_path(path) as temporary:
        temporary.write_bytes(memory.getbuffer())


def load_table(path: Path | str) -> Table:
    """Read ``features.{role}.h5ad``.

    Raises
    ------
    InputError
        The file is missing or damaged.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; run the matrix stage first")
    try:
        data = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError) as error:  # anndata's own error is an OSError
        raise InputError(f"{path} is not a feature matrix ({error}); run the matrix stage again") from None
    lacking = sorted({"simulated", "study_groups", "model_groups"} - set(data.uns))
    if lacking or "subject" not in data.obs:
        raise InputError(
            f"{path} has no {(lacking or ['subject'])[0]!r}: it is damaged or made by another version; "
            "run the matrix stage again"
        )
    obs = data.obs.copy()
    labels = obs.pop("label").to_numpy(dtype=np.int64) if "label" in obs else None
    return Table(
        samples=tuple(map(str, data.obs_names)),
        subjects=tuple(map(str, obs["subject"])),
        labels=labels,
        X=np.asarray(data.X, dtype=np.float64),
        names=tuple(map(str, data.var_names)),
        groups=tuple(map(str, data.var["group"])),
        definitions=tuple(map(str, data.var["definition"])),
        obs=obs,
        simulated=bool(data.uns["simulated"]),
        study_groups=tuple(map(str, data.uns["study_groups"])),
        model_groups=tuple(map(str, data.uns["model_groups"])),
    )


def group_inputs(table: Table, groups: Sequence[str]) -> Inputs:
    """Return the features of the given groups."""
    chosen = [i for i, group in enumerate(table.groups) if group in groups]
    return Inputs(tuple(table.names[i] for i in chosen), table.X[:, chosen])


def column_inputs(table: Table, columns: Sequence[str], reference: Table) -> Inputs:
    """Return columns of ``obs`` as numbers: measures unchanged, categories as indicators.

    The levels of a category are those of ``reference`` (the discovery table). The first in sorted order has
    no indicator. A level that isn't in the reference has all indicators 0, an unknown one NaN.
    """
    names: list[str] = []
    values: list[np.ndarray] = []
    for column in columns:
        if column not in reference.obs:
            continue
        if pd.api.types.is_numeric_dtype(reference.obs[column]):
            names.append(column)
            numbers = np.full(len(table.samples), np.nan)
            if column in table.obs:
                numbers = pd.to_numeric(table.obs[column], errors="coerce").to_numpy(dtype=np.float64)
            values.append(numbers)
            continue
        cells = np.array(table.text(column))
        for level in sorted(set(reference.text(column)) - {""})[1:]:
            names.append(f"{column}={level}")
            values.append(np.where(cells == "", np.nan, (cells == level).astype(np.float64)))
    X = np.stack(values, axis=1) if values else np.empty((len(table.samples), 0))
    return Inputs(tuple(names), X)


def usable(X: np.ndarray) -> np.ndarray:
    """Return the (inputs,) mask of columns whose measured values vary."""
    with np.errstate(invalid="ignore"):
        low = np.where(np.isnan(X), np.inf, X).min(axis=0, initial=np.inf)
        high = np.where(np.isnan(X), -np.inf, X).max(axis=0, initial=-np.inf)
    return np.asarray(high > low)
