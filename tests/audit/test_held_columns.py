"""Which columns are held, in which order, and why others aren't."""

import numpy as np
import pandas as pd
import pytest

from cfdna_interp.audit.held_columns import by_priority, held_columns

N = 80
Y = np.tile([1, 0], N // 2)
TOGETHER = np.zeros(N, dtype=int)


def chosen(priority=(), strata=TOGETHER, y=Y, **columns):
    frame = pd.DataFrame({f"technical_{name}": cells for name, cells in columns.items()})
    return held_columns(y, frame, list(frame), strata, priority)


def rng(seed=1):
    return np.random.default_rng(seed)


def obstacles(got):
    return {column.name: column.obstacle for column in got.columns}


def test_what_tells_the_label_comes_first_whatever_its_name():
    # 40 + 40 carry five terms: a curve of three for the telling measure, then the category, then one line.
    telling, other = 1.5 * Y + rng().normal(size=N), rng(2).normal(size=N)
    got = chosen(a_noise=other, b_tube=np.where(rng(3).random(N) < 0.5, "E", "S"), z_hours=telling)
    assert got.columns[0].name == "z_hours" and got.columns[0].terms == 3
    assert sum(column.terms for column in got.columns) == got.X.shape[1] == 5
    assert got.columns[0].p_holm < 1e-6 < got.columns[1].p_holm
    assert got.trusted and not got.open


def test_the_users_order_comes_before():
    telling, other = 1.5 * Y + rng().normal(size=N), rng(2).normal(size=N)
    got = chosen(priority=("noise",), noise=other, hours=telling)
    assert [column.name for column in got.columns] == ["noise", "hours"]
    assert [column.terms for column in got.columns] == [3, 1]  # what is left is a straight line
    frame = pd.DataFrame({"age": telling, "technical_noise": other})
    assert by_priority(Y, frame, list(frame)) == ["age", "technical_noise"]
    assert by_priority(Y, frame, list(frame), ("noise",)) == ["technical_noise", "age"]


def test_a_u_shape_tells_the_label():
    z = np.where(Y == 1, 2.0 * np.where(rng().random(N) < 0.5, 1, -1), 0.0) + 0.3 * rng(2).normal(size=N)
    assert abs(np.corrcoef(z, Y)[0, 1]) < 0.2
    assert chosen(hours=z).columns[0].p < 1e-10


def test_codes_and_planned_delays_may_lie_off_a_line():
    hours = np.tile([0, 0, 24, 24, 72, 72, 72, 24], 10)
    got = chosen(hours=hours)
    assert got.columns[0].terms == 2  # the line, and 24 h by itself


def test_dates_are_days():
    dates = pd.Series(pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d").to_numpy())
    same = chosen(drawn=dates).columns[0]
    assert (same.obstacle, same.terms) == (None, 3)
    assert same.p == pytest.approx(chosen(drawn=np.arange(N)).columns[0].p)


def test_gaps_keep_a_column_out_and_a_few_take_their_subjects_out():
    hours = rng().normal(size=N)
    half = np.where(Y == 1, np.nan, hours)
    assert obstacles(chosen(hours=half, other=hours)) == {"hours": "missing", "other": None}
    assert chosen(hours=half, other=hours).open[0].name == "hours"
    few = np.where(np.arange(N) < 6, np.nan, hours)
    got = chosen(hours=few)
    assert not got.open and np.isnan(got.X).any(axis=1).sum() == 6


def test_levels_that_mark_persons_hold_nothing():
    got = chosen(operator=np.array([f"op{i // 2}" for i in range(N)]))
    assert obstacles(got) == {"operator": "rare levels"} and not got.open


def test_what_is_the_label_is_open_and_what_strata_or_columns_hold_isnt():
    tube = np.where(Y == 1, "Streck", "EDTA")
    got = chosen(tube=tube)
    assert obstacles(got) == {"tube": "label"} and got.open[0].name == "tube"
    strata = np.repeat([0, 1], N // 2)
    kit = np.where(strata == 1, "k1", "k2")
    assert obstacles(chosen(strata=strata, kit=kit)) == {"kit": "strata"}
    line = np.repeat([0.0, 1.0, 0.0, 1.0], N // 4)
    assert obstacles(chosen(a=line, b=1 - line)) == {"a": None, "b": "columns"}


def test_more_columns_than_subjects_carry_are_open_only_where_they_tell_the_label():
    noise = {f"n{i}": rng(i).normal(size=N) for i in range(6)}
    got = chosen(**noise)
    # Five terms: a curve and two lines.
    assert sum(column.obstacle == "too many" for column in got.columns) == 3
    assert not got.open
    telling = {f"t{i}": 1.2 * Y + rng(10 + i).normal(size=N) for i in range(6)}
    assert {column.obstacle for column in chosen(**telling).open} == {"too many"}


def test_of_columns_that_tell_nothing_few_are_trusted():
    trusted = sum(
        chosen(a=rng(i).normal(size=N), b=rng(1_000 + i).normal(size=N)).trusted for i in range(200)
    )
    assert trusted <= 8  # .01 after Holm: 2 expected, more than 8 has probability .0002


def test_of_subjects_whom_nobody_is_compared_with_no_column_is_said_to_tell_the_label():
    # Each stratum holds one class: the label is the stratum, and hours tell nothing of it.
    got = chosen(strata=Y.copy(), hours=rng().normal(size=N))
    assert obstacles(got) == {"hours": "nobody"} and not got.open and not got.trusted
