"""Probes on vectors whose scores are known in closed form, and control tasks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from toys import toy_fragments

from cfdna_interp.representation.concepts import Concept
from cfdna_interp.representation.control_task import FEW_VALUES, fragment_control, sample_control
from cfdna_interp.representation.linear_probes import Task, left_over, out_of_fold, score
from cfdna_interp.stats.resampling import bootstrap_table
from cfdna_interp.stats.roc import weighted_mean


def task_of(values: np.ndarray, codes: np.ndarray, *, kind: str, fragments: bool = True) -> Task:
    concept = Concept("x", kind, values.astype(float), np.ones(len(values), dtype=bool))
    return Task(concept, codes, codes % 5, fragments)


def scored(vectors, task: Task, resamples: int = 400):
    return score(out_of_fold(vectors, task), task, np.random.default_rng(0), resamples)


PEOPLE = np.repeat(np.arange(40), 200)  # 8,000 fragments


def test_r2_of_a_noisy_reading():
    # z + σ e has R² 1 / (1 + σ²) with z: .8 at σ = .5, standard error 2 r √(1 - r²) ... / √n, about .004.
    rng = np.random.default_rng(1)
    z = rng.normal(size=len(PEOPLE))
    vectors = np.column_stack([z + 0.5 * rng.normal(size=len(z)), rng.normal(size=(len(z), 4))])
    found = scored(vectors, task_of(z, PEOPLE, kind="number"))
    assert found.value == pytest.approx(0.8, abs=0.015)
    assert found.low < 0.8 < found.high
    assert 0.005 < found.high - found.low < 0.04


def test_auroc_of_two_normals():
    # Means one standard deviation apart: AUROC Φ(1 / √2) = .760.
    rng = np.random.default_rng(2)
    inside = rng.random(len(PEOPLE)) < 0.3
    vectors = np.column_stack([inside + rng.normal(size=len(inside)), rng.normal(size=(len(inside), 4))])
    found = scored(vectors, task_of(inside, PEOPLE, kind="classes"))
    assert found.value == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.015)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("kind", ["number", "classes"])
def test_nothing_is_read_off_noise(kind):
    rng = np.random.default_rng(3)
    values = rng.integers(0, 3, len(PEOPLE))
    found = scored(rng.normal(size=(len(PEOPLE), 6)), task_of(values, PEOPLE, kind=kind))
    assert found.value == pytest.approx(0.0 if kind == "number" else 0.5, abs=0.02)


def test_what_is_remembered_of_a_person_does_not_help():
    # Vectors say who it is, and the value is the person's: in new people there is nothing to be read.
    rng = np.random.default_rng(4)
    who = np.eye(40)[PEOPLE]
    values = rng.normal(size=40)[PEOPLE]
    assert scored(who, task_of(values, PEOPLE, kind="number")).value < 0.05
    ungrouped = Task(
        task_of(values, PEOPLE, kind="number").concept, PEOPLE, rng.integers(0, 5, len(PEOPLE)), True
    )
    assert scored(who, ungrouped).value > 0.95


@pytest.mark.parametrize("fragments", [True, False])
def test_intervals_cover_people_not_fragments(fragments):
    # 40 people; whether a person's fragments tell anything is the person's: one in two do perfectly.
    # The mean of 40 coins of AUROC .5 or 1 has a standard error of .25 / √40 = .040.
    rng = np.random.default_rng(5)
    people = PEOPLE if fragments else np.arange(40)
    values = rng.integers(0, 2, len(people))
    telling = np.arange(40) % 2 == 0
    said = np.where(telling[people], 2.0 * values - 1, 0.0)[:, None] * [-1, 1]
    found = score(said, task_of(values, people, kind="classes", fragments=fragments), rng, 1_000)
    if fragments:
        assert found.value == pytest.approx(0.75)
        assert found.high - found.low == pytest.approx(2 * 1.96 * 0.04, rel=0.15)
    else:
        assert found.low < found.value < found.high


def test_auroc_of_samples_by_hand():
    # Fold 0: cases 3, 2, 0 against controls 1, 1, 0: of 9 pairs 6 are won and one ties: 6.5 / 9.
    # Fold 1: 3 of each, all won. Scores of one fold are far above the other's, which must not matter.
    said = np.array([3, 2, 0, 1, 1, 0, 103, 102, 105, 101, 100, 100.0])
    labels = np.array([1, 1, 1, 0, 0, 0] * 2)
    codes = np.arange(12)
    concept = Concept("label", "classes", labels.astype(float), np.ones(12, dtype=bool))
    task = Task(concept, codes, codes // 6, fragments=False)
    found = score(said[:, None] * [-1, 1], task, np.random.default_rng(0), 200)
    assert found.value == pytest.approx((6.5 / 9 + 1) / 2)


def test_samples_of_one_subject_are_one():
    said = np.array([3, 2, 0, 1, 1, 0.0])
    labels = np.array([1, 1, 1, 0, 0, 0.0])
    concept = Concept("label", "classes", np.tile(labels, 3), np.ones(18, dtype=bool))
    task = Task(concept, np.tile(np.arange(6), 3), np.zeros(18, dtype=int), fragments=False)
    shifts = np.repeat([-1, 0, 1], 6)
    found = score((np.tile(said, 3) + shifts)[:, None] * [-1, 1], task, np.random.default_rng(0), 200)
    assert found.value == pytest.approx(6.5 / 9)


def test_unknown_rows_are_not_asked():
    rng = np.random.default_rng(6)
    z = rng.normal(size=len(PEOPLE))
    known = rng.random(len(z)) < 0.5
    wrong = np.where(known, z, rng.normal(size=len(z)))
    task = replace(task_of(z, PEOPLE, kind="number"), concept=Concept("x", "number", z, known))
    assert scored(wrong[:, None], task).value > 0.999
    assert len(task.rows) == known.sum()


@pytest.mark.parametrize("gap", [0.0, 1.0])
def test_classes_that_differ_in_spread_alone_are_not_left_over(gap):
    # One class lies at 0.2, the other one is 1.2 with probability 1/6, else 0: both have mean .2, and five in
    # six of the second are below the first, so that any weight ranks them. Apart by 1, something is left.
    rng = np.random.default_rng(9)
    inside = rng.random(len(PEOPLE)) < 0.5
    vectors = np.where(inside, np.where(rng.random(len(PEOPLE)) < 1 / 6, 1.2, 0.0), 0.2 + gap)[:, None]
    task = task_of(inside, PEOPLE, kind="classes")
    ranked = scored(vectors, task).value
    assert abs(ranked - 0.5) > 0.25 or gap == 0.0
    assert left_over(vectors, task) == (0.5 if gap == 0.0 else pytest.approx(ranked))


def test_multiplicities_keep_strata_and_weights_are_means():
    strata = np.array([0, 0, 0, 1, 1, 2])
    counts = bootstrap_table(strata, 300, np.random.default_rng(0))
    for stratum, size in enumerate([3, 2, 1]):
        assert (counts[:, strata == stratum].sum(axis=1) == size).all()
    kernel = np.arange(6.0).reshape(3, 2)
    drawn = np.repeat(np.repeat(kernel, [2, 0, 1], axis=0), [1, 3], axis=1)  # the table drawn out
    found = weighted_mean(kernel, np.array([[2, 0, 1.0]]), np.array([[1, 3.0]]))
    assert found[0] == pytest.approx(drawn.mean())


def test_a_probe_that_remembers_inputs_has_no_selectivity():
    # One-hot vectors of length remember any value dealt to a length; the length in bp itself remembers none.
    fragments = toy_fragments(len(PEOPLE), np.random.default_rng(7))
    task = task_of(fragments.length, PEOPLE, kind="number")
    control = replace(task, concept=fragment_control(task.concept, fragments, np.random.default_rng(0)))
    hot = (fragments.length[:, None] == np.arange(100, 240)).astype(float)
    line = fragments.length[:, None].astype(float)
    assert scored(hot, task).value > 0.95
    assert scored(hot, control).value > 0.95
    assert scored(line, task).value > 0.99
    assert scored(line, control).value < 0.1


def test_control_tasks_deal_each_type_one_value():
    fragments = toy_fragments(5_000, np.random.default_rng(8))
    everywhere = np.ones(5_000, dtype=bool)
    rng = np.random.default_rng(0)
    lengths = Concept("length", "number", fragments.length.astype(float), everywhere)
    dealt = fragment_control(lengths, fragments, rng).values
    pairs = np.unique(np.stack([lengths.values, dealt]), axis=1)
    assert pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1])) > FEW_VALUES
    # Levels are mostly 0 or 1, and classes two: they go by length and number of calls.
    level = Concept("methylation_level", "number", fragments.level, fragments.counts > 0)
    locus = Concept("locus", "classes", (fragments.locus > 0).astype(float), everywhere)
    for concept in (level, locus):
        dealt = fragment_control(concept, fragments, rng).values[concept.known]
        kinds = np.stack([fragments.length, fragments.counts])[:, concept.known]
        pairs = np.unique(np.vstack([kinds, dealt[None]]), axis=1)
        assert pairs.shape[1] == np.unique(kinds, axis=1).shape[1]
        assert set(dealt) <= set(concept.values[concept.known])
        # Over many types the dealt values know nothing of the real ones: standard error 1/√types, about .03.
        assert abs(np.corrcoef(dealt, concept.values[concept.known])[0, 1]) < 0.15


def test_control_of_samples_keeps_samples_of_a_subject_together():
    codes = np.repeat(np.arange(10), 2)
    concept = Concept("age", "number", np.repeat(np.arange(10.0), 2), np.ones(20, dtype=bool))
    dealt = sample_control(concept, codes, np.random.default_rng(0)).values
    np.testing.assert_array_equal(dealt[::2], dealt[1::2])
    np.testing.assert_array_equal(np.sort(dealt), concept.values)
