"""A logistic regression on standardised, median-imputed inputs, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.records.proxy import Coefficient, Composition, Regression

# The settings of a regression without its own settings.
PLAIN = ProxySettings()


@dataclass(frozen=True, eq=False)
class Linear:
    """A logistic regression on standardised, median-imputed inputs.

    The logit of x is ``intercept + Σ coefficient · (x - mean) / scale``, after a missing x is replaced by
    ``impute``. Inputs that are parts of a whole enter as logarithms, centred by the whole's ``log_mean``.
    Splines and principal components are linear and are multiplied into the coefficients.

    Attributes
    ----------
    names
        (inputs,) names of the inputs.
    impute, mean, scale, coefficient
        (inputs,) numbers; ``coefficient`` is per standard deviation in the discovery samples, and ``scale``
        is that of the logarithm for parts of a whole.
    intercept
        The logit of an average sample.
    C
        Inverse strength of the penalty, as in scikit-learn.
    draws
        (bootstrap, 1 + inputs) intercept and coefficients of refits on resampled subjects. A baseline has no
        rows.
    compositions
        Inputs that are parts of a whole.
    recipe
        The settings of the fit, with the chosen ``penalty`` and the number of ``components`` used; None if
        there were no more columns than that.
    """

    names: tuple[str, ...]
    impute: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    coefficient: np.ndarray
    intercept: float
    C: float
    draws: np.ndarray
    compositions: tuple[Composition, ...] = ()
    recipe: ProxySettings = PLAIN

    def standardise(self, X: np.ndarray) -> np.ndarray:
        """Return (samples, inputs), imputed and on the scale of the coefficients."""
        complete = np.where(np.isnan(X), self.impute, X)
        result = np.asarray((complete - self.mean) / self.scale)
        for whole in self.compositions:
            parts = list(whole.inputs)
            logs = log_parts(complete[:, parts], whole.total, whole.pseudo)
            result[:, parts] = (logs - np.array(whole.log_mean)) / self.scale[parts]
        return result

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return the (samples,) logits of (samples, inputs) raw inputs, NaN where missing."""
        return np.asarray(self.standardise(X) @ self.coefficient + self.intercept)

    def bootstrap_logits(self, X: np.ndarray) -> np.ndarray:
        """Return the (bootstrap, samples) logits with the bootstrap's coefficients."""
        return np.asarray(self.draws[:, 1:] @ self.standardise(X).T + self.draws[:, :1])

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the (inputs,) lower and upper ends of the coefficients' 95 % bootstrap intervals."""
        low, high = np.quantile(self.draws[:, 1:], [0.025, 0.975], axis=0)
        return low, high

    def coefficients(self) -> tuple[Coefficient, ...]:
        """Return the coefficients as records of ``proxy.json``."""
        low, high = self.bounds()
        logs = {i for whole in self.compositions for i in whole.inputs}
        return tuple(
            Coefficient(
                name=name,
                impute=float(self.impute[i]),
                mean=float(self.mean[i]),
                scale=float(self.scale[i]),
                coefficient=float(self.coefficient[i]),
                low=float(low[i]),
                high=float(high[i]),
                per="SD of its logarithm" if i in logs else "SD",
            )
            for i, name in enumerate(self.names)
        )


def linear_of(regression: Regression) -> Linear:
    """Return the regression of ``proxy.json`` as arrays."""
    features = regression.features
    return Linear(
        names=tuple(feature.name for feature in features),
        impute=np.array([feature.impute for feature in features]),
        mean=np.array([feature.mean for feature in features]),
        scale=np.array([feature.scale for feature in features]),
        coefficient=np.array([feature.coefficient for feature in features]),
        intercept=regression.intercept,
        C=regression.C,
        draws=np.array(regression.draws),
        compositions=regression.compositions,
        recipe=regression.recipe,
    )


def log_parts(X: np.ndarray, total: float, pseudo: float) -> np.ndarray:
    """Return the logarithms of parts, after zeros are replaced and other parts are lowered by as much.

    This is the multiplicative replacement of Martín-Fernández et al. 2003. Ratios among nonzero parts don't
    change.

    Parameters
    ----------
    X
        (samples, parts); each sample is first scaled to ``total``.
    total, pseudo
        As in :class:`cfdna_interp.records.proxy.Composition`.
    """
    seen = np.maximum(X, 0)
    sums = seen.sum(axis=1, keepdims=True)
    seen = seen * (total / np.where(sums > 0, sums, 1))
    absent = seen <= 0
    lowered = seen * (1 - pseudo / total * absent.sum(axis=1, keepdims=True))
    result: np.ndarray = np.log(np.where(absent, pseudo, lowered))
    return result
