"""``proxy.json``: a frozen logistic regression as plain numbers, and what scoring a new sample needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cfdna_interp.artifacts.composition import Composition, log_parts
from cfdna_interp.artifacts.files import read_result, unusable, write_json
from cfdna_interp.artifacts.training import TrainingDistance, load_distance
from cfdna_interp.config.convert import decode, encode
from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.errors import InputError

# The settings of a proxy that says nothing of them.
PLAIN = ProxySettings()


@dataclass(frozen=True)
class OuterFold:
    """One outer fold of the nested cross-validation: its AUROC, and what the inner folds chose.

    ``auroc`` is None where the fold holds one class only.
    """

    auroc: float | None
    penalty: str
    C: float


@dataclass(frozen=True, eq=False)
class Linear:
    """A logistic regression on standardised, median-imputed inputs.

    The logit of x is ``intercept + Σ coefficient · (x - mean) / scale``, a missing x replaced by
    ``impute`` first. Inputs that are parts of a whole enter as logarithms, centred by the whole's
    ``log_mean``. Splines and principal components are linear: they are multiplied into the coefficients.

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
        (bootstrap, 1 + inputs) intercept and coefficients of refits on resampled subjects; no rows for a
        baseline.
    compositions
        Inputs that are parts of a whole.
    recipe
        The settings it was fitted with, ``penalty`` being the one that was chosen and ``components`` the
        number that was kept; None where there were no more columns than that.
    cross_validated
        The outer folds of each repeat of the nested cross-validation, those of the model first; empty for a
        baseline.
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
    cross_validated: tuple[tuple[OuterFold, ...], ...] = ()

    def standardise(self, X: np.ndarray) -> np.ndarray:
        """Return (samples, inputs) inputs imputed and brought to the scale of the coefficients."""
        complete = np.where(np.isnan(X), self.impute, X)
        result = np.asarray((complete - self.mean) / self.scale)
        for whole in self.compositions:
            parts = list(whole.inputs)
            logs = log_parts(complete[:, parts], whole.total, whole.pseudo)
            result[:, parts] = (logs - whole.log_mean) / self.scale[parts]
        return result

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return the (samples,) logits of (samples, inputs) raw inputs, NaN where missing."""
        return np.asarray(self.standardise(X) @ self.coefficient + self.intercept)

    def bootstrap_logits(self, X: np.ndarray) -> np.ndarray:
        """Return the (bootstrap, samples) logits under the bootstrap's coefficients."""
        return np.asarray(self.draws[:, 1:] @ self.standardise(X).T + self.draws[:, :1])

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the (inputs,) lower and upper ends of the coefficients' 95 % bootstrap intervals."""
        low, high = np.quantile(self.draws[:, 1:], [0.025, 0.975], axis=0)
        return low, high


