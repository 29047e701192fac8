"""Whether a logistic regression has a maximum likelihood estimate."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog


def separated(X: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether a combination of columns separates the classes, so that no maximum likelihood exists.

    This is a linear programme. The largest Σ s_i x_i·b over |b| <= 1 with every s_i x_i·b >= 0, where s = ±1
    by label, is positive exactly under complete or quasi-complete separation (Konis, DPhil thesis, University
    of Oxford, 2007).

    Parameters
    ----------
    X
        (subjects, terms) with the constant column, of full rank.
    labels
        (subjects,) 1 case, 0 control.
    """
    signed = X * np.where(labels > 0, 1.0, -1.0)[:, None]
    outcome = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(X)), bounds=(-1, 1))
    return bool(-outcome.fun > 1e-7)
