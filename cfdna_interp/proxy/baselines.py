"""The proxy and the regressions that it is compared with: their inputs and fits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from msgspec import structs

from cfdna_interp.artifacts.matrix import Inputs, Table, column_inputs, group_inputs
from cfdna_interp.config import Config
from cfdna_interp.proxy.fit import fit
from cfdna_interp.proxy.linear import Linear
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.protocol import ColumnKnown, Who
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.subjects import first_samples

DRAWS = 100
# With a smaller known share a column would mostly be its median, which is no fair comparison for a model.
MEASURED = 0.8


@dataclass(frozen=True)
class BaselineInputs:
    """The inputs of one logistic regression.

    Attributes
    ----------
    score
        Its name in the tables of scores.
    groups
        Feature groups; empty if the inputs are columns of ``obs``.
    columns
        Columns of ``obs``.
    """

    score: str
    groups: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def baselines(table: Table, seldom: Collection[str] = ()) -> list[BaselineInputs]:
    """Return the regressions to fit for a cohort, in the order of the records.

    No regression uses columns that were ``seldom`` measured.
    """
    return [
        *(BaselineInputs(f"baseline_{group}", groups=(group,)) for group in table.study_groups),
        BaselineInputs("baseline_all", groups=table.study_groups),
        BaselineInputs("baseline_covariates", columns=_but(table.covariate_columns(), seldom)),
        BaselineInputs("baseline_technical", columns=_but(table.technical_columns(), seldom)),
    ]


def seldom_measured(discovery: Table, heldout: Table) -> dict[str, ColumnKnown]:
    """Return covariates and technical columns that are no fair baseline, and why.

    Such a column is known for less than 80 % of the discovery cases, of the discovery controls or of the
    held-out subjects. The median would replace the rest. If a column is missing in one class alone, this can
    reverse the regression.
    """
    assert discovery.labels is not None
    seldom = {}
    for column in (*discovery.covariate_columns(), *discovery.technical_columns()):
        known, first = _known(discovery, column)
        labels = discovery.labels[first]
        shares: dict[Who, np.ndarray] = {
            "discovery cases": known[labels == 1],
            "discovery controls": known[labels == 0],
            "held-out subjects": _known(heldout, column)[0],
        }
        for who, measured in shares.items():
            if measured.mean() < MEASURED:
                seldom[column] = ColumnKnown(who=who, known=int(measured.sum()), of=len(measured))
                break
    return seldom


def _known(table: Table, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return for each subject whether its first sample has a value, and the indices of these samples."""
    first = first_samples(table.subjects)
    cells = table.text(column)
    return np.array([cells[place] != "" for place in first]), first


def _but(columns: list[str], seldom: Collection[str]) -> tuple[str, ...]:
    return tuple(column for column in columns if column not in seldom)


def fit_all(
    config: Config, table: Table, group: str | None, seldom: Collection[str] = ()
) -> tuple[dict[str, Linear], dict[str, Missing]]:
    """Return the fitted regressions by score, and why there is none for the others.

    Parameters
    ----------
    config
        Seed and section ``proxy``. The penalty applies to every regression, components to every one on
        feature groups, since covariates and technical columns are few and unlike each other. The basis
        applies to the proxy alone, for whose features it is chosen.
    table
        The discovery samples with labels.
    group
        The dominant group, whose baseline is the proxy; None without one.
    seldom
        Columns that were measured too seldom.
    """
    assert table.labels is not None
    subjects = np.array(table.subjects)
    fitted: dict[str, Linear] = {}
    absent: dict[str, Missing] = {}
    columns = {baseline.score: baseline.columns for baseline in baselines(table)}
    for baseline in baselines(table, seldom):
        inputs = inputs_of(baseline, table, table)
        # The stream is named by score, so that the folds of a score don't depend on the other groups.
        rng = stream(config.seed, "proxy", baseline.score)
        if baseline.score == f"baseline_{group}":
            # Only the proxy's coefficients are reported and need draws.
            linear = fit(inputs, table.labels, subjects, rng, draws=DRAWS, settings=config.proxy)
        else:
            components = config.proxy.components if baseline.groups else None
            plain = structs.replace(config.proxy, basis="none", components=components)
            linear = fit(inputs, table.labels, subjects, rng, settings=plain)
        if linear is not None and linear.coefficient.any():
            fitted[baseline.score] = linear
        elif linear is not None:
            # A constant is nothing to compare with, let alone to beat.
            absent[baseline.score] = Missing(why=Cause.PENALTY)
        elif inputs.names:
            absent[baseline.score] = Missing(why=Cause.CONSTANT_INPUTS)
        elif left_out := [name for name in columns[baseline.score] if name in seldom]:
            absent[baseline.score] = Missing(why=Cause.SELDOM_MEASURED, names=tuple(left_out))
        else:
            absent[baseline.score] = Missing(why=Cause.NO_INPUT)
    return fitted, absent


def inputs_of(baseline: BaselineInputs, table: Table, reference: Table) -> Inputs:
    """Return the inputs of a regression from a table. ``reference`` fixes the levels of categories."""
    if baseline.groups:
        return group_inputs(table, baseline.groups)
    return column_inputs(table, baseline.columns, reference)
