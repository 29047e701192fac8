"""A model that is known by a column of scores, and the fidelity of a surrogate to it.

The surrogate is the head of this package, cross-fitted to the model's scores instead of labels. Attribution
explains the surrogate. It explains the model only as far as the two agree on people whom the surrogate never
saw. :func:`fidelity` measures this.

A probability of 0 or 1 has no logit, so it is clipped at ``CLIP`` from either end. The choice of ``CLIP``
then affects a correlation of logits, but not one of ranks. If there are such scores, the rule uses the
correlation of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from scipy.stats import rankdata

from cfdna_interp.cohort.table import CLIP, saturated
from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError
from cfdna_interp.records.retraining import SubsetFidelity, SurrogateFidelity
from cfdna_interp.stats.correlation import weighted_correlations
from cfdna_interp.stats.resampling import bootstrap_counts, stream
from cfdna_interp.stats.subjects import Subjects

DRAWS = 2_000


def read_scores(path: Path | str, samples: Sequence[str]) -> np.ndarray:
    """Read a model's scores of named samples.

    Parameters
    ----------
    path
        Table with a header: ``.parquet``, ``.csv``, or tab-separated under any other name. It has columns
        ``sample`` and either ``logit`` or ``probability``. Other columns and samples are ignored.
    samples
        Names in the order of the result.

    Returns
    -------
    (samples,) logits.

    Raises
    ------
    InputError
        The table can't be read, lacks a column or a sample, names a sample twice, or has a value that isn't a
        number in range.
    """
    table = _read(Path(path))
    known = [name for name in ("logit", "probability") if name in table.column_names]
    if "sample" not in table.column_names or len(known) != 1:
        raise InputError(
            f"scores {path} has the columns {', '.join(table.column_names)}; "
            "give sample and one of logit and probability"
        )
    column = known[0]
    wanted = set(samples)
    values: dict[str, float] = {}
    for row, (sample, cell) in enumerate(
        zip(table["sample"].to_pylist(), table[column].to_pylist(), strict=True), start=1
    ):
        name = "" if sample is None else str(sample).strip()
        if not name:
            raise InputError(f"scores {path}: row {row} names no sample; fill in the column sample")
        if name in values:
            raise InputError(f"sample {name}: scores {path}, row {row}: named twice; keep one row")
        if name in wanted:
            values[name] = _logit(cell, column, f"sample {name}: scores {path}, row {row}")
    missing = [name for name in samples if name not in values]
    if missing:
        raise InputError(
            f"sample {missing[0]}: not in scores {path} ({len(missing)} of {len(samples)} samples are "
            "missing); give the model's score of every sample of the sheet"
        )
    return np.array([values[name] for name in samples])


def _read(path: Path) -> pa.Table:
    check_regular(path, "scores", "correct model.checkpoint")
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        with open(path, encoding="utf-8") as handle:
            separator = "," if path.suffix == ".csv" else "\t"
            header = handle.readline().rstrip("\r\n").split(separator)
        # Cells stay text, so that messages can quote a wrong one and 007 keeps its zeros.
        return pacsv.read_csv(
            path,
            parse_options=pacsv.ParseOptions(delimiter=separator),
            convert_options=pacsv.ConvertOptions(
                column_types={name.strip('"'): pa.string() for name in header}
            ),
        )
    except FileNotFoundError:
        raise InputError(f"scores {path} does not exist; correct model.checkpoint") from None
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise InputError(
            f"scores {path} cannot be read as a table ({error}); give tab-separated text, .csv or .parquet"
        ) from None


def _logit(cell: object, column: str, where: str) -> float:
    try:
        value = float(str(cell))
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"{where}: {column} {cell!r} is not a finite number; correct the score")
    if column == "logit":
        return value
    if not 0 <= value <= 1:
        raise InputError(
            f"{where}: probability {cell!r} is not between 0 and 1; correct it, or name the column logit"
        )
    clipped = min(max(value, CLIP), 1 - CLIP)
    return float(np.log(clipped / (1 - clipped)))


def fidelity(
    logits: np.ndarray,
    surrogate_logits: np.ndarray,
    subjects: np.ndarray,
    *,
    seed: int,
    source: str = "model.checkpoint",
) -> SurrogateFidelity:
    """Measure how well a surrogate follows a model; several samples of a subject are averaged first.

    Parameters
    ----------
    logits
        (samples,) logits of the model.
    surrogate_logits
        (samples,) logits from surrogates that never saw the subject.
    subjects
        (samples,) subject of each sample.
    seed
        The run's seed.
    source
        The setting that names the scores, for messages.

    Raises
    ------
    InputError
        The model's scores are all the same.
    """
    people = Subjects(subjects)
    model, surrogate = people.means(logits), people.means(surrogate_logits)  # (subjects,)
    n = len(people)
    if np.ptp(model) == 0:
        raise InputError(
            f"the model's scores of {n} subjects are all the same; there is nothing to explain, check the "
            f"column in {source}"
        )
    rng = stream(seed, "fidelity")
    everybody = np.zeros(n, dtype=np.int64)
    draws = np.stack([bootstrap_counts(everybody, rng) for _ in range(DRAWS)]).astype(float)
    correlation, low, high = _interval(model, surrogate, draws)
    rank, rank_low, rank_high = _interval(rankdata(model), rankdata(surrogate), draws)
    held = int((people.sums(saturated(logits)) > 0).sum())
    return SurrogateFidelity(
        correlation=correlation,
        r2=float(1 - np.mean((model - surrogate) ** 2) / model.var()),
        rank=rank,
        n=n,
        low=low,
        high=high,
        rank_low=rank_low,
        rank_high=rank_high,
        saturated=held,
        judged=rank if held else correlation,
        judged_low=rank_low if held else low,
    )


def subset_fidelities(followed: Mapping[str, SurrogateFidelity]) -> dict[str, SubsetFidelity] | None:
    """Return the fidelity of a surrogate and its subsets as ``retraining.json`` stores it.

    Parameters
    ----------
    followed
        ``model`` and the names of subsets -> fidelity to the model. Empty for a model of our own; the result
        is then None.
    """
    if not followed:
        return None
    return {
        name: SubsetFidelity(correlation=one.correlation, rank=one.rank, r2=one.r2, judged=one.judged)
        for name, one in followed.items()
    }


def _interval(first: np.ndarray, second: np.ndarray, draws: np.ndarray) -> tuple[float, float, float]:
    """Return a correlation with the 95 % interval of (draws, subjects) bootstraps."""
    value = float(weighted_correlations(first, second, np.ones((1, len(first))))[0])
    low, high = np.quantile(weighted_correlations(first, second, draws), [0.025, 0.975])
    return value, float(low), float(high)
