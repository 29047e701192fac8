"""``predictions.discovery.parquet`` and ``scores.*.parquet``: tidy tables of samples' logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError

# Full score of the surrogate of a model that is known by its scores. Subsets are compared with it.
SURROGATE = "surrogate"


@dataclass(frozen=True)
class Score:
    """One frozen held-out score of one sample.

    Attributes
    ----------
    sample, subject
        Names of the library and of the person.
    score
        Name of the score, e.g. ``model``, ``surrogate``, ``model_without_fragment_length``, ``proxy``.
    value
        A finite logit.
    """

    sample: str
    subject: str
    score: str
    value: float


@dataclass(frozen=True)
class Prediction:
    """The cross-fitted prediction of one discovery sample.

    Attributes
    ----------
    sample, subject
        Names of the library and of the person.
    label
        1 case, 0 control.
    fold
        The fold whose heads predicted it. They never saw the subject.
    logit, sd
        Mean and standard deviation over the sample's bags.
    """

    sample: str
    subject: str
    label: int
    fold: int
    logit: float
    sd: float


_SCORES = pa.schema(
    [("sample", pa.string()), ("subject", pa.string()), ("score", pa.string()), ("value", pa.float64())]
)
_PREDICTIONS = pa.schema(
    [
        ("sample", pa.string()),
        ("subject", pa.string()),
        ("label", pa.int64()),
        ("fold", pa.int64()),
        ("logit", pa.float64()),
        ("sd", pa.float64()),
    ]
)


def frozen_scores(
    name: str,
    fitted: np.ndarray,
    foreign: np.ndarray | None,
    samples: Sequence[str],
    subjects: Sequence[str],
) -> list[Score]:
    """Return the held-out scores of one subset of groups.

    For a model that is known by its scores, ``model`` is its own score and ``surrogate`` that of the
    surrogate. The other subsets are the surrogate's. A difference between a subset and the model's own score
    would include the surrogate's error.

    Parameters
    ----------
    name
        ``model`` or the name of a subset's score.
    fitted
        (samples,) logits of the model fitted here on the subset.
    foreign
        (samples,) logits of a model known by its scores; None if the model itself was fitted.
    samples, subjects
        Names.
    """
    columns = {name: fitted}
    if foreign is not None and name == "model":
        columns = {name: foreign, SURROGATE: fitted}
    return [
        Score(sample, subject, score, float(value))
        for score, values in columns.items()
        for sample, subject, value in zip(samples, subjects, values, strict=True)
    ]


def save_scores(scores: Sequence[Score], path: Path | str) -> None:
    """Write scores in the order given; the path is ``Layout.scores("model")`` or ``("proxy")``.

    Raises
    ------
    ValueError
        A value is not finite.
    """
    _save(scores, _SCORES, path)


def load_scores(path: Path | str) -> list[Score]:
    """Read what :func:`save_scores` wrote; raise ``InputError`` if the file is missing or damaged."""
    return [Score(**row) for row in _load(_SCORES, path)]


def save_predictions(predictions: Sequence[Prediction], path: Path | str) -> None:
    """Write the discovery predictions in the order given.

    Raises
    ------
    ValueError
        A logit is not finite.
    """
    _save(predictions, _PREDICTIONS, path)


def load_predictions(path: Path | str) -> list[Prediction]:
    """Read what :func:`save_predictions` wrote; raise ``InputError`` if it is missing or damaged."""
    return [Prediction(**row) for row in _load(_PREDICTIONS, path)]


def _save(rows: Sequence[Score] | Sequence[Prediction], schema: pa.Schema, path: Path | str) -> None:
    columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
    logits = columns["value"] if "value" in columns else columns["logit"]
    broken = [name for name, logit in zip(columns["sample"], logits, strict=True) if not math.isfinite(logit)]
    if broken:
        raise ValueError(f"{Path(path).name}: the logit of sample {broken[0]} is not finite")
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(columns, schema=schema), temporary, compression="zstd")


def _load(schema: pa.Schema, path: Path | str) -> list[dict[str, Any]]:
    try:
        table = pq.read_table(path, columns=schema.names)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run the stage that writes it first") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} is not a table of logits ({error}); delete it and run again") from None
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
