"""Feature matrices from a table in place of alignments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cfdna_interp.artifacts.exclusions import save_exclusions
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import save_matrix
from cfdna_interp.artifacts.sheet import ROLES
from cfdna_interp.cohort.table import StudyTable, read_table
from cfdna_interp.config.table_settings import FeatureTable
from cfdna_interp.records.base import save_record
from cfdna_interp.records.table import EmptiestColumn, TableGroup, TableSource

if TYPE_CHECKING:
    import anndata

COVARIATE = "covariate_"
_NO_ROLE = "its role is blank in the table"


def write_table_matrices(table: FeatureTable, outdir: str) -> None:
    """Write both feature matrices, ``exclusions.tsv`` and ``table.json``: what the table holds and lacks.

    Raises
    ------
    InputError
        See :func:`cfdna_interp.cohort.table.read_table`; nothing is written then.
    """
    cohort = read_table(table)
    layout = Layout.of(outdir)
    matrices = {role: _matrix(cohort, table, role) for role in ROLES}
    for role, matrix in matrices.items():
        save_matrix(matrix, layout.matrix(role))
    save_exclusions([(sample, _NO_ROLE) for sample in cohort.left_out], layout.file("exclusions.tsv"))
    save_record(source_of(cohort, table), layout.file(TableSource.FILE))


def source_of(cohort: StudyTable, table: FeatureTable) -> TableSource:
    """Return the record of the table, its digest, and what is missing or unused in it."""
    return TableSource(
        source=Path(table.path).name,
        digest=cohort.digest,
        samples={role: int(cohort.members(role).sum()) for role in ROLES},
        left_out=len(cohort.left_out),
        unused=tuple(cohort.unused),
        empty=tuple(name for name, known in cohort.known().items() if not any(known)),
        groups={group: _columns_of(cohort, group) for group in table.groups},
    )


def _columns_of(cohort: StudyTable, group: str) -> TableGroup:
    names = cohort.features(group)
    missing = {role: cohort.missing(role, group) for role in ROLES}
    worse = np.maximum(*missing.values())
    return TableGroup(
        features=len(names),
        missing={role: float(share.mean()) for role, share in missing.items()},
        worst=EmptiestColumn(feature=names[int(worse.argmax())], missing=float(worse.max())),
    )


def _matrix(cohort: StudyTable, table: FeatureTable, role: str) -> anndata.AnnData:
    import anndata
    import pandas as pd

    members = cohort.members(role)
    source = Path(table.path).name
    var = pd.DataFrame(
        {
            "group": list(cohort.groups.values()),
            "unit": "",
            "definition": [f"column {name} of {source}" for name in cohort.groups],
        },
        index=pd.Index(list(cohort.groups), name="name"),
    )
    samples = [sample for sample, inside in zip(cohort.samples, members, strict=True) if inside]
    obs = pd.DataFrame(_columns(cohort), index=pd.RangeIndex(len(cohort.samples))).loc[members]
    obs.index = pd.Index([sample.sample for sample in samples], name="sample")
    if role == "discovery":
        obs["label"] = np.array([sample.label for sample in samples], dtype=np.int64)
    groups = np.array(list(table.groups), dtype=object)
    study = {
        "simulated": np.bool_(table.simulated),
        "study_groups": groups,
        "model_groups": groups,
        "table": {"source": source, "digest": cohort.digest},
    }
    return anndata.AnnData(X=cohort.X[members], obs=obs, var=var, uns=study)


def _columns(cohort: StudyTable) -> dict[str, Any]:
    """Return the columns of ``obs`` over both roles; those without any value are left out."""
    samples = cohort.samples
    columns: dict[str, Any] = {
        name: [getattr(sample, name) for sample in samples] for name in ("subject", "site", "batch", "sex")
    }
    columns["age"] = [np.nan if sample.age is None else sample.age for sample in samples]
    for name in dict.fromkeys(name for sample in samples for name in sample.technical):
        cells = [sample.technical.get(name) for sample in samples]
        blank: Any = "" if any(isinstance(cell, str) for cell in cells) else np.nan
        columns[f"technical_{name}"] = [blank if cell is None else cell for cell in cells]
    columns |= {COVARIATE + name: values for name, values in cohort.covariates.items()}
    if cohort.scores is not None:
        columns["score"] = cohort.scores.tolist()
    return {
        name: values
        for name, values in columns.items()
        if any(value != "" if isinstance(value, str) else not np.isnan(value) for value in values)
    }
