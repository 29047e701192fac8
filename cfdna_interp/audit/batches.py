"""Prediction of the batch from each feature group among controls: success means that it carries handling."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cfdna_interp.artifacts.matrix import Table, usable
from cfdna_interp.audit.depth import subject_means
from cfdna_interp.records.audit import BatchReading
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.resampling import stream

PER_BATCH = 5
FOLDS = 5
PERMUTATIONS = 99


def batch_from_groups(table: Table, seed: int) -> dict[str, BatchReading]:
    """Predict the batch from each feature group among the discovery controls, one row per subject.

    Batches with fewer than 5 controls are left out.

    Parameters
    ----------
    table
        The discovery table, with labels.
    seed
        The run's seed.
    """
    values, controls = subject_means(table)
    batches = pd.Series(table.text("batch")).groupby(np.array(table.subjects)).agg(_only).to_numpy()
    names, counts = np.unique(batches[controls], return_counts=True)
    large = [str(n) for n, count in zip(names, counts, strict=True) if n and count >= PER_BATCH]
    rows = controls & np.isin(batches, large)
    result = {}
    for group in table.study_groups:
        chosen = [i for i, owner in enumerate(table.groups) if owner == group]
        X = values[rows][:, chosen]
        X = X[:, usable(X)] if len(X) else X
        if len(large) < 2:
            missing = Missing(why=Cause.FEW_BATCHES, needed=PER_BATCH)
        elif X.shape[1] == 0:
            missing = Missing(why=Cause.CONSTANT_FEATURES)
        else:
            result[group] = _read(X, batches[rows].astype(str), stream(seed, "audit", "batch", group))
            continue
        result[group] = BatchReading(
            accuracy=None, chance=None, p=None, subjects=int(rows.sum()), batches=len(large), missing=missing
        )
    return result


def _read(X: np.ndarray, batches: np.ndarray, rng: np.random.Generator) -> BatchReading:
    names, y = np.unique(batches, return_inverse=True)
    targets = np.stack([y, *(rng.permutation(y) for _ in range(PERMUTATIONS))])  # (1 + permutations, n)
    # This is a ridge regression on batch indicators; the largest output is the prediction. A penalty of the
    # order of the number of standardised features limits the fit of wide groups. All permutations are one
    # solve.
    indicators = (targets[:, None, :] == np.arange(len(names))[:, None]).astype(np.float64)
    model = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        Ridge(alpha=float(X.shape[1])),
    )
    # Folds don't depend on the batch, so that true and permuted batches are treated alike.
    folds = KFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    outputs = cross_val_predict(model, X, indicators.reshape(-1, len(y)).T, cv=folds)
    answers = outputs.T.reshape(indicators.shape).argmax(axis=1)
    accuracies = balanced_accuracies(indicators, answers)
    seen, null = float(accuracies[0]), accuracies[1:]
    p = (1 + int((null >= seen).sum())) / (1 + PERMUTATIONS)
    return BatchReading(
        accuracy=seen, chance=float(null.mean()), p=p, subjects=len(y), batches=len(names), missing=None
    )


def balanced_accuracies(indicators: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Return scikit-learn's balanced accuracy, the mean recall over batches, for all permutations at once.

    Parameters
    ----------
    indicators
        (permutations, batches, n), 1 at the true batch; no batch is empty.
    answers
        (permutations, n) indices of the predicted batches.
    """
    answered = answers[:, None, :] == np.arange(indicators.shape[1])[:, None]
    recall = (indicators * answered).sum(axis=2) / indicators.sum(axis=2)
    return np.asarray(recall.mean(axis=1))


def _only(names: pd.Series) -> str:
    distinct = set(names)
    return str(distinct.pop()) if len(distinct) == 1 else ""
