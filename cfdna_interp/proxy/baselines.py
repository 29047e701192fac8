"""The proxy and the regressions that it is compared with: which inputs each sees, and their fits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cfdna_interp.artifacts.matrix import Inputs, Table, column_inputs, group_inputs
from cfdna_interp.artifacts.proxy import Linear
from cfdna_interp.config import Config
from cfdna_interp.proxy.fit import fit
from cfdna_interp.stats.resampling import stream

DRAWS = 100
NO_FEATURE = "the penalty leaves no feature"


@dataclass(frozen=True)
class Baseline:
    """One logistic regression: which inputs it sees.

    Attributes
    ----------
    score
        Its name in the tables of scores.
    groups
        Feature groups; empty where it sees columns of ``obs``.
    columns
        Columns of ``obs``.
    """

    score: str
    groups: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def baselines(table: Table) -> list[Baseline]:
    """Return the regressions to fit for a cohort, in the order of the contract."""
    return [
        *(Baseline(f"baseline_{group}", groups=(group,)) for group in table.study_groups),
        Baseline("baseline_all", groups=table.study_groups),
        Baseline("baseline_covariates", columns=tuple(table.covariate_columns())),
        Baseline("baseline_technical", columns=tuple(table.technical_columns())),
    ]


def fit_all(config: Config, table: Table, group: str | None) -> tuple[dict[str, Linear], dict[str, str]]:
    """Return the fitted regressions by score, and why there is none for the others.

    Parameters
    ----------
    config
        Seed and section ``proxy``. The penalty is that of every regression, components those of every one on
        feature groups: covariates and technical columns are few and unlike each other. The basis is that of
        the proxy alone, whose features it is chosen for.
    table
        The discovery samples with labels.
    group
        The dominant group, whose baseline is the proxy; None where there is none.
    """
    assert table.labels is not None
    subjects = np.array(table.subjects)
    fitted, absent = {}, {}
    for baseline in baselines(table):
        inputs = inputs_of(baseline, table, table)
        # Named by score: a cohort with one group less leaves the folds of the others as they were.
        rng = stream(config.seed, "proxy", baseline.score)
        if baseline.score == f"baseline_{group}":
            # Only the proxy's own coefficients are read one by one.
            linear = fit(inputs, table.labels, subjects, rng, draws=DRAWS, settings=config.proxy)
        else:
            components = config.proxy.components if baseline.groups else None
            plain = replace(config.proxy, basis="none", components=components)
            linear = fit(inputs, table.labels, subjects, rng, settings=plain)
        if linear is not None and linear.coefficient.any():
            fitted[baseline.score] = linear
        elif linear is not None:
            # A constant is nothing to compare with, let alone to beat.
            absent[baseline.score] = NO_FEATURE
        elif inputs.names:
            absent[baseline.score] = "no input varies among the discovery samples"
        else:
            absent[baseline.score] = "the cohort has no such inputs"
    return fitted, absent


def inputs_of(baseline: Baseline, table: Table, reference: Table) -> Inputs:
    """Return what a regression sees of a table; levels of categories are those of ``reference``."""
    if baseline.groups:
        return group_inputs(table, baseline.groups)
    return column_inputs(table, baseline.columns, reference)
