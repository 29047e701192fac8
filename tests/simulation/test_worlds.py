"""Worlds from YAML: what ships, and one line about what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cfdna_interp.errors import InputError
from cfdna_interp.simulation.worlds import World, load_world, shipped_worlds


def test_shipped_worlds_load_under_their_own_names() -> None:
    assert shipped_worlds() == [
        "age",
        "interaction",
        "length",
        "methylation",
        "null",
        "redundant",
        "site-confounded",
        "suppressor",
        "tissue",
    ]
    for name in shipped_worlds():
        assert load_world(name).name == name


def test_what_the_worlds_plant() -> None:
    assert load_world("length").effect_vector().tolist() == [2, 0, 0]
    assert load_world("methylation").effect_vector().tolist() == [0, 2, 0]
    assert load_world("tissue").effect_vector().tolist() == [0, 0, 2]
    assert not load_world("null").effect_vector().any()
    confounded = load_world("site-confounded")
    assert not confounded.effect_vector().any()
    shifts = confounded.site_matrix()
    assert 3.5 <= shifts[1, 0] - shifts[0, 0] <= 4 and not shifts[:, 1:].any()
    age = load_world("age")
    assert not age.effect_vector().any() and age.age_shift == 1.1
    assert age.age_vector().tolist() == [0.9, 0, 0]
    assert all(load_world(name).age_shift == 0 for name in shipped_worlds() if name != "age")
    assert load_world("redundant").effect_vector().tolist() == [2, 2, 0]
    assert load_world("redundant").correlation_matrix()[0, 1] > 0.99
    assert load_world("suppressor").effect_vector().tolist() == [0, 2, 0]
    assert load_world("suppressor").correlation_matrix()[0, 1] == 0.9
    interaction = load_world("interaction")
    assert interaction.label_means(1).tolist() == [[1.5, 1.5, 0], [-1.5, -1.5, 0]]
    assert interaction.label_means(0).tolist() == [[-1.5, 1.5, 0], [1.5, -1.5, 0]]


def test_site_shares() -> None:
    confounded = load_world("site-confounded")
    assert confounded.site_shares(1) == pytest.approx([0.175, 0.825])
    assert confounded.site_shares(0) == pytest.approx([0.825, 0.175])
    four = World(name="w", sites=4, label_site_overlap=0.8)
    assert four.site_shares(1) == pytest.approx([0.1, 0.1, 0.4, 0.4])


def test_label_means() -> None:
    shift = World(name="w", effects={"methylation": 3.0})
    assert shift.label_means(1).tolist() == [[0, 1.5, 0]]
    assert shift.label_means(0).tolist() == [[0, -1.5, 0]]
    both = {"fragment_length": 2.0, "methylation": 4.0}
    interaction = World(name="w", label_rule="interaction", effects=both)
    assert interaction.label_means(1).tolist() == [[1, 2, 0], [-1, -2, 0]]
    assert interaction.label_means(0).tolist() == [[-1, 2, 0], [1, -2, 0]]


def test_age_moves_the_means_of_what_follows_it() -> None:
    # Cases are 1 SD above the middle, controls 1 SD below: .5 of it reaches the latent.
    aged = World(name="w", age_shift=2.0, age_correlation={"methylation": 0.5}, effects={"methylation": 3.0})
    assert aged.label_means(1).tolist() == [[0, 1.5 + 0.5, 0]]
    assert aged.label_means(0).tolist() == [[0, -1.5 - 0.5, 0]]
    both = {"fragment_length": 2.0, "methylation": 4.0}
    sides = replace(aged, label_rule="interaction", effects=both)
    assert sides.label_means(0).tolist() == [[-1, 2 - 0.5, 0], [1, -2 - 0.5, 0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: w\neffect: {}\n", ["unknown key 'effect'", "'effects'"]),
        ("name: w\nlibrary: {error: 0}\n", ["unknown key 'library.error'", "'errors'"]),
        ("name: w\neffects: {length: 2}\n", ["'length' is not a feature group", "fragment_length"]),
        ("name: w\neffects: {methylation: much}\n", ["much"]),
        ("name: w\nage_correlation: {length: 0.9}\n", ["'length' is not a feature group", "fragment_length"]),
        ("name: w\nage_correlation: {fragment_length: 1.0}\n", ["contradict"]),
        # Both follow age closely, so they can't run against each other.
        (
            "name: w\nage_correlation: {fragment_length: 0.8, methylation: 0.8}\n"
            "correlation: {'fragment_length:methylation': 0.0}\n",
            ["contradict"],
        ),
        ("name: w\nage_shift: old\n", ["old"]),
        ("name: w\nsites: 2.5\n", ["sites is not a whole number"]),
        ("name: w\nsites: 3\nlabel_site_overlap: 0.8\n", ["even number of sites"]),
        ("name: w\nsite_shift: {methylation: [1]}\n", ["one number per site"]),
        ("name: w\nlabel_rule: coin\n", ["shift or interaction"]),
        ("name: w\nlibrary: {errors: 2}\n", ["library.errors lies in 0..1"]),
        ("name: w\nlibrary: {conversion: 0.1}\n", ["library.conversion lies in 0.5..1"]),
        ("name: w\nlibrary: {duplicates: 0.1}\n", ["library.duplicates is a range"]),
        ("name: w\ncorrelation: {methylation: 0.5}\n", ["group:group"]),
        ("name: w\ncorrelation: {'methylation:fragment_length': 1.5}\n", ["contradict"]),
        ("name: w\nfragments: 10\n", ["at least 500"]),
        ("sites: 4\n", ["has no name"]),
        ("name: [w\n", ["line", "not valid YAML"]),
    ],
)
def test_one_line_about_what_is_wrong(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_world(path)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_unknown_name_has_a_suggestion() -> None:
    with pytest.raises(InputError, match="did you mean 'methylation'"):
        load_world("metylation")
    with pytest.raises(InputError, match="does not exist"):
        load_world("absent.yaml")


def test_correlations_enter_symmetrically() -> None:
    world = World(name="w", correlation={"tissue_of_origin:fragment_length": -0.4})
    expected = np.eye(3)
    expected[0, 2] = expected[2, 0] = -0.4
    assert np.array_equal(world.correlation_matrix(), expected)
