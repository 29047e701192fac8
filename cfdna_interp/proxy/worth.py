"""Performance of the proxy on discovery subjects, always from fits that never saw the subject."""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Inputs, Table, usable
from cfdna_interp.artifacts.predictions import Prediction, load_predictions
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.fidelity import fidelity
from cfdna_interp.proxy.fit import CrossValidation, cross_validate
from cfdna_interp.proxy.stability import stability
from cfdna_interp.records.fidelity import ProxyFidelity
from cfdna_interp.records.proxy import Stability
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.subjects import LabelledSubjects

REPEATS = 3
# Largest number of matrix cells for which nested cross-validation is repeated; it then takes seconds.
REPEATED = 500_000


def cross_validations(
    config: Config, layout: Layout, table: Table, inputs: Inputs
) -> tuple[CrossValidation, ...]:
    """Cross-validate along the model's own folds, and along two more divisions if the matrix is small.

    The spread of the repeats' means is only the effect of the division into folds. It is no interval.

    Parameters
    ----------
    config
        Seed and section ``proxy``.
    layout
        Paths of the run; ``predictions.discovery.parquet`` has the model's folds.
    table, inputs
        The discovery samples with labels, and the proxy's features.

    Raises
    ------
    InputError
        The predictions don't have the samples of the feature matrix.
    """
    assert table.labels is not None
    subjects = np.array(table.subjects)
    folds = np.array([row.fold for row in _predictions(layout, table)])
    repeats = REPEATS if inputs.X.size <= REPEATED else 1
    return tuple(
        cross_validate(
            inputs,
            table.labels,
            subjects,
            stream(config.seed, "proxy", "repeat", str(number)),
            settings=config.proxy,
            folds=folds if number == 0 else None,
        )
        for number in range(repeats)
    )


def stable_features(config: Config, table: Table, inputs: Inputs) -> Stability:
    """Return the proxy's features that are selected repeatedly in halves of the discovery subjects."""
    assert table.labels is not None
    varying = np.flatnonzero(usable(inputs.X))
    return stability(
        inputs.X[:, varying],
        [inputs.names[i] for i in varying],
        table.labels,
        np.array(table.subjects),
        stream(config.seed, "proxy", "stability"),
    )


def fidelity_to_model(
    config: Config, layout: Layout, table: Table, validated: CrossValidation
) -> ProxyFidelity:
    """Compare the proxy's cross-fitted logits with the model's, along the model's own folds.

    Parameters
    ----------
    config, layout, table
        As for :func:`cross_validations`.
    validated
        The first result of :func:`cross_validations`.
    """
    assert table.labels is not None
    groups = LabelledSubjects(table.labels, np.array(table.subjects))
    return fidelity(
        groups.labels,
        groups.means(np.array([row.logit for row in _predictions(layout, table)])),
        validated.logits,
        stream(config.seed, "proxy", "fidelity"),
        margin=config.validation.sufficiency_margin,
        bootstrap=config.validation.bootstrap,
        folds=validated.fold,
    )


def _predictions(layout: Layout, table: Table) -> list[Prediction]:
    path = layout.file("predictions.discovery.parquet")
    predictions = {row.sample: row for row in load_predictions(path)}
    if set(predictions) != set(table.samples):
        odd = sorted(set(predictions) ^ set(table.samples))[0]
        raise InputError(
            f"sample {odd}: {path} and {layout.matrix('discovery')} do not hold the same samples; "
            "run the train stage again"
        )
    return [predictions[sample] for sample in table.samples]
