"""Folds by subject, stratified by label."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from cfdna_interp.errors import InputError
from cfdna_interp.stats.subjects import Subjects


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
        there = len(np.unique(subjects[labels == label]))
        if there < folds:
            raise InputError(
                f"{there} discovery subjects with label {label} are too few for {folds} folds; "
                "lower model.folds or add subjects"
            )
    # Subjects are divided and not samples. Otherwise a few subjects with many samples could be all cases of a
    # fold.
    people = Subjects(subjects)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
    names = people.names
    fold_of = np.zeros(len(people), dtype=np.int64)
    for fold, (_, test) in enumerate(splitter.split(names[:, None], labels[people.first], names)):
        fold_of[test] = fold
    return fold_of[people.index]
