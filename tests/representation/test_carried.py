"""Where a feature's difference between classes comes from: exact sums, and planted cohorts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from toy_material import planted_encoder, toy_material

from cfdna_interp.records.funnel import NO_CARRIER, UNEXPLAINED
from cfdna_interp.representation.carried import (
    carried,
    carried_share,
    carriers,
    signed_shares,
)
from cfdna_interp.representation.material import Material, Part

SUBJECTS, FRAGMENTS = 40, 400
GROUPS = {"length": "fragment_length", "methylation": "methylation", "tissue": "tissue_of_origin"}


def cohort(effect: dict[str, float]) -> Material:
    return toy_material(
        SUBJECTS, FRAGMENTS, 3, effect=effect, encoder=planted_encoder(("length",), 4, 0.1, 1)
    )


def outside(part: Part) -> np.ndarray:
    return np.asarray((part.fragments.locus == 0) & (part.fragments.counts > 0))


def both(part: Part) -> np.ndarray:
    """Speaks for fragments that are short or, outside blocks, unmethylated: equally much of either."""
    short = np.maximum(160.0 - part.fragments.length, 0)
    bare = outside(part) * np.maximum(0.8 - part.fragments.level, 0)
    return np.asarray(short / 11 + bare / 0.3)  # their standard deviations


def product(part: Part) -> np.ndarray:
    """Speaks for fragments that are long and, outside blocks, methylated."""
    return np.asarray(outside(part) * part.fragments.level * part.fragments.length)


def divided(
    material: Material, speaks: Callable[[Part], np.ndarray], drawn: int = SUBJECTS * FRAGMENTS
) -> tuple[dict[str, np.ndarray], float]:
    """Return the parts of one feature's difference, and that difference worked out by itself."""
    part = material.draw(drawn, "test")[0]
    means = np.array([speaks(material.load(place)).mean() for place in range(len(material.samples))])
    parts = carried(material, part, [csr_array(speaks(part)[:, None])], [means[:, None]])[0]
    people = np.array([means[material.codes == code].mean() for code in np.unique(material.codes)])
    labels = np.array([material.labels[material.codes == code][0] for code in np.unique(material.codes)])
    return parts, float(people[labels == 1].mean() - people[labels == 0].mean())


@pytest.mark.parametrize("speaks", [both, product])
@pytest.mark.parametrize("group", ["length", "methylation"])
def test_a_feature_of_two_families_carries_the_one_that_differs(
    group: str, speaks: Callable[[Part], np.ndarray]
) -> None:
    parts, _ = divided(cohort({group: 4.0}), speaks)
    assert carriers(parts).tolist() == [GROUPS[group]]
    assert abs(signed_shares(parts)[GROUPS[group]][0]) > 0.7


def test_calls_inside_blocks_and_their_classes_are_one_family() -> None:
    # The level inside blocks tells tissues apart; the class of locus says only where a level is read.
    def speaks(part: Part) -> np.ndarray:
        inside = (part.fragments.locus == 1) & (part.fragments.counts > 0)
        return np.asarray(inside * np.maximum(0.8 - part.fragments.level, 0))

    parts, _ = divided(cohort({"tissue": 4.0}), speaks)
    assert carriers(parts).tolist() == ["tissue_of_origin"]


def test_context_that_does_not_differ_carries_nothing() -> None:
    # Controls have the cases' fragments, each with one call more methylated: the mix of loci and numbers of
    # calls is the same in every bag, and yet differs in a draw from them.
    material = cohort({})
    loaded = [material.load(place // 2) for place in range(SUBJECTS)]
    for place in range(1, SUBJECTS, 2):
        states = loaded[place].fragments.states.copy()
        states[:, 0] = np.where(states[:, 0] >= 0, 1, states[:, 0])
        loaded[place] = replace(loaded[place], fragments=replace(loaded[place].fragments, states=states))
    samples = tuple(replace(each, label=place % 2) for place, each in enumerate(material.samples))
    twins = replace(material, samples=samples, load=loaded.__getitem__)

    def speaks(part: Part) -> np.ndarray:
        return np.asarray(outside(part) * (part.fragments.level + (part.fragments.counts > 3)))

    parts, difference = divided(twins, speaks, drawn=2_000)
    assert difference > 0
    for family in ("context", "fragment_length", "end_motif"):
        assert parts[family][0] == pytest.approx(0, abs=1e-9)
    assert carriers(parts).tolist() == ["methylation"]
    assert signed_shares(parts)["methylation"][0] > 0


def test_equal_classes_carry_nothing() -> None:
    material = cohort({})
    samples = tuple(replace(each, label=place % 2) for place, each in enumerate(material.samples))
    twins = replace(material, samples=samples, load=lambda place: material.load(place // 2))
    parts, difference = divided(twins, both)
    assert difference == 0
    assert all(values[0] == pytest.approx(0, abs=1e-9) for values in parts.values())


def test_parts_add_up_to_the_difference_of_mean_activations() -> None:
    parts, difference = divided(cohort({"length": 1.0}), both, drawn=4_000)
    assert sum(float(values[0]) for values in parts.values()) == pytest.approx(difference)


def test_subjects_weigh_the_same_however_many_samples_they_have() -> None:
    # Three samples of one class are of one subject.
    material = cohort({"length": 1.0})
    subjects = [each.subject for each in material.samples]
    for place in np.flatnonzero(material.labels == 1)[:3]:
        subjects[place] = "P of three"
    samples = tuple(
        replace(each, subject=name) for each, name in zip(material.samples, subjects, strict=True)
    )
    parts, difference = divided(replace(material, samples=samples), both)
    assert len(set(subjects)) == SUBJECTS - 2
    assert sum(float(values[0]) for values in parts.values()) == pytest.approx(difference)


def test_half_is_not_more_than_half_and_what_nothing_explains_is_no_carrier() -> None:
    parts = {
        "fragment_length": np.array([-3.0, 1.0, 0.0, 0.0]),
        "methylation": np.array([1.0, 1.0, 1.0, 0.0]),
        UNEXPLAINED: np.array([-1.0, 0.0, 3.0, 0.0]),
    }
    assert carriers(parts).tolist() == ["fragment_length", NO_CARRIER, NO_CARRIER, NO_CARRIER]
    assert signed_shares(parts)["fragment_length"].tolist() == [-0.6, 0.5, 0.0, 0.0]


def test_shares_weigh_survivors_by_their_contrast() -> None:
    # Of the first survivor 3 of 4 parts come with length, of the second none; the third does not survive.
    parts = {"fragment_length": np.array([3.0, 0.0, 9.0]), UNEXPLAINED: np.array([-1.0, 2.0, 0.0])}
    found = carried_share(parts, np.array([0.3, 0.1, 0.6]), np.array([True, True, False]))
    assert found == {
        "fragment_length": pytest.approx(0.75 * 0.75),
        UNEXPLAINED: pytest.approx(0.25 * 0.75 + 0.25),
    }


def test_without_survivors_nothing_is_carried() -> None:
    found = carried_share(
        {"methylation": np.ones(2), UNEXPLAINED: np.ones(2)}, np.ones(2), np.zeros(2, dtype=bool)
    )
    assert found == {"methylation": 0.0, UNEXPLAINED: 0.0}
