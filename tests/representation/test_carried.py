"""Where a feature's difference between classes comes from: exact sums, and planted cohorts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from toy_material import planted_encoder, toy_material

from cfdna_interp.representation.carried import REST, carried, carried_share
from cfdna_interp.representation.material import Material, Part

SUBJECTS, FRAGMENTS = 40, 400


def cohort(effect: dict[str, float]) -> tuple[Material, Part, np.ndarray]:
    material = toy_material(
        SUBJECTS, FRAGMENTS, 3, effect=effect, encoder=planted_encoder(("length",), 4, 0.1, 1)
    )
    return material, *material.draw(SUBJECTS * FRAGMENTS, "test")


def both(part: Part) -> csr_array:
    """Speaks for fragments that are short or, outside blocks, unmethylated: equally much of either."""
    fragments = part.fragments
    short = np.maximum(160.0 - fragments.length, 0)
    bare = ((fragments.locus == 0) & (fragments.counts > 0)) * np.maximum(0.8 - fragments.level, 0)
    return csr_array((short / short.std() + bare / bare.std())[:, None])


@pytest.mark.parametrize("group", ["length", "methylation"])
def test_a_feature_of_two_families_carries_the_one_that_differs(group: str) -> None:
    material, part, place = cohort({group: 4.0})
    parts = carried(part, place, material.codes, material.labels, [both(part)])[0]
    share = carried_share(parts, np.ones(1), np.array([True]))
    assert max(share, key=share.__getitem__) == {"length": "fragment_length"}.get(group, group)
    assert max(share.values()) > 0.7


def test_parts_add_up_to_the_difference_of_mean_activations() -> None:
    material, part, place = cohort({"length": 1.0})
    codes = both(part)
    parts = carried(part, place, material.codes, material.labels, [codes])[0]
    means = np.bincount(place, codes.toarray()[:, 0]) / np.bincount(place)
    expected = means[material.labels == 1].mean() - means[material.labels == 0].mean()
    assert sum(float(values[0]) for values in parts.values()) == pytest.approx(expected)


def test_subjects_weigh_the_same_however_many_fragments_they_have() -> None:
    # Half of the fragments of every second subject are gone: the mean over subjects' means is what counts.
    material, part, place = cohort({"length": 1.0})
    kept = np.flatnonzero((place % 4 > 0) | (np.arange(len(place)) % 2 == 0))
    codes = both(part)[kept]
    parts = carried(part.take(kept), place[kept], material.codes, material.labels, [codes])[0]
    means = np.bincount(place[kept], codes.toarray()[:, 0]) / np.bincount(place[kept])
    expected = means[material.labels == 1].mean() - means[material.labels == 0].mean()
    assert sum(float(values[0]) for values in parts.values()) == pytest.approx(expected)


def test_shares_weigh_survivors_by_their_contrast() -> None:
    # Of the first survivor 3 of 4 parts come with length, of the second none; the third does not survive.
    parts = {"fragment_length": np.array([3.0, 0.0, 9.0]), REST: np.array([-1.0, 2.0, 0.0])}
    found = carried_share(parts, np.array([0.3, 0.1, 0.6]), np.array([True, True, False]))
    assert found == {"fragment_length": pytest.approx(0.75 * 0.75), REST: pytest.approx(0.25 * 0.75 + 0.25)}


def test_without_survivors_nothing_is_carried() -> None:
    found = carried_share({"methylation": np.ones(2), REST: np.ones(2)}, np.ones(2), np.zeros(2, dtype=bool))
    assert found == {"methylation": 0.0, REST: 0.0}