@dataclass(frozen=True, eq=False)
class Proxy:
    """The logistic regression on the dominant group's features, or the reason why there is none.

    Attributes
    ----------
    group
        The dominant group, None where there is none; then ``linear`` is None and ``reason`` says why.
    linear
        The fitted regression.
    n
        Discovery subjects behind it: ``case`` and ``control``.
    training_range
        Name -> lowest and highest value in the discovery samples, of technical columns and of the
        fragment-length mode.
    settings
        Sections ``seed``, ``atlas``, ``reference``, ``extract`` and ``features`` of the run's config;
        paths relative to the folder of the proxy.
    simulated
        Whether the discovery alignments were made by the simulator.
    training_levels
        Name -> levels among the discovery samples, of categories: how libraries were made and read.
    training_distance
        How far apart the discovery samples' features lie; None without a dominant group.
    stability, fidelity
        What ``proxy.stability`` and ``proxy.fidelity`` found among the discovery subjects, as plain values;
        None without a dominant group.
    """

    group: str | None
    linear: Linear | None
    n: dict[str, int]
    reason: str = ""
    training_range: dict[str, tuple[float, float]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    simulated: bool = False
    training_levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    training_distance: TrainingDistance | None = None
    stability: dict[str, Any] | None = None
    fidelity: dict[str, Any] | None = None


def save_proxy(proxy: Proxy, path: Path | str) -> None:
    """Write the proxy as JSON with exact floats."""
    record: dict[str, Any] = {
        "group": proxy.group,
        "reason": proxy.reason,
        "n": proxy.n,
        "training_range": proxy.training_range,
        "training_levels": proxy.training_levels,
        "training_distance": None if proxy.training_distance is None else proxy.training_distance.record(),
        "settings": proxy.settings,
        "simulated": proxy.simulated,
        "stability": proxy.stability,
        "fidelity": proxy.fidelity,
        "features": [],
        "coefficients": [],
    }
    if proxy.linear is not None:
        linear = proxy.linear
        low, high = linear.bounds()
        logs = {i for whole in linear.compositions for i in whole.inputs}
        aurocs = [
            [fold.auroc for fold in folds if fold.auroc is not None] for folds in linear.cross_validated
        ]
        means = [float(np.mean(values)) for values in aurocs]
        record |= {
            "features": [
                {
                    "name": name,
                    "mean": linear.mean[i],
                    "scale": linear.scale[i],
                    "coefficient": linear.coefficient[i],
                    "impute": linear.impute[i],
                }
                for i, name in enumerate(linear.names)
            ],
            "intercept": linear.intercept,
            "C": linear.C,
            "cv": {
                "auroc_per_fold": aurocs[0] if aurocs else [],
                "mean": means[0] if means else None,
                "repeats": [[asdict(fold) for fold in folds] for folds in linear.cross_validated],
                "repeat_means": means,
                "sd_of_repeats": float(np.std(means, ddof=1)) if len(means) > 1 else None,
            },
            "coefficients": [
                {
                    "name": name,
                    "coefficient": linear.coefficient[i],
                    "low": low[i],
                    "high": high[i],
                    "per": "SD of its logarithm" if i in logs else "SD",
                }
                for i, name in enumerate(linear.names)
            ],
            "draws": linear.draws,
            "recipe": encode(linear.recipe),
            "compositions": [asdict(whole) for whole in linear.compositions],
        }
    write_json(path, record)


def load_proxy(path: Path | str) -> Proxy:
    """Read what :func:`save_proxy` wrote.

    Raises
    ------
    InputError
        The file is missing, damaged, or no proxy: a key is missing, a number is not finite, a scale is not
        above 0.
    """
    record = read_result(
        path, "proxy", n=dict, reason=str, settings=dict, simulated=bool, training_range=dict
    )
    levels = record.get("training_levels", {})  # a proxy may be older than these
    if not isinstance(levels, dict) or not all(isinstance(each, list) for each in levels.values()):
        raise unusable(path, "proxy", "training_levels")
    ranges = {
        name: _numbers(ends, (2,), path, f"training_range.{name}")
        for name, ends in record["training_range"].items()
    }
    try:
        return Proxy(
            group=record["group"],
            linear=_linear(record, path) if record["group"] is not None else None,
            n=record["n"],
            reason=record["reason"],
            training_range={name: (float(low), float(high)) for name, (low, high) in ranges.items()},
            settings=record["settings"],
            simulated=record["simulated"],
            training_levels={name: tuple(map(str, each)) for name, each in levels.items()},
            training_distance=load_distance(record.get("training_distance")),
            stability=record.get("stability"),
            fidelity=record.get("fidelity"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no proxy ({error!r}); run the proxy stage again") from None


def _linear(record: Mapping[str, Any], path: Path | str) -> Linear:
    features = record["features"]
    names = tuple(feature["name"] for feature in features)
    if not names or len(set(names)) < len(names):
        raise unusable(path, "proxy", "features")

    def column(key: str) -> np.ndarray:
        return _numbers([feature[key] for feature in features], (-1,), path, f"features.{key}")

    def number(key: str) -> float:
        return float(_numbers(record[key], (), path, key))

    scale = column("scale")
    if not (scale > 0).all():
        raise unusable(path, "proxy", "features.scale")
    return Linear(
        names=names,
        impute=column("impute"),
        mean=column("mean"),
        scale=scale,
        coefficient=column("coefficient"),
        intercept=number("intercept"),
        C=number("C"),
        draws=_numbers(record["draws"], (-1, len(names) + 1), path, "draws"),
        # A proxy may be older than these.
        compositions=tuple(_composition(whole, len(names), path) for whole in record.get("compositions", [])),
        recipe=decode(record.get("recipe", {}), ProxySettings),
        cross_validated=tuple(
            tuple(OuterFold(**fold) for fold in folds) for folds in record["cv"].get("repeats", ())
        ),
    )


def _composition(whole: Mapping[str, Any], inputs: int, path: Path | str) -> Composition:
    parts = whole["inputs"]
    total, pseudo = (
        float(_numbers(whole[key], (), path, f"compositions.{key}")) for key in ("total", "pseudo")
    )
    if not (total > 0 and pseudo > 0 and all(part in range(inputs) for part in parts)):
        raise unusable(path, "proxy", "compositions")
    means = _numbers(whole["log_mean"], (len(parts),), path, "compositions.log_mean")
    return Composition(tuple(parts), total, pseudo, means)


def _numbers(value: Any, shape: tuple[int, ...], path: Path | str, key: str) -> np.ndarray:
    """Return finite numbers of a shape, in which -1 is any length but 0."""
    try:
        found = np.array(value)
    except ValueError:  # rows of different lengths
        raise unusable(path, "proxy", key) from None
    fits = found.ndim == len(shape) and all(
        have == want or (want == -1 and have) for have, want in zip(found.shape, shape, strict=True)
    )
    if not fits or found.dtype.kind not in "if" or not np.isfinite(found).all():
        raise unusable(path, "proxy", key)
    return found.astype(np.float64)
