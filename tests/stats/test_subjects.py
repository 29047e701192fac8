"""Samples by subject, by hand and beside pandas."""

import numpy as np
import pandas as pd
import pytest

from cfdna_interp.stats.subjects import LabelledSubjects, Subjects, by_subject, first_samples

NAMES = np.array(["b", "a", "b", "c", "b", "a"])


def test_codes_counts_and_weights_by_hand() -> None:
    people = Subjects(NAMES)
    assert len(people) == 3 and people.names.tolist() == ["a", "b", "c"]
    assert people.index.tolist() == [1, 0, 1, 2, 1, 0]
    assert people.first.tolist() == [1, 0, 3] and people.counts.tolist() == [2, 3, 1]
    assert people.weights == pytest.approx([1 / 3, 1 / 2, 1 / 3, 1, 1 / 3, 1 / 2])
    assert people.rows(np.array([0, 2])).tolist() == [1, 3, 5]
    assert first_samples(NAMES).tolist() == [0, 1, 3]


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_means_and_sums_are_those_of_pandas(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(3).normal(size=(6, *shape))
    table = pd.DataFrame(values.reshape(6, -1)).groupby(NAMES)
    people = Subjects(NAMES)
    np.testing.assert_allclose(people.sums(values).reshape(3, -1), table.sum(), rtol=1e-12)
    np.testing.assert_allclose(by_subject(NAMES, values).reshape(3, -1), table.mean(), rtol=1e-12)
    assert people.means(values).shape == (3, *shape)


def test_an_unknown_value_is_that_of_its_subject_alone() -> None:
    values = np.array([1.0, np.nan, 2.0, 5.0, 3.0, 4.0])
    assert by_subject(NAMES, values)[1:].tolist() == [2.0, 5.0]
    assert np.isnan(by_subject(NAMES, values)[0])


def test_folds_divide_the_members_and_hold_both_labels() -> None:
    names = np.repeat([f"s{i:02}" for i in range(24)], 2)
    labels = np.repeat(np.arange(24) % 2, 2)
    people = LabelledSubjects(labels, names)
    members = np.arange(4, 24)
    folds = people.folds(members, np.random.default_rng(0))
    assert sorted(np.concatenate([tested for _, tested in folds]).tolist()) == members.tolist()
    for training, tested in folds:
        assert not set(training.tolist()) & set(tested.tolist())
        assert people.labels[tested].tolist().count(1) == 2 and len(tested) == 4
