"""Folds by subject, stratified by label."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from cfdna_interp.errors import InputError


def folds_of(subjects: np.ndarray, labels: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Assign subjects to folds, stratified by label.

    Returns
    -------
    (samples,) fold of each sample; all samples of a subject share it.

    Raises
    ------
    InputError
        A class has fewer subjects than there are folds.
    """
    for label in (0, 1):
        people = len(np.unique(subjects[labels == label]))
        if people < folds:
            raise InputError(
                f"{people} discovery subjects with label {label} are too few for {folds} folds; "
                "lower model.folds or add subjects"
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
    result = np.zeros(len(labels), dtype=np.int64)
    for fold, (_, test) in enumerate(splitter.split(labels[:, None], labels, subjects)):
        result[test] = fold
    return result
