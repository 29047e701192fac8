"""Names, order and dates: a label that can be read from them is, one that can't isn't."""

import numpy as np
import pandas as pd
import pytest

from cfdna_interp.audit.label_sources import readable_labels, shared_subjects


def read(labels, subjects=None, samples=None, obs=None, seed=1):
    n = len(labels)
    shuffled = np.random.default_rng(99).permutation(n)
    subjects = subjects or [f"P{i:03d}" for i in shuffled]
    samples = samples or [f"S{i:03d}" for i in shuffled]
    obs = pd.DataFrame(index=samples) if obs is None else obs
    found = readable_labels(
        "discovery", np.array(labels), subjects, samples, obs, np.random.default_rng(seed)
    )
    return {item.label.source: item.label for item in found}


MIXED = np.random.default_rng(5).permutation(np.repeat([0, 1], 20)).tolist()


def test_subjects_in_both_roles_whatever_their_spelling():
    assert shared_subjects(["P-01", "P02", "x"], ["p01", "P_02", "P03"]) == ("P_02", "p01")
    assert shared_subjects(["P1"], ["P11"]) == ()
    # Between digits a separator is part of the name: other people.
    assert shared_subjects(["2-13", "1.1", "a 1-2"], ["21-3", "11", "A1_2"]) == ("A1_2",)


def test_cases_first_in_the_sheet():
    got = read([1] * 20 + [0] * 20)["order of the rows"]
    # Of all orders only 2 in 40! / 20!² do as well; 4,999 permutations find none.
    assert (got.auroc, got.p, got.subjects) == (1.0, 0.0002, 40)
    # |AUROC - .5| under permutation: mean of a half normal curve of SD √(41 / 4800) is .074.
    assert got.chance == pytest.approx(0.574, abs=0.01)
    assert got.p_holm == pytest.approx(0.0002 * 3)  # order and two numbers


def test_numbers_letters_and_dates():
    y = np.array(MIXED)
    subjects = [f"P{i + 100 * label}" for i, label in enumerate(y)]
    assert read(y, subjects=subjects)["number in the subject's id"].auroc == 1.0
    samples = [f"{'AD' if label else 'HC'}_{i % 7}" for i, label in enumerate(y)]
    got = read(y, samples=samples)
    assert got["letters in the sample's id"].auroc == 1.0
    assert got["letters in the sample's id"].p == 0.0002
    dates = [f"2024-{3 + 2 * label:02d}-{1 + i % 28:02d}" for i, label in enumerate(y)]
    obs = pd.DataFrame({"technical_drawn": dates, "technical_kit": ["2"] * 40, "age": 50.0})
    obs.loc[3, "technical_drawn"] = None
    got = read(y, obs=obs)
    assert (got["technical_drawn"].auroc, got["technical_drawn"].subjects) == (1.0, 39)
    assert not {"technical_kit", "age"} & set(got)


def test_names_that_say_nothing_are_left_out():
    got = read(MIXED, subjects=["a" + "b" * i for i in range(40)], samples=[f"S{i}" for i in range(40)])
    assert set(got) == {"order of the rows", "number in the sample's id"}
    assert read([1] * 4 + [0] * 30) == {}


def test_samples_of_a_subject_count_once():
    y = np.repeat(MIXED, 2).tolist()
    got = read(y, subjects=[f"P{i // 2}" for i in range(80)], samples=[f"S{i}" for i in range(80)])
    assert got["order of the rows"].subjects == 40


def test_random_names_are_rarely_accused():
    rng = np.random.default_rng(7)
    accused = 0
    for seed in range(12):
        y = rng.permutation(np.repeat([0, 1], 15)).tolist()
        samples = [f"{'ABC'[k]}{i}" for i, k in enumerate(rng.integers(3, size=30))]
        accused += any(item.p_holm <= 0.05 for item in read(y, samples=samples, seed=seed).values())
    # At level .05 more than 3 of 12 have probability .002.
    assert accused <= 3


def test_samples_called_after_their_subjects_are_one_source():
    names = [f"P{i:02d}" for i in range(40)]
    found = readable_labels(
        "discovery",
        np.tile([1, 0], 20),
        names,
        names,
        pd.DataFrame(index=range(40)),
        np.random.default_rng(1),
    )
    assert [item.label.source for item in found] == ["order of the rows", "number in the subject's id"]
