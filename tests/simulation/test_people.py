"""Who is in a cohort: balance, names that tell nothing, latents as planted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from cfdna_interp.errors import InputError
from cfdna_interp.simulation.noise import Summaries, build_summaries
from cfdna_interp.simulation.people import draw_subjects
from cfdna_interp.simulation.worlds import World, load_world


@pytest.fixture(scope="module")
def summaries() -> Summaries:
    return build_summaries(1)


def test_each_site_has_as_many_cases_as_controls(summaries: Summaries) -> None:
    cohort = draw_subjects(load_world("length"), summaries, 1)
    counts = Counter((s.row.role, s.row.site, s.row.label) for s in cohort)
    assert len(cohort) == 160 and len(counts) == 16 and set(counts.values()) == {10}
    assert all(s.row.batch.removeprefix("batch") == s.row.site.removeprefix("site") for s in cohort)


def test_what_does_not_divide_evenly_stays_balanced(summaries: Summaries) -> None:
    cohort = draw_subjects(replace(load_world("length"), discovery=12, heldout=20), summaries, 1)
    for role in ("discovery", "heldout"):
        cases, controls = (
            Counter(s.row.site for s in cohort if s.row.role == role and s.row.label == label)
            for label in (1, 0)
        )
        assert cases == controls


def test_overlap_of_site_and_label_in_both_roles(summaries: Summaries) -> None:
    cohort = draw_subjects(load_world("site-confounded"), summaries, 1)
    for role in ("discovery", "heldout"):
        agree = [(s.row.site == "siteB") == (s.row.label == 1) for s in cohort if s.row.role == role]
        assert np.mean(agree) == pytest.approx(0.825)  # 66 of 80


@pytest.mark.parametrize("sizes", [(2, 3), (5, 7), (13, 30)])
def test_odd_sizes(summaries: Summaries, sizes: tuple[int, int]) -> None:
    world = replace(load_world("length"), discovery=sizes[0], heldout=sizes[1])
    cohort = draw_subjects(world, summaries, 1)
    for role, size in zip(("discovery", "heldout"), sizes, strict=True):
        labels = [s.row.label for s in cohort if s.row.role == role]
        assert len(labels) == size and sum(labels) == size // 2


def test_names_order_age_and_dates_tell_nothing(summaries: Summaries) -> None:
    world = replace(load_world("null"), discovery=400, heldout=400)
    cohort = draw_subjects(world, summaries, 3)
    labels = np.array([s.row.label for s in cohort])
    roles = np.array([s.row.role == "heldout" for s in cohort])
    numbers = np.array([int(s.row.sample[1:]) for s in cohort])
    assert numbers.tolist() == list(range(1, 801))
    columns = {
        "number": numbers,
        "age": np.array([s.row.age for s in cohort]),
        "sex": np.array([s.row.sex == "F" for s in cohort]).astype(float),
        "tube": np.array([s.row.technical["tube"] == "EDTA" for s in cohort]).astype(float),
        "hours": np.array([s.row.technical["hours_to_spin"] for s in cohort]),
    }
    # Ten tests, of which one in 200 may fall below .0005 by chance; the seed is fixed.
    for values in columns.values():
        for split in (labels == 1, roles):
            assert mannwhitneyu(values[split], values[~split]).pvalue > 0.0005


def test_latents_have_the_planted_means_variances_and_correlations(summaries: Summaries) -> None:
    world = World(
        name="w",
        effects={"fragment_length": 2.0, "methylation": -1.0},
        correlation={"fragment_length:tissue_of_origin": 0.6},
        site_shift={"methylation": (0.0, 1.0, 0.0, 1.0)},
        discovery=3_000,
        heldout=3_000,
    )
    cohort = draw_subjects(world, summaries, 2)
    z = np.array([s.latents for s in cohort])
    label = np.array([s.row.label for s in cohort])
    shifted = np.array([s.row.site in ("siteB", "siteD") for s in cohort])
    slack = 4 / np.sqrt(3_000)
    difference = z[label == 1].mean(axis=0) - z[label == 0].mean(axis=0)
    assert difference == pytest.approx([2, -1, 0], abs=1.5 * slack)
    assert (z[shifted] - z[~shifted].mean(axis=0)).mean(axis=0) == pytest.approx([0, 1, 0], abs=1.5 * slack)
    residual = z - world.effect_vector() * (label[:, None] - 0.5) - shifted[:, None] * [0, 1, 0]
    expected = np.sqrt(1 - summaries.noise(10_000) ** 2)
    assert residual.std(axis=0) == pytest.approx(expected, abs=0.04)
    assert np.corrcoef(residual.T)[0, 2] == pytest.approx(0.6, abs=0.04)
    assert np.corrcoef(residual.T)[0, 1] == pytest.approx(0, abs=0.06)


def test_in_world_age_length_follows_age_and_the_label_adds_nothing(summaries: Summaries) -> None:
    world = replace(load_world("age"), discovery=2_000, heldout=2_000)
    cohort = draw_subjects(world, summaries, 11)
    z = np.array([s.latents for s in cohort])
    label = np.array([s.row.label for s in cohort])
    age = np.array([s.row.age for s in cohort])
    within = age - np.where(label == 1, age[label == 1].mean(), age[label == 0].mean())
    # 9 years are a SD of a class; its standard error is 1 % of it, that of a difference of means .032 SD.
    assert within.std() == pytest.approx(9, rel=0.04)
    assert (age[label == 1].mean() - age[label == 0].mean()) / 9 == pytest.approx(1.1, abs=0.13)
    # The summary of a sample has variance 1, of which the latent lacks the noise's: .81 of it is age's.
    noise = summaries.noise(world.fragments)[0]
    for each in (0, 1):
        r = np.corrcoef(age[label == each], z[label == each, 0])[0, 1]
        assert r == pytest.approx(0.9 / np.sqrt(1 - noise**2), abs=0.02)
        assert abs(np.corrcoef(age[label == each], z[label == each, 1])[0, 1]) < 4 / np.sqrt(2_000)
    # Crude, length tells the label by .9 of 1.1 SD.
    assert z[label == 1, 0].mean() - z[label == 0, 0].mean() == pytest.approx(0.99, abs=0.13)
    # Given age, the label's coefficient is 0: least squares, checked against its own standard error, and
    # sex and site have none either.
    columns = [np.ones(len(age)), age, label] + [
        np.array([getattr(s.row, name) == level for s in cohort])
        for name, level in (("sex", "F"), ("site", "siteB"))
    ]
    design = np.column_stack(columns).astype(float)
    slopes, (residual,), *_ = np.linalg.lstsq(design, z[:, 0], rcond=None)
    variance = residual / (len(age) - design.shape[1])
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    assert slopes[1] == pytest.approx(0.9 / 9, abs=4 * errors[1])
    assert (np.abs(slopes[2:]) < 4 * errors[2:]).all()
    assert errors[2] < 0.02
    # What age doesn't explain of the latent: 1 - noise² - .81.
    assert variance == pytest.approx(1 - noise**2 - 0.81, rel=0.1)


def test_in_world_age_sites_are_balanced(summaries: Summaries) -> None:
    counts = Counter(
        (s.row.role, s.row.site, s.row.label) for s in draw_subjects(load_world("age"), summaries, 1)
    )
    assert len(counts) == 8 and set(counts.values()) == {20}


def test_in_world_length_age_tells_neither_label_nor_length(summaries: Summaries) -> None:
    # The negative of world `age`: of the same size, age is recorded and balanced.
    cohort = draw_subjects(replace(load_world("length"), discovery=2_000, heldout=2_000), summaries, 11)
    z = np.array([s.latents[0] for s in cohort])
    label = np.array([s.row.label for s in cohort])
    age = np.array([s.row.age for s in cohort])
    assert len(set(age)) > 20
    assert abs(age[label == 1].mean() - age[label == 0].mean()) / 9 < 4 * np.sqrt(2 / 2_000)
    for each in (0, 1):
        assert abs(np.corrcoef(age[label == each], z[label == each])[0, 1]) < 4 / np.sqrt(2_000)


def test_noise_that_leaves_no_room_for_age(summaries: Summaries) -> None:
    # With 1,300 fragments the noise of methylation has variance .07; age asks for .96 of what is 1 in all.
    world = replace(load_world("age"), age_correlation={"methylation": 0.98}, fragments=1_300)
    with pytest.raises(InputError, match="can't follow age as closely as age_correlation asks"):
        draw_subjects(world, summaries, 1)


def test_too_few_fragments_and_too_large_effects(summaries: Summaries) -> None:
    with pytest.raises(InputError, match="600 fragments are too few to measure tissue_of_origin"):
        draw_subjects(replace(load_world("length"), fragments=600), summaries, 1)
    with pytest.raises(InputError, match="carry tissue_of_origin to"):
        draw_subjects(replace(load_world("tissue"), effects={"tissue_of_origin": 9.0}), summaries, 1)


def test_another_seed_another_cohort(summaries: Summaries) -> None:
    world = load_world("length")
    assert draw_subjects(world, summaries, 1) == draw_subjects(world, summaries, 1)
    assert draw_subjects(world, summaries, 1) != draw_subjects(world, summaries, 2)
