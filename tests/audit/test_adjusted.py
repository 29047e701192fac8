"""Adjusted effects: a planted one stays, a borrowed one goes, and separation is told."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from cfdna_interp.audit.adjusted import adjusted_effects, separated
from cfdna_interp.records.missing import Cause, Missing


def subjects(n=4_000, seed=1, own=1.0, through=1.0):
    """Label from the score (log odds `own` per SD) and the tube (`through`); the score leans on the tube."""
    rng = np.random.default_rng(seed)
    tube, age = rng.normal(size=n), rng.normal(60, 8, size=n)
    score = (rng.normal(size=n) + tube) / np.sqrt(2)
    y = (rng.random(n) < expit(own * score + through * tube)).astype(int)
    sex = np.where(rng.random(n) < 0.5, "F", "M")
    return pd.DataFrame(
        {"label": y, "proxy": score, "age": age, "sex": sex, "technical_hours": tube, "technical_kit": "one"}
    )


def effects(frame):
    return {effect.term: effect for effect in adjusted_effects(frame, "proxy").effects}


def test_planted_effects_come_back():
    # Standard errors with 4,000 subjects are about .05.
    got = effects(subjects())
    # The column that tells the label best comes first.
    assert list(got)[:2] == ["proxy", "technical_hours"] and set(got) == {*list(got)[:2], "age", "sex=M"}
    assert got["proxy"].coefficient == pytest.approx(1, abs=0.2)
    assert got["technical_hours"].coefficient == pytest.approx(1, abs=0.2)
    assert got["age"].low < 0 < got["age"].high
    assert got["proxy"].low < got["proxy"].coefficient < got["proxy"].high


def test_a_score_that_only_follows_the_tube_loses_its_effect():
    got = effects(subjects(own=0.0, through=2.0))
    assert got["proxy"].low < 0 < got["proxy"].high
    assert got["technical_hours"].p < 1e-6


def test_numbers_are_those_of_statsmodels_on_the_same_columns():
    frame = subjects(n=300)
    got = effects(frame)
    columns = np.column_stack(
        [
            *(
                (frame[c] - frame[c].mean()) / frame[c].std(ddof=0)
                for c in ("proxy", "age", "technical_hours")
            ),
            frame["sex"] == "M",
        ]
    )
    fit = sm.GLM(frame["label"], sm.add_constant(columns.astype(float)), family=sm.families.Binomial()).fit()
    names = ("proxy", "age", "technical_hours", "sex=M")
    assert [got[n].coefficient for n in names] == pytest.approx(fit.params[1:].tolist(), abs=1e-5)
    assert [got[n].p for n in names] == pytest.approx(fit.pvalues[1:].tolist(), abs=1e-4)


def test_no_more_terms_than_the_rarer_class_carries():
    # 17 cases: two terms of 8 subjects each.
    frame = subjects(n=400)
    few = pd.concat([frame[frame.label == 1].head(17), frame[frame.label == 0].head(60)])
    assert len(effects(few)) == 2
    frame = few.rename(columns={"technical_hours": "technical_a"})
    first = adjusted_effects(frame, "proxy", priority=("sex",)).effects
    assert [effect.term for effect in first] == ["proxy", "sex=M"]
    assert "age" not in [e.term for e in adjusted_effects(frame, "proxy", mediators=("age",)).effects]


def test_collinear_constant_and_empty_columns_are_left_out():
    frame = subjects(n=300).assign(
        technical_hours=1.0, age=lambda f: 3 * f["proxy"] + 2, technical_none=np.nan
    )
    assert list(effects(frame)) == ["proxy", "sex=M"]


def test_missing_covariates_take_the_median():
    frame = subjects(n=300)
    frame.loc[:20, "age"] = np.nan
    filled = frame.assign(age=frame["age"].fillna(frame["age"].median()))
    assert effects(frame)["age"] == effects(filled)["age"]


def test_separation_by_the_score_or_with_a_column_is_said():
    frame = subjects(n=200)
    perfect = adjusted_effects(frame.assign(proxy=frame["label"] * 2.0), "proxy")
    assert perfect.effects == ()
    assert perfect.missing == Missing(why=Cause.SCORE_SEPARATES)
    tubes = adjusted_effects(frame.assign(technical_tube=frame["label"].map({0: "a", 1: "b"})), "proxy")
    assert "technical_tube=b" not in [effect.term for effect in tubes.effects]
    assert tubes.left_out[-1] == Missing(why=Cause.TERM_SEPARATES, names=("technical_tube=b",))
    constant = adjusted_effects(frame.assign(proxy=1.0), "proxy")
    assert constant.effects == () and constant.missing == Missing(why=Cause.CONSTANT_SCORE)


def test_terms_that_the_subjects_cannot_carry_are_named():
    # 17 subjects of the rarer class carry two terms at 8 a term: the score and what tells the label best.
    frame = subjects(n=400, own=0.5, through=0.5)
    few = pd.concat([frame[frame["label"] == 1].head(17), frame[frame["label"] == 0].head(60)])
    got = adjusted_effects(few, "proxy")
    assert [effect.term for effect in got.effects] == ["proxy", "technical_hours"]
    (beyond,) = got.left_out
    assert (beyond.why, beyond.needed, set(beyond.names)) == (Cause.FEW_FOR_A_TERM, 8, {"age", "sex=M"})


@pytest.mark.parametrize(
    ("x", "expected"),
    [([0, 1, 2, 3], True), ([0, 2, 1, 3], False), ([0, 1, 1, 2], True), ([3, 2, 1, 0], True)],
    ids=["complete", "overlapping", "tied at the edge", "complete, reversed"],
)
def test_separation_of_one_column(x, expected):
    X = np.column_stack([np.ones(4), np.array(x, dtype=float)])
    assert separated(X, np.array([0, 0, 1, 1])) is expected


def test_separation_needs_two_columns_together():
    # Neither coordinate divides these classes, their sum does.
    X = np.array([[1, 0, 0], [1, 3, -2], [1, -2, 3], [1, 2, 2], [1, 4, -1], [1, -1, 4]], dtype=float)
    y = np.array([0, 0, 0, 1, 1, 1])
    assert not separated(X[:, :2], y)
    assert not separated(X[:, [0, 2]], y)
    assert separated(X, y)


def test_sandwich_errors_are_those_of_statsmodels_and_say_how_they_were_made():
    rng = np.random.default_rng(3)
    frame = subjects(n=600).drop(columns=["age", "sex"]).assign(site="s", batch=rng.integers(25, size=600))
    frame["batch"] = "b" + frame["batch"].astype(str)
    got = adjusted_effects(frame, "proxy")
    assert got.errors == "clustered by batch, 25 clusters"
    X = sm.add_constant(np.column_stack([(frame[c] - frame[c].mean()) / frame[c].std(ddof=0) for c in
                                         ("proxy", "technical_hours")]))  # fmt: skip
    # A binomial GLM with the canonical link has the same clustered errors.
    groups = frame["batch"].astype("category").cat.codes.to_numpy()
    fit = sm.GLM(frame["label"], X, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": groups}
    )
    for effect, index in zip(got.robust, (1, 2), strict=True):
        assert [effect.low, effect.high] == pytest.approx(fit.conf_int().loc[f"x{index}"].tolist(), rel=1e-4)
    assert [e.coefficient for e in got.robust] == pytest.approx([e.coefficient for e in got.effects])


def test_few_clusters_are_said():
    frame = subjects(n=300).assign(site=["a", "b"] * 150)
    got = adjusted_effects(frame, "proxy")
    assert got.errors == "robust to unequal variance, not clustered: fewer than 20 clusters (site 2)"
    # The model is right here: both kinds of errors nearly agree.
    widths = [(e.high - e.low) for e in (got.effects[0], got.robust[0])]
    assert widths[1] == pytest.approx(widths[0], rel=0.25)


def test_clusters_that_share_their_noise_widen_the_errors():
    # 30 batches of 20: the score is one number a batch, and so is half of what moves the label.
    rng = np.random.default_rng(4)
    batch = np.repeat(np.arange(30), 20)
    score, mood = rng.normal(size=30)[batch], rng.normal(size=30)[batch]
    y = (rng.random(600) < expit(1.5 * mood)).astype(int)
    got = adjusted_effects(pd.DataFrame({"label": y, "proxy": score, "batch": batch.astype(str)}), "proxy")
    # Design effect 1 + 19 ρ with ρ about .25: errors about 2.4 times as large.
    ratio = (got.robust[0].high - got.robust[0].low) / (got.effects[0].high - got.effects[0].low)
    assert ratio > 1.5


def test_further_covariates_are_held_like_age():
    # The tube of `subjects`, called something that is known of the person: the same fit.
    frame = subjects(own=0.0, through=2.0).rename(columns={"technical_hours": "covariate_smoking"})
    got = effects(frame)
    assert set(got) == {"proxy", "age", "sex=M", "covariate_smoking"}
    assert got["proxy"].low < 0 < got["proxy"].high
    assert got["covariate_smoking"].p < 1e-6
