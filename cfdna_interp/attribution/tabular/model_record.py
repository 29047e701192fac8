"""``model.json``: the description of the model of a table."""

from __future__ import annotations

import numpy as np

from cfdna_interp.attribution.tabular.cohort import FoldedFeatures
from cfdna_interp.attribution.tabular.model import Fits
from cfdna_interp.records.model import ModelGroup, TableModel


def model_of(folded: FoldedFeatures, fits: Fits, heldout: np.ndarray) -> TableModel:
    """Return the description of the model.

    Parameters
    ----------
    folded, fits
        The discovery cohort with its folds, and the model.
    heldout
        (samples, features) held-out features, for their share of missing values.
    """
    cohort = folded.cohort
    encoders = [fold.encoder for fold in folded.folds]
    chosen = [fits.weighting(number) for number in range(len(encoders))]
    return TableModel(
        kind="logistic" if cohort.logistic else "scores",
        consumes=tuple(cohort.names),
        dim=max(len(one.columns(encoder)[0]) for one, encoder in zip(chosen, encoders, strict=True)),
        folds=len(encoders),
        penalty=tuple(fits.penalty[:, 0].tolist()),
        weighting=tuple(one.name for one in chosen),
        basis=tuple("splines" if one.bent else "linear" for one in chosen),
        groups={
            group: ModelGroup(
                features=len(places),
                weight=tuple(one.weights[group] for one in chosen),
                components=tuple(encoder.axes[group].shape[1] for encoder in encoders),
                explained=tuple(encoder.explained[group] for encoder in encoders),
                missing={
                    "discovery": _missing(cohort.X[:, places]),
                    "heldout": _missing(heldout[:, places]),
                },
            )
            for group, places in cohort.groups.items()
        },
    )


def _missing(X: np.ndarray) -> float:
    return float(np.isnan(X).mean()) if X.size else 0.0
