"""Scores of an unknown model, and the fidelity of what stands in for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from cfdna_interp.cohort.table import CLIP, saturated, saturation_lines
from cfdna_interp.errors import InputError
from cfdna_interp.models.adapters.scored_model import fidelity, read_scores

SAMPLES = ["S1", "S2", "007"]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scores.tsv", "sample\tlogit\nS1\t-1.5\n007\t0\nS2\t2e0\n"),
        ("scores.csv", 'score,"sample","logit"\n9,"S1",-1.5\n9,007,0\n9,S2,2\n9,S9,nonsense\n'),
        ("scores.txt", "logit\tsample\r\n-1.5\tS1\r\n0\t007\r\n2\t S2 \r\n"),
    ],
)
def test_scores_are_read_in_the_order_asked_whatever_the_table(tmp_path: Path, name: str, text: str) -> None:
    assert read_scores(write(tmp_path / name, text), SAMPLES).tolist() == [-1.5, 2.0, 0.0]


def test_scores_are_read_from_parquet_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    pq.write_table(
        pa.table({"sample": ["S2", "S1"], "probability": pa.array([0.5, 0.8], pa.float32())}), path
    )
    # log(.8 / .2) = log 4
    assert read_scores(path, ["S1", "S2"]) == pytest.approx([np.log(4), 0], abs=1e-6)


def test_probabilities_of_zero_and_one_are_clipped(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.tsv", "sample\tprobability\nS1\t0\nS2\t1\n")
    # log((1 - 1e-6) / 1e-6) = log(999,999) = 13.8155
    assert read_scores(path, ["S1", "S2"]) == pytest.approx([-13.8155, 13.8155], abs=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample\tlogit\nS1\t1\nS2\t2\n", r"sample 007: not in scores .* \(1 of 3 samples are missing\)"),
        ("sample\tlogit\nS1\t1\nS2\t2\nS1\t1\n", r"sample S1: scores .*, row 3: named twice"),
        ("sample\tlogit\nS1\tnan\n", r"sample S1: scores .*, row 1: logit 'nan' is not a finite number"),
        ("sample\tlogit\nS1\t\n", r"sample S1: scores .*, row 1: logit .* is not a finite number"),
        ("sample\tlogit\nS1\t1,5\n", r"sample S1: scores .*, row 1: logit '1,5' is not a finite number"),
        ("sample\tprobability\nS1\t1.5\n", r"row 1: probability '1\.5' is not between 0 and 1"),
        ("sample\tlogit\n\t1\n", r"row 1 names no sample"),
        ("sample\tscore\nS1\t1\n", r"has the columns sample, score; give sample and one of logit and prob"),
        ("sample\tlogit\tprobability\nS1\t1\t1\n", r"give sample and one of logit and probability"),
        ("id\tlogit\nS1\t1\n", r"has the columns id, logit"),
        ("sample\tlogit\nS1\t1\t7\n", r"cannot be read as a table"),
        ("", r"cannot be read as a table"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_scores(write(tmp_path / "scores.tsv", text), SAMPLES)


def test_a_missing_or_damaged_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist; correct model\.checkpoint"):
        read_scores(tmp_path / "none.parquet", SAMPLES)
    (tmp_path / "scores.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_scores(tmp_path / "scores.parquet", SAMPLES)
    (tmp_path / "scores.tsv").write_bytes(b"sample\tlogit\n\xff\xfe\t1\n")
    with pytest.raises(InputError):
        read_scores(tmp_path / "scores.tsv", SAMPLES)


def test_fidelity_is_correlation_explained_share_and_rank_over_subjects() -> None:
    rng = np.random.default_rng(0)
    model = rng.normal(size=60)
    surrogate = model + rng.normal(0, 0.5, 60)
    # A second sample of the first ten subjects: their mean is what counts.
    subjects = np.array([f"P{i}" for i in [*range(60), *range(10)]])
    again = np.concatenate([model, model[:10] + 1.0]), np.concatenate([surrogate, surrogate[:10] - 1.0])
    result = fidelity(*again, subjects, seed=1)
    means = model + 0.5 * (np.arange(60) < 10), surrogate - 0.5 * (np.arange(60) < 10)
    assert result.n == 60
    assert result.correlation == pytest.approx(pearsonr(*means).statistic)
    assert result.rank == pytest.approx(spearmanr(*means).statistic)
    assert result.r2 == pytest.approx(
        1 - ((means[0] - means[1]) ** 2).sum() / ((means[0] - means[0].mean()) ** 2).sum()
    )
    assert result.low < result.correlation < result.high


def test_a_perfect_surrogate_and_one_off_by_scale() -> None:
    model = np.linspace(-2, 2, 30)
    people = np.arange(30)
    same = fidelity(model, model, people, seed=1)
    assert (same.correlation, same.r2, same.rank) == pytest.approx((1, 1, 1))
    assert same.low == pytest.approx(1)
    # Half the scale leaves the correlation, and as it stands explains 1 - .5² of the variance.
    half = fidelity(model, model / 2, people, seed=1)
    assert (half.correlation, half.r2) == pytest.approx((1, 0.75))


def test_the_interval_covers_the_correlation_as_often_as_it_says() -> None:
    # Bivariate normal pairs of correlation .8; the percentile bootstrap at n = 60 covers about 93 %, and
    # of 50 cohorts 46.5 are expected, with a standard deviation of 1.8.
    rng = np.random.default_rng(1)
    inside = 0
    for seed in range(50):
        first = rng.normal(size=60)
        second = 0.8 * first + 0.6 * rng.normal(size=60)
        result = fidelity(first, second, np.arange(60), seed=seed)
        inside += result.low <= 0.8 <= result.high
    assert inside >= 42


def test_an_unrelated_or_silent_surrogate_names_nothing() -> None:
    rng = np.random.default_rng(2)
    model = rng.normal(size=200)
    unrelated = fidelity(model, rng.normal(size=200), np.arange(200), seed=1)
    # A correlation of 200 unrelated pairs has a standard error of .07.
    assert abs(unrelated.correlation) < 0.21 and unrelated.low < 0 < unrelated.high
    silent = fidelity(model, np.full(200, 0.3), np.arange(200), seed=1)
    assert (silent.correlation, silent.rank, silent.low) == (0, 0, 0)


@settings(max_examples=8)
@given(noise=st.floats(0.0, 2.0), seed=st.integers(0, 1_000))
def test_the_interval_holds_the_correlation_and_a_copy_has_one(noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = rng.normal(size=50)
    result = fidelity(model, model + noise * rng.normal(size=50), np.arange(50), seed=seed)
    assert -1 <= result.low <= result.correlation + 0.05 and result.high <= 1 + 1e-9
    again = fidelity(model, model + 0 * model, np.arange(50), seed=seed)
    assert again.low == pytest.approx(1)


def test_where_scores_are_saturated_the_clip_does_not_decide() -> None:
    # Ten of 60 subjects are held at CLIP. Were it nearer to 0, Pearson's correlation would be another.
    rng = np.random.default_rng(3)
    model = rng.normal(size=60)
    surrogate = model + 0.1 * rng.normal(size=60)
    people = np.arange(60)
    top = np.argsort(model)[-10:]
    edge = np.log((1 - CLIP) / CLIP)
    held = model.copy()
    held[top] = edge
    result = fidelity(held, surrogate, people, seed=1)
    assert result.saturated == 10
    assert (result.judged, result.judged_low) == (result.rank, result.rank_low)
    assert result.rank == pytest.approx(spearmanr(held, surrogate).statistic)
    further = model.copy()
    further[top] = 2 * edge
    assert spearmanr(further, surrogate).statistic == pytest.approx(result.rank)
    assert abs(pearsonr(further, surrogate).statistic - result.correlation) > 0.005
    # No score at the clip: the correlation of logits is read.
    plain = fidelity(model, surrogate, people, seed=1)
    assert (plain.saturated, plain.judged, plain.judged_low) == (0, plain.correlation, plain.low)
    # A subject with one saturated sample of two counts once.
    twice = np.concatenate([held, model])
    again = fidelity(twice, np.tile(surrogate, 2), np.tile(people, 2), seed=1)
    assert (again.n, again.saturated) == (60, 10)


def test_scores_are_saturated_at_the_clip_and_nowhere_else() -> None:
    edge = np.log((1 - CLIP) / CLIP)
    assert saturated(np.array([edge, -edge, 13.8, 20.0, 0.0])).tolist() == [True, True, False, False, False]
    assert saturation_lines(np.array([0.0, 1.0])) == []
    (line,) = saturation_lines(np.array([edge, 0.0, -edge]))
    assert line.startswith("saturated scores: 2 of 3 are 0 or 1")


def test_a_model_that_says_the_same_of_everybody_is_refused() -> None:
    with pytest.raises(InputError, match="scores of 30 subjects are all the same"):
        fidelity(np.ones(30), np.linspace(0, 1, 30), np.arange(30), seed=1)
