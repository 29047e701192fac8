"""The size that ``plan reliance`` gives, against closed forms at the ends and the rule on whole tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from table_worlds import decide, planted

from cfdna_interp.attribution.planning import EXCLUDED, NAMED, chances, size_to_decide


def test_equal_groups_are_named_alike_and_seldom() -> None:
    # Either of two equal groups leads for certain in 1 % of cohorts at most, each.
    for n in (30, 100, 1_000):
        found = chances([1.0, 1.0], n, n)
        assert found.named == pytest.approx(found.another, abs=0.02)
        assert found.named + found.another <= 0.02 + 3 * np.sqrt(0.02 * 0.98 / 1_000)


def test_chances_of_two_groups_near_their_normal_approximation() -> None:
    # With N of a class d is known with an error of s = √(2 / .8N). By the delta method (a - b) / (a + b) has
    # the error 2 s √(a² + b²) / (a + b)², with a = d √(1 + d² / 4) of slope (1 + d² / 2) / √(1 + d² / 4).
    n, effects = 400, np.array([0.9, 0.6])
    sizes = effects * np.sqrt(1 + effects**2 / 4)
    slopes = (1 + effects**2 / 2) / np.sqrt(1 + effects**2 / 4)
    total = sizes.sum()
    gradient = 2 * np.array([sizes[1], -sizes[0]]) / total**2 * slopes
    error = np.sqrt(2 / (0.8 * n)) * np.sqrt((gradient**2).sum())
    expected = norm.sf((0.1 - (sizes[0] - sizes[1]) / total) / error + norm.isf(0.01))
    assert chances(effects, n, n).named == pytest.approx(expected, abs=0.05)


def test_more_subjects_name_a_leader_or_exclude_one_and_a_stronger_group_needs_fewer() -> None:
    weak, strong = size_to_decide([1.0, 0.0, 0.0]), size_to_decide([1.5, 0.0, 0.0])
    assert weak is not None and strong is not None
    assert weak.answer == strong.answer == NAMED
    assert strong.case < weak.case
    assert weak.power >= 0.8 > chances([1.0, 0.0, 0.0], weak.case // 2, weak.case // 2).named
    equal = size_to_decide([1.0, 1.0, 1.0])
    assert equal is not None and equal.answer == EXCLUDED
    assert chances([1.0, 1.0, 1.0], equal.case, equal.control).named < 0.02
    # A lead of about the rule's own is neither shown nor excluded by anybody.
    assert size_to_decide([0.5, 0.4]) is None
    twice = size_to_decide([1.0, 0.0, 0.0], controls_per_case=2)
    assert twice is not None and twice.control == 2 * twice.case and twice.case < weak.case


def test_a_model_without_signal_to_divide_names_nobody() -> None:
    # d = .3 is an AUROC of .58, below the ceiling of .65, whatever the size.
    assert chances([0.3, 0.0], 5_000, 5_000).named == 0
    assert chances([0.3, 0.0], 5_000, 5_000, signal_ceiling=0.5).named == 1


def test_the_rule_on_whole_tables_names_the_group_as_often_as_planned() -> None:
    # At the size for 80 % of 30 tables 24 are expected, with a standard deviation of 2.2; at half of it, as
    # many as ``chances`` says.
    plan = size_to_decide([1.0, 0.0, 0.0])
    assert plan is not None
    for case in (plan.case, plan.case // 2):
        expected = 30 * chances([1.0, 0.0, 0.0], case, case).named
        tables = [planted("one", 2 * case, np.random.default_rng([31, seed])) for seed in range(30)]
        named = sum(
            decide(table, seed, bootstrap=100, permutations=19).outcome.group == "fragment_length"
            for seed, table in enumerate(tables)
        )
        spread = np.sqrt(expected * (1 - expected / 30))
        assert abs(named - expected) <= 3 * spread, (case, named, expected)
