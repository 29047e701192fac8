"""The proxy as a scikit-learn pipeline, and its conversion to plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.proxy.basis import basis_of
from cfdna_interp.proxy.linear import PLAIN
from cfdna_interp.proxy.sparse import SparseLogistic
from cfdna_interp.proxy.steps import BlockScaler, Components, Impute, LogParts, Map
from cfdna_interp.records.proxy import Composition

L1_RATIO = {"l1": 1.0, "elasticnet": 0.5}


def pipeline(C: float, settings: ProxySettings = PLAIN, names: Sequence[str] = ()) -> Pipeline:
    """Return the unfitted model: median imputation, basis, standardisation, components, regression.

    Parameters
    ----------
    C
        Inverse strength of the penalty, as in scikit-learn.
    settings
        ``penalty`` is one of ``l2``, ``l1``, ``elasticnet``.
    names
        (inputs,) names of the inputs, which a basis depends on.
    """
    steps: list[tuple[str, Any]] = [("impute", Impute())]
    basis = basis_of(names, settings)
    with_mean = settings.centred or settings.components is None
    scale: StandardScaler = StandardScaler(with_mean=with_mean)
    if basis is not None:
        if basis.wholes:
            steps.append(("log", LogParts(basis.wholes)))
            scale = BlockScaler(blocks=basis.blocks, with_mean=with_mean)
        steps.append(("basis", Map(basis.matrix)))
    steps.append(("scale", scale))
    if settings.components is not None:
        steps.append(("components", Components(settings.components)))
    return Pipeline([*steps, ("regression", regression(C, settings.penalty))])


def regression(C: float, penalty: str, tol: float = 1e-5) -> LogisticRegression:
    """Return the unfitted regression, the last step."""
    if penalty == "l2":
        return LogisticRegression(C=C, solver="lbfgs", tol=tol, max_iter=2_000)
    # scikit-learn's tolerance is for the gradient, the other one for logits.
    return SparseLogistic(C=C, l1_ratio=L1_RATIO[penalty], tol=10 * tol)


@dataclass(frozen=True, eq=False)
class Folded:
    """All steps of a fitted pipeline before the regression, as one affine map of the inputs.

    The regression's inputs are ``((t - mean) / scale) @ back.T + offset``, where t are the imputed inputs, or
    their logarithms for parts of a whole.

    Attributes
    ----------
    impute, mean, scale
        (inputs,) median of the input, its mean in the training samples, and the standard deviation of t.
    back
        (steps, inputs) the map.
    offset
        (steps,) input of the regression for a sample at the mean of t.
    compositions
        The wholes, with the replacement of their zeros.
    """

    impute: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    back: np.ndarray | None
    offset: np.ndarray
    compositions: tuple[Composition, ...]

    def coefficients(self, gamma: np.ndarray) -> np.ndarray:
        """Return (.., inputs) coefficients per standard deviation from (.., steps) of the regression."""
        return gamma if self.back is None else np.asarray(gamma @ self.back)

    def intercepts(self, gamma: np.ndarray, intercept: np.ndarray) -> np.ndarray:
        """Return (..,) logits of an average sample."""
        return np.asarray(intercept + gamma @ self.offset)


def fold_back(model: Pipeline, X: np.ndarray) -> Folded:
    """Return a fitted pipeline's steps as numbers; X is its (samples, inputs) training data."""
    steps = model.named_steps
    impute, scaler = steps["impute"].statistics_, steps["scale"]
    if "basis" not in steps and "components" not in steps:
        # Without basis and components the numbers are those of the scaler.
        return Folded(impute, scaler.mean_, scaler.scale_, None, np.zeros(X.shape[1]), ())
    t = imputed = steps["impute"].transform(X)
    if "log" in steps:
        t = steps["log"].transform(imputed)
    own = StandardScaler().fit(t)
    mean = own.mean_.copy()
    compositions = []
    if "log" in steps:
        log = steps["log"]
        for whole, total, pseudo in zip(log.wholes, log.totals_, log.pseudo_, strict=True):
            log_mean = tuple(own.mean_[list(whole)].tolist())
            compositions.append(
                Composition(inputs=tuple(whole), total=total, pseudo=pseudo, log_mean=log_mean)
            )
            mean[list(whole)] = imputed[:, list(whole)].mean(axis=0)
    back = np.eye(X.shape[1]) if "basis" not in steps else steps["basis"].matrix
    back = back * own.scale_ / scaler.scale_[:, None]
    offset = own.mean_[None, :]
    for name, step in model.steps[:-1]:
        if name not in ("impute", "log"):
            offset = step.transform(offset)
    if "components" in steps:
        back = steps["components"].components_ @ back
    return Folded(impute, mean, own.scale_, back, offset[0], tuple(compositions))
