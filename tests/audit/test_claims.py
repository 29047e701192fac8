"""Rungs L4 and L5 on cohorts whose truth is planted, and every sentence where it is false."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from cfdna_interp.audit.claims import judge_handling, judge_person
from cfdna_interp.records.held import CovariatesAlone
from cfdna_interp.records.values import Interval
from cfdna_interp.verdict.claim_words import claim_words, decides_words

MARGIN = 0.03


def cohort(seed, n=60, *, label=0.0, age=0.0, hours=0.0, older=0.0, longer=0.0, site=0.0, rest=0.5):
    """Score = label y + age z + hours h + site s + noise; cases older, longer, ``rest`` of them at site B."""
    rng = np.random.default_rng(seed)
    y = np.tile([1, 0], n)
    z, h = older * y + rng.normal(size=2 * n), longer * y + rng.normal(size=2 * n)
    there = rng.random(2 * n) < np.where(y == 1, rest, 1 - rest)
    score = label * y + age * z + hours * h + site * there + rng.normal(size=2 * n)
    frame = pd.DataFrame(
        {
            "site": np.where(there, "B", "A"),
            "batch": np.where(there, "B", "A"),
            "age": 65 + 8 * z,
            "technical_hours": h,
        }
    )
    return y, score, frame


def handling(y, score, frame, **options):
    return judge_handling(y, score, frame, margin=MARGIN, rng=np.random.default_rng(1), **options)


def person(y, score, frame, **options):
    return judge_person(y, score, frame, margin=MARGIN, rng=np.random.default_rng(1), **options)


def said_of(claim):
    return claim_words(claim.record("proxy"))


def words(judge, **world):
    return Counter(judge(*cohort(seed, **world)).status for seed in range(40))


def test_hours_within_sites_never_earn_l4():
    got = words(handling, hours=1.0, longer=1.2)
    assert got["not handling"] == 0 and got["handling"] + got["attenuated"] >= 36


def test_age_alone_never_earns_l5():
    got = words(person, age=1.0, older=1.1)
    assert got["not age or sex"] == 0 and got["confounded"] + got["attenuated"] >= 36


def test_clean_biology_earns_both():
    assert words(handling, n=100, label=1.2)["not handling"] >= 36
    assert words(person, n=100, label=1.2)["not age or sex"] >= 38


def test_attenuation_is_not_cleared_for_lack_of_power():
    # Sites 65/35, shift 1.2 SD, biology .9 SD: the AUROC falls by .042.
    assert words(handling, n=30, label=0.9, site=1.2, rest=0.65)["not handling"] <= 5
    assert words(handling, n=300, label=0.9, site=1.2, rest=0.65)["attenuated"] >= 34


def test_without_signal_nothing_is_earned():
    assert words(handling)["not handling"] <= 3 and words(person)["not age or sex"] <= 3


def test_one_site_and_a_column_of_noise_tell_nothing():
    for seed in range(10):
        y, score, frame = cohort(seed, n=100, label=1.2)
        got = handling(y, score, frame.assign(site="A", batch="A"))
        assert got.status == "can't tell" and got.obstacles == ("one place",)
        assert "nothing recorded could have told" in said_of(got)
        assert "nothing recorded could have told" not in said_of(handling(y, score, frame))


def test_one_site_and_a_column_that_tells_the_classes_may_earn():
    y, score, frame = cohort(1, n=300, label=1.2, longer=0.8)
    got = handling(y, score, frame.assign(site="A", batch="A"))
    assert got.status == "not handling" and "with hours held" in said_of(got)


def test_the_sentence_names_the_column_that_explains_and_no_other():
    y, score, frame = cohort(2, hours=1.0, longer=1.2)
    said = said_of(handling(y, score, frame))
    assert "hours" in said and "age" not in said
    aged = said_of(person(*cohort(2, age=1.0, older=1.1)))
    assert "with age held" in aged and "hours" not in aged


def test_a_declared_mediator_is_held_nowhere_and_named():
    y, score, frame = cohort(3, n=100, hours=1.0, longer=1.2)
    got = handling(y, score, frame, mediators=("hours",))
    assert got.status == "not handling" and got.mediators == ("hours",)
    assert "declared mediators, not held: hours" in said_of(got)
    assert "mediators" not in said_of(handling(y, score, frame))
    aged = person(*cohort(3, n=100, age=1.0, older=1.1), mediators=("age",))
    assert "declared mediators, not held: age" in said_of(aged)
    assert aged.status != "not age or sex"  # nothing was held that could have told


def test_an_age_that_is_not_recorded_earns_nothing():
    y, score, frame = cohort(4, n=100, label=1.2)
    for missing in (frame.drop(columns="age"), frame.assign(age=np.nan), frame.assign(age=70.0)):
        got = person(y, score, missing)
        assert got.status == "can't tell: not recorded" and "age isn't recorded" in said_of(got)
    assert "age isn't recorded" not in said_of(person(y, score, frame))
    half = person(y, score, frame.assign(age=np.where(y == 1, np.nan, frame["age"])))
    assert half.status == "can't tell" and "age (not known for a fifth of a class or more)" in said_of(half)


def test_sex_is_said_to_be_missing_only_where_it_is():
    y, score, frame = cohort(5, n=100, label=1.2)
    assert "sex isn't recorded and isn't held" in said_of(person(y, score, frame))
    sexed = frame.assign(sex=np.where(np.random.default_rng(1).random(200) < 0.5, "F", "M"))
    got = person(y, score, sexed)
    assert "isn't recorded" not in said_of(got) and "sex" in said_of(got)


def test_labels_nested_in_batches_are_never_cleared():
    y, score, frame = cohort(6, n=100, label=1.2)
    nested = frame.assign(batch=np.where(y == 1, "p1", "p2"))
    got = handling(y, score, nested)
    assert got.status == "can't tell" and "no batch holds both classes" in said_of(got)
    assert "batches that hold both classes" in decides_words(got.record("proxy"))
    assert "no batch holds both classes" not in said_of(handling(y, score, frame))
    # The site still tells what it can: without biology the fall is shown.
    y, score, frame = cohort(6, n=200, site=2.0, rest=0.8)
    assert handling(y, score, frame.assign(batch=np.where(y == 1, "p1", "p2"))).status in (
        "attenuated",
        "handling",
    )


def test_a_column_that_is_the_label_keeps_l4_open():
    y, score, frame = cohort(7, n=100, label=1.2)
    got = handling(y, score, frame.assign(technical_tube=np.where(y == 1, "Streck", "EDTA")))
    assert got.status == "can't tell" and "tube (the label tells it)" in said_of(got)


def test_columns_that_all_but_tell_the_label_keep_it_open():
    y, score, frame = cohort(8, n=100, label=1.2, longer=5.0)
    got = handling(y, score, frame)
    assert "overlap" in got.obstacles and "all but tell the label" in said_of(got)
    assert "all but tell the label" not in said_of(handling(*cohort(8, n=100, label=1.2)))


def test_sites_that_differ_keep_it_open():
    y, score, frame = cohort(9, n=100, label=1.2)
    assert handling(y, score, frame, sites_differ=0.2).status == "not handling"
    got = handling(y, score, frame, sites_differ=0.01)
    assert got.status == "can't tell" and "differs between sites (p after Holm 0.01)" in said_of(got)


def test_too_few_who_can_be_compared():
    y, score, frame = cohort(10, n=30, label=1.2)
    places = np.where(np.arange(60) < 10, "A", np.where(y == 1, "B", "C"))
    got = handling(y, score, frame.assign(site=places, batch=places))
    assert got.status == "can't tell" and "fewer than 10" in said_of(got)


@pytest.mark.parametrize(
    ("low", "difference", "words"),
    [
        (0.6, (-0.05, 0.02), "isn't shown to do better"),
        (0.6, (-0.2, -0.1), "does worse"),
        (0.6, (0.1, 0.2), ""),
        (0.45, (-0.05, 0.02), ""),
    ],
)
def test_covariates_that_do_as_well_are_said(low, difference, words):
    less = Interval(value=sum(difference) / 2, low=difference[0], high=difference[1])
    alone = CovariatesAlone(auroc=Interval(value=0.7, low=low, high=0.8), difference=less)
    said = said_of(person(*cohort(11, label=1.2), alone=alone))
    assert ("covariates alone reach 0.70" in said) == bool(words)
    assert words in said


def test_what_would_decide_shrinks_with_the_distance():
    # Chance is not excluded at .4 SD on 40 + 40; the number is that of a two-sided test with power 80 %:
    # (1.96 + .84)² times the error over the distance, on the logit scale.
    got = handling(*cohort(12, n=40, label=0.4))
    held = got.held.measure.auroc
    error = np.log(held.high / (1 - held.high)) - np.log(held.low / (1 - held.low))
    distance = np.log(held.value / (1 - held.value))
    factor = (2.8016 * error / (2 * 1.95996) / distance) ** 2
    assert got.status == "can't tell" and held.value > 0.5
    assert got.held.needed >= factor * 0.999
    assert f"{int(np.ceil(got.held.needed * got.held.measure.worth))} cases" in decides_words(
        got.record("proxy")
    )
    assert decides_words(handling(*cohort(12, n=200, label=1.2)).record("proxy")) == ""
