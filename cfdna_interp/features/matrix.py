"""Gathering samples into one feature matrix per role: the stage ``matrix``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cfdna_interp.artifacts.exclusions import save_exclusions
from cfdna_interp.artifacts.features import BAG_GROUPS, GROUPS, Feature, load_features
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import save_matrix
from cfdna_interp.artifacts.sheet import MEASURED, ROLES, Sample, load_samples
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError, error_with_reasons
from cfdna_interp.features.sample_words import excluded_sample, obstacle_words
from cfdna_interp.features.table_matrix import write_table_matrices
from cfdna_interp.records.base import load_record
from cfdna_interp.records.qc import SampleQuality

if TYPE_CHECKING:
    import anndata
    import pandas as pd

# How methylation is written: another aligner leaves other calls. A column where samples differ in it.
DIALECT = "dialect"
COVARIATES = ("subject", "site", "batch", "age", "sex")


@dataclass(frozen=True, eq=False)
class _Member:
    sample: Sample
    qc: SampleQuality
    values: np.ndarray  # by place of the feature, as long as the places known when it was read


def write_matrices(config: Config) -> None:
    """Write ``features.discovery.h5ad``, ``features.heldout.h5ad`` and ``exclusions.tsv``.

    The features are those of the discovery samples, in the order in which they first occur; the held-out
    matrix has the same ones, NaN where a sample lacks one. A config with ``features.table`` has them from
    there: :func:`cfdna_interp.features.table_matrix.write_table_matrices`.

    Raises
    ------
    InputError
        A sample is to be excluded and ``on_bad_sample`` is ``stop``, exclusions leave a role without
        samples or discovery with fewer subjects of a class than ``model.folds``, or than the donor pools
        need, or a file of an earlier stage is missing. Nothing is written then.
    """
    if config.features.table is not None:
        write_table_matrices(config.features.table, config.outdir)
        return
    layout = Layout.of(config.outdir)
    definitions: dict[str, Feature] = {}
    members: dict[str, list[_Member]] = {}
    excluded: list[tuple[Sample, SampleQuality]] = []
    for role in ROLES:  # discovery first: it alone says which features there are
        members[role] = []
        for sample in load_samples(layout.samples(role)):
            qc = load_record(SampleQuality, layout.qc(sample.sample))
            if qc.obstacle is None:
                features = load_features(layout.features(sample.sample))
                if role == "discovery":
                    for feature in features:
                        definitions.setdefault(feature.name, feature)
                members[role].append(_Member(sample, qc, _values(features, definitions)))
                continue
            if config.on_bad_sample == "stop":
                raise InputError(
                    f"{excluded_sample(qc)}; drop it from the sheet, or set on_bad_sample: exclude"
                )
            excluded.append((sample, qc))
    _check_left(members, excluded, config)
    simulated = any(member.qc.simulated for role in ROLES for member in members[role])
    present = _present_columns([member for role in ROLES for member in members[role]])
    matrices = {role: _matrix(members[role], definitions, present, simulated) for role in ROLES}
    for role, matrix in matrices.items():
        save_matrix(matrix, layout.matrix(role))
    reasons = [(sample, obstacle_words(qc.obstacle)) for sample, qc in excluded if qc.obstacle is not None]
    save_exclusions(reasons, layout.file("exclusions.tsv"))


def _check_left(
    members: dict[str, list[_Member]], excluded: Sequence[tuple[Sample, SampleQuality]], config: Config
) -> None:
    for role in ROLES:
        went = [f"excluded: {excluded_sample(qc)}" for sample, qc in excluded if sample.role == role]
        if not members[role]:
            raise error_with_reasons(
                f"no {role} sample is left after exclusions; mend the excluded samples, or give more", went
            )
        if role == "heldout" or not went:
            continue  # held-out labels are unknown here; of a sheet that is too small, the training says so
        label_of = {member.sample.subject: member.sample.label for member in members[role]}
        for label in (0, 1):
            there = sum(one == label for one in label_of.values())
            if there < config.model.folds:
                raise error_with_reasons(
                    f"{there} discovery subjects with label {label} are left after exclusions, too few for "
                    f"{config.model.folds} folds; mend the excluded samples or add subjects"
                    f"{', or lower model.folds' if there > 1 else ''}",
                    went,
                )
        least = 2 * config.attribution.donors  # a pool is of two subjects or more
        if len(label_of) < least:
            raise error_with_reasons(
                f"{len(label_of)} discovery subjects are left after exclusions, too few for "
                f"{config.attribution.donors} donor pools; give at least {least}, or mend the excluded "
                "samples",
                went,
            )


def _values(features: Sequence[Feature], definitions: dict[str, Feature]) -> np.ndarray:
    values = {feature.name: feature.value for feature in features}
    return np.array([values.get(name, np.nan) for name in definitions], dtype=np.float64)


def _row(member: _Member) -> dict[str, Any]:
    values = {name: getattr(member.sample, name) for name in COVARIATES}
    return values | technical_columns(member.sample, member.qc)


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))


def _present_columns(members: Sequence[_Member]) -> dict[str, type]:
    """Return obs column -> float or str, over both roles, without columns that have no value.

    The dialect of the methylation calls is a column where it differs.
    """
    rows = [_row(member) for member in members]
    columns: dict[str, type] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        known = [row[name] for row in rows if not _missing(row.get(name))]
        if known and (name != f"technical_{DIALECT}" or len(set(known)) > 1):
            columns[name] = str if any(isinstance(value, str) for value in known) else float
    return columns


def _matrix(
    members: Sequence[_Member], definitions: dict[str, Feature], columns: dict[str, type], simulated: bool
) -> anndata.AnnData:
    import anndata
    import pandas as pd

    values = np.full((len(members), len(definitions)), np.nan)
    for row, member in enumerate(members):
        values[row, : len(member.values)] = member.values
    var = pd.DataFrame(
        {
            "group": [feature.group for feature in definitions.values()],
            "unit": [feature.unit for feature in definitions.values()],
            "definition": [feature.definition for feature in definitions.values()],
        },
        index=pd.Index(list(definitions), name="name"),
    )
    study = {
        "simulated": np.bool_(simulated),
        "study_groups": np.array(GROUPS, dtype=object),
        "model_groups": np.array(BAG_GROUPS, dtype=object),
    }
    return anndata.AnnData(X=values, obs=_obs(members, columns), var=var, uns=study)


def _obs(members: Sequence[_Member], columns: dict[str, type]) -> pd.DataFrame:
    import pandas as pd

    rows = [_row(member) for member in members]
    data: dict[str, Any] = {}
    for name, kind in columns.items():
        cells = [row.get(name) for row in rows]
        if kind is float:
            data[name] = np.array([np.nan if _missing(cell) else cell for cell in cells], dtype=np.float64)
        else:
            data[name] = ["" if _missing(cell) else str(cell) for cell in cells]
    labels = [member.sample.label for member in members]
    if None not in labels:
        data["label"] = np.array(labels, dtype=np.int64)
    return pd.DataFrame(data, index=pd.Index([member.sample.sample for member in members], name="sample"))


def technical_columns(sample: Sample, qc: SampleQuality) -> dict[str, float | str]:
    """Return ``technical_<name>`` -> value: numbers as float (NaN unknown), categories as text.

    Parameters
    ----------
    sample
        A row of the checked sheet.
    qc
        The sample's quality record.
    """
    columns: dict[str, float | str] = {}
    for name in MEASURED:
        value = getattr(qc.technical, name)
        columns[f"technical_{name}"] = float("nan") if value is None else float(value)
    columns[f"technical_{DIALECT}"] = qc.dialect
    for name, cell in sample.technical.items():
        columns[f"technical_{name}"] = cell
    return columns
