"""What breaks rung L0: people in both roles, and sources that can have reached the score; what doesn't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.audit.leak_rule import follow
from cfdna_interp.audit.leaks import leaks
from cfdna_interp.records.leaks import Leak, Leakage
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.values import Counts
from cfdna_interp.stats.roc import auroc_interval

N = 60  # subjects of a role
GROUPS = ("sizes",) * 6 + ("levels",) * 14


def role_of(
    role: str, labels: np.ndarray, latent: np.ndarray, rng: np.random.Generator, **columns: Any
) -> Table:
    """Return subjects whose sizes follow ``latent``; rows in the order given, ids numbered in it."""
    names = tuple(f"{role[0].upper()}{i:03d}" for i in range(len(labels)))
    X = rng.normal(size=(len(labels), len(GROUPS)))
    X[:, :6] = latent[:, None] + 0.5 * X[:, :6]
    obs = pd.DataFrame({"subject": names, "batch": "A", **columns}, index=list(names))
    features = tuple(f"{group}_{i}" for i, group in enumerate(GROUPS))
    both = ("sizes", "levels")
    return Table(names, names, labels, X, features, GROUPS, features, obs, True, both, both)


def cohort(seed: int, *, listed_apart: bool = True, effect: float = 1.5) -> tuple[Table, Table, np.ndarray]:
    """Return both roles and a held-out score; sheets list cases first unless said otherwise."""
    rng = np.random.default_rng(seed)
    tables = []
    for role in ("discovery", "heldout"):
        labels = np.repeat([1, 0], N // 2)
        if not listed_apart:
            labels = rng.permutation(labels)
        latent = rng.normal(size=N) + effect * labels
        tables.append(role_of(role, labels, latent, rng))
    return tables[0], tables[1], latent


def judged(discovery: Table, heldout: Table, score: np.ndarray, **more: Any) -> Leakage:
    scores = pd.DataFrame(
        {"subject": heldout.subjects, "label": heldout.labels, "batch": heldout.obs["batch"], "model": score}
        | more
    )
    bound = auroc_interval(heldout.labels, score, np.random.default_rng(1)).low
    return leaks(discovery, heldout, scores, bound, None, 3)


def kinds(record: Leakage) -> list[Leak]:
    return [found.kind for found in record.breaks]


def test_a_sheet_that_lists_cases_first_breaks_nothing() -> None:
    record = judged(*cohort(1))
    told = [row.source for row in record.readable_labels if row.tells and row.role == "heldout"]
    assert told == ["order of the rows", "number in the subject's id"]
    assert (record.breaks, record.without) == ((), None)
    assert [row.source for row in record.followed] == told


def test_sound_cohorts_rarely_lose_their_rung() -> None:
    # Sources .01, near-duplicates .01: of 30 cohorts more than 3 have probability .003.
    assert sum(bool(judged(*cohort(seed)).breaks) for seed in range(200, 230)) <= 3


def test_a_score_that_drifts_along_the_list_breaks_it() -> None:
    rng = np.random.default_rng(2)
    discovery, heldout, _ = cohort(2)
    # No biology: the score falls by 4 SD from the first row to the last, and cases stand first.
    record = judged(discovery, heldout, rng.normal(size=N) - 4 * np.arange(N) / N)
    assert set(kinds(record)) == {Leak.FOLLOWED}
    assert record.breaks[0].correlation > 0.4 and record.breaks[0].p <= 0.01
    assert record.breaks[0].subjects == N
    # Everybody is concerned: nobody can be left out.
    assert record.without is None


def test_what_a_recorded_batch_brings_is_left_to_l4() -> None:
    rng = np.random.default_rng(3)
    discovery, heldout, _ = cohort(3)
    # Two thirds of the cases, then one third, then controls: the score follows the batch, not the row in it.
    batch = np.repeat(["A", "B", "C"], N // 3)
    score = 6.0 * (batch == "A") + rng.normal(size=N)
    parted = replace(heldout, obs=heldout.obs.assign(batch=batch))
    assert kinds(judged(discovery, parted, score)) == []
    # With nothing recorded nobody else could tell.
    assert set(kinds(judged(discovery, heldout, score))) == {Leak.FOLLOWED}


def test_only_the_direction_that_feeds_the_signal_counts() -> None:
    labels = np.repeat([1, 0], 30)
    place = np.arange(60.0)
    batches = ["A"] * 60
    # Row numbers are smaller in cases: a score that rises with them within the classes works against it.
    up = follow([place], place, labels, batches, np.random.default_rng(1))[0]
    down = follow([place], -place, labels, batches, np.random.default_rng(1))[0]
    assert up is not None and down is not None
    assert (up.correlation, up.p) == (pytest.approx(-1), 1.0)
    assert (down.correlation, down.p) == (pytest.approx(1), pytest.approx(1 / 5_000))


def test_a_source_without_spread_in_the_classes_cannot_be_followed() -> None:
    labels = np.repeat([1, 0], 10)
    assert follow([labels.astype(float)], labels * 2.0, labels, ["A"] * 20, np.random.default_rng(1)) == [
        None
    ]


def test_the_correlation_is_that_of_ranks_less_the_means_of_the_strata() -> None:
    labels = np.array([1, 1, 1, 0, 0, 0])
    # Ranks of the source 4 6 5 | 1 2 3, of the score 4 5 6 | 1 3 2; less the means of the labels (5 and 2)
    # -1 1 0 | -1 0 1 and -1 0 1 | -1 1 0: products add up to 1 + 1 = 2, squares to 4 and 4.
    found = follow(
        [np.array([40, 60, 50, 10, 20, 30.0])],
        np.array([4, 5, 6, 1, 3, 2.0]),
        labels,
        ["A"] * 6,
        np.random.default_rng(1),
    )[0]
    assert found is not None and found.correlation == pytest.approx(2 / 4)
    # Of the 6 x 6 orders within the labels those with a sum of at least 2: each label gives 2 (once), 1
    # (twice), -1 (twice), -2 (once), so 4 (1), 3 (4) and 2 (4). 4,999 draws have a standard error of .006.
    assert found.p == pytest.approx(9 / 36, abs=0.02)


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_discovery_people_under_other_names_break_it(share: float) -> None:
    discovery, heldout, score = cohort(4, listed_apart=False)
    copies = round(share * N)
    X = heldout.X.copy()
    # A second library: a fifth of the spread between people is noise.
    noise = 0.2 * discovery.X.std(axis=0) * np.random.default_rng(4).normal(size=(copies, X.shape[1]))
    X[:copies] = discovery.X[:copies] + noise
    record = judged(discovery, replace(heldout, X=X), score, proxy=-score)
    assert kinds(record) == [Leak.TWIN]
    assert (record.breaks[0].subjects, record.breaks[0].of) == (copies, N)
    without = record.without
    assert without is not None
    assert without.left_out == copies
    if share == 1.0:
        assert without.missing == Missing(why=Cause.FEW_OF_A_CLASS, seen=0, needed=5)
        assert without.scores == {}
        return
    # AUROC of those who are left, counted by hand.
    labels, left = np.asarray(heldout.labels)[copies:], score[copies:]
    wins = (left[labels == 1][:, None] > left[labels == 0][None, :]).mean()
    assert without.scores["model"].value == pytest.approx(wins)
    assert without.scores["proxy"].value == pytest.approx(1 - wins)
    assert without.n == Counts(case=int(labels.sum()), control=int((labels == 0).sum()))


def test_twins_within_a_role_break_nothing() -> None:
    discovery, heldout, score = cohort(5, listed_apart=False)
    X = heldout.X.copy()
    X[7] = X[3]
    record = judged(discovery, replace(heldout, X=X), score)
    assert len(record.near_duplicates.pairs) == 1
    assert record.breaks == ()


def test_one_name_in_both_roles_breaks_it() -> None:
    discovery, heldout, score = cohort(6, listed_apart=False)
    names = ("d-007", *heldout.subjects[1:])
    record = judged(discovery, replace(heldout, subjects=names), score)
    assert kinds(record) == [Leak.NAME]
    assert record.without is not None and record.without.left_out == 1


def test_gaps_of_features_that_tell_the_label_break_it() -> None:
    discovery, heldout, score = cohort(7, listed_apart=False)
    X = heldout.X.copy()
    X[np.asarray(heldout.labels) == 1, 8] = np.nan
    record = judged(discovery, replace(heldout, X=X), score)
    assert kinds(record) == [Leak.GAPS]
    found = record.breaks[0]
    assert (found.source, found.column, found.auroc) == ("gaps in levels", "levels_8", 1.0)
    # All cases have the gap: no case is left.
    assert (found.subjects, record.without.n) == (N // 2, Counts(case=0, control=N // 2))


def test_a_score_made_of_gaps_is_found_within_the_classes() -> None:
    rng = np.random.default_rng(8)
    discovery, heldout, _ = cohort(8, listed_apart=False)
    X, cases = heldout.X.copy(), np.asarray(heldout.labels) == 1
    X[:, 6:][rng.random((N, 14)) < np.where(cases, 0.4, 0.1)[:, None]] = np.nan
    record = judged(discovery, replace(heldout, X=X), np.isnan(X).sum(axis=1) + 0.1 * rng.normal(size=N))
    assert kinds(record) == [Leak.FOLLOWED]
    assert (record.breaks[0].source, record.breaks[0].column) == ("gaps in levels", "")


def test_gaps_of_covariates_are_no_input_and_random_gaps_tell_nothing() -> None:
    rng = np.random.default_rng(9)
    discovery, heldout, score = cohort(9, listed_apart=False)
    cases = np.asarray(heldout.labels) == 1
    record = judged(
        discovery, replace(heldout, obs=heldout.obs.assign(age=np.where(cases, np.nan, 60.0))), score
    )
    (row,) = [row for row in record.readable_labels if row.kind == "gaps"]
    assert (row.column, row.auroc, row.tells, row.inputs) == ("age", 1.0, True, False)
    assert record.breaks == ()
    X = heldout.X.copy()
    X[rng.random(X.shape) < 0.08] = np.nan
    record = judged(discovery, replace(heldout, X=X), score)
    assert {row.source for row in record.readable_labels if row.kind == "gaps"} == {
        "gaps in sizes",
        "gaps in levels",
    }
    assert record.breaks == ()


def test_random_gaps_rarely_tell_however_many_columns_have_them() -> None:
    told = 0
    for seed in range(300, 330):
        rng = np.random.default_rng(seed)
        discovery, heldout, score = cohort(seed, listed_apart=False)
        X = heldout.X.copy()
        X[rng.random(X.shape) < 0.1] = np.nan
        record = judged(discovery, replace(heldout, X=X), score)
        told += any(row.tells and row.kind == "gaps" for row in record.readable_labels)
    # At level .05 more than 5 of 30 have probability .003.
    assert told <= 5
