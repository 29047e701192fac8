"""The score of one new sample: its probability, and how the sample differs from those of training."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from cfdna_interp.errors import InputError
from cfdna_interp.proxy.linear import Linear, linear_of
from cfdna_interp.proxy.training import Distance, distance_of
from cfdna_interp.records.base import load_record
from cfdna_interp.records.proxy import Proxy

NAN = float("nan")
# Largest missing share of features. Beyond it a score would mostly reflect the training medians.
MOST_MISSING = 0.2
LEVELS = 5  # largest number of a category's levels that a warning names
NUMBERS = ("probability", "low", "high")


@dataclass(frozen=True)
class Scored:
    """The probability of one sample, with its 95 % interval over the bootstrap's coefficients.

    Attributes
    ----------
    name
        Sample, or path of the alignments.
    probability, low, high, logit
        NaN if the sample could not be scored.
    warnings
        How the sample differs from those that the proxy was fitted on.
    reason
        Why it could not be scored, or "".
    """

    name: str
    probability: float
    low: float
    high: float
    warnings: tuple[str, ...] = ()
    logit: float = NAN
    reason: str = ""


@dataclass(frozen=True)
class Measured:
    """The measurements of a new sample.

    Attributes
    ----------
    features
        Name -> value.
    technical
        Technical columns by name: numbers, or levels of categories; None if unknown.
    library
        How it was made and read: ``dialect``, ``reads``, ``chemistry`` and ``library``, "" if unknown.
    simulated
        Whether a program made it.
    """

    features: Mapping[str, float]
    technical: Mapping[str, float | str | None]
    library: Mapping[str, str]
    simulated: bool = False


@dataclass(frozen=True, eq=False)
class Scorer:
    """A proxy that can score.

    Attributes
    ----------
    proxy
        The content of ``proxy.json``.
    linear, distance
        Its regression, and the distance from the training samples, as arrays.
    """

    proxy: Proxy
    linear: Linear
    distance: Distance


def load_scorer(path: Path, *, table: bool) -> Scorer:
    """Read a proxy that can score, and check that it was fitted on the same kind of samples.

    Parameters
    ----------
    path
        ``proxy.json``.
    table
        Whether the new samples come as a table of features.

    Raises
    ------
    InputError
        The file is damaged, the run had no dominant group, or the proxy was fitted on the other kind of
        samples.
    """
    proxy = load_record(Proxy, path)
    if proxy.regression is None:
        raise InputError(f"{path} holds no proxy ({proxy.obstacle}); use a run with a dominant group")
    fitted_on_table = proxy.settings.features.table is not None
    if fitted_on_table and not table:
        raise InputError(f"{path} was fitted on a table of features; give the new samples with --table")
    if table and not fitted_on_table:
        raise InputError(f"{path} was fitted on alignments; give BAM files or a sheet of them with --sheet")
    regression = proxy.regression
    return Scorer(proxy, linear_of(regression), distance_of(regression.training_distance))


def score_features(name: str, scorer: Scorer, sample: Measured) -> Scored:
    """Score named features. A missing one takes the training median and causes a warning.

    Parameters
    ----------
    name
        Name for the result.
    scorer
        The proxy.
    sample
        The measurements of the sample.

    Raises
    ------
    InputError
        More than a fifth of the proxy's features is missing.
    """
    linear, proxy = scorer.linear, scorer.proxy
    x = np.array([[sample.features.get(feature, np.nan) for feature in linear.names]], dtype=np.float64)
    missing = [feature for feature, value in zip(linear.names, x[0], strict=True) if np.isnan(value)]
    lacking = f"{len(missing)} of {len(linear.names)} features missing"
    if len(missing) > MOST_MISSING * len(linear.names):
        raise InputError(
            f"sample {name}: {lacking}, first {missing[0]}: more than {MOST_MISSING:.0%}, the score would be "
            "that of the training medians; measure them"
        )
    logit = float(linear.logits(x)[0])
    low, high = np.quantile(linear.bootstrap_logits(x)[:, 0], [0.025, 0.975])
    warnings = [f"{lacking}, first {missing[0]}"] if missing else []
    warnings += _unlike(scorer, sample, x)
    if proxy.simulated or sample.simulated:
        which = [who for who, flag in (("proxy", proxy.simulated), ("sample", sample.simulated)) if flag]
        warnings.append(f"simulated: {' and '.join(which)}")
    # The bootstrap interval includes the coefficients alone and can miss the estimate of a shrunken fit.
    bounds = expit([min(low, logit), max(high, logit)])
    return Scored(name, float(expit(logit)), float(bounds[0]), float(bounds[1]), tuple(warnings), logit)


def as_table(first: str, scored: Sequence[Scored]) -> str:
    """Return a tab-separated table with a header: name, probability, interval, warnings, logit, reason.

    Parameters
    ----------
    first
        Header of the column of names.
    scored
        One row per sample. Numbers are blank if it could not be scored.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow([first, *NUMBERS, "warnings", "logit", "reason"])
    for row in scored:
        cells = ["" if row.reason else f"{getattr(row, name):.6f}" for name in (*NUMBERS, "logit")]
        writer.writerow([row.name, *cells[:3], "; ".join(row.warnings), cells[3], row.reason])
    return buffer.getvalue()


def _unlike(scorer: Scorer, sample: Measured, x: np.ndarray) -> list[str]:
    """Return how the sample differs from the training cohort, one line per difference."""
    proxy, differences = scorer.proxy, []
    measured = {**sample.technical, **sample.features}
    for name, (lowest, highest) in sorted(proxy.training_range.items()):
        value = measured.get(name)
        if isinstance(value, str) and value:
            differences.append(
                f"{name} {value!r} is not a number, training range {lowest:.4g} to {highest:.4g}"
            )
        if isinstance(value, str) or value is None or np.isnan(value) or lowest <= value <= highest:
            continue
        differences.append(f"{name} {value:.4g} outside the training range {lowest:.4g} to {highest:.4g}")
    cells = {**sample.technical, **sample.library}
    for name, levels in sorted(proxy.training_levels.items()):
        cell = cells.get(name)
        if cell and str(cell) not in levels:
            more = [f"{len(levels) - LEVELS} more"] if len(levels) > LEVELS else []
            differences.append(f"{name} {cell}, in training {' or '.join([*levels[:LEVELS], *more])}")
    limit, distance = scorer.distance.limit, float(scorer.distance.distances(x)[0])
    if not distance <= limit:
        differences.append(
            f"features at distance {distance:.3g} from training, of which 99 % keep {limit:.3g}"
        )
    return differences
