"""The people of a simulated cohort: label, role, site, latents and technical columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.sheet import ROLES, Sample
from cfdna_interp.errors import InputError
from cfdna_interp.simulation.noise import Summaries
from cfdna_interp.simulation.worlds import World
from cfdna_interp.stats.resampling import stream

# In years, within a class.
MEAN_AGE, SD_AGE = 62, 9


@dataclass(frozen=True)
class Subject:
    """One person with one library.

    Attributes
    ----------
    row
        The row of the sheet; ``bam`` is relative to the sheet.
    latents
        (fragment_length, methylation, tissue_of_origin), in units of the summary's SD within a class.
    dinucleosome
        Standard normal number that decides the person's share of di-nucleosomes.
    """

    row: Sample
    latents: tuple[float, float, float]
    dinucleosome: float


def draw_subjects(world: World, summaries: Summaries, seed: int) -> list[Subject]:
    """Draw the cohort. Order and names are independent of role, label and site.

    A latent's variance is 1 - ν², where ν is the SD of the fragment sampling noise of its summary: the
    summary of a sample of ``world.fragments`` fragments then has SD 1 within a class. A latent depends on the
    age in the sheet. All other differences between people are independent of age.

    Raises
    ------
    InputError
        There are so few fragments that the noise alone exceeds SD 1 or leaves no room for the planted
        correlations, or effects are beyond the reach of the distributions.
    """
    noise = summaries.noise(world.fragments)
    _check_reach(world, summaries, noise)
    rng = stream(seed, "subjects")
    cohort = [
        (role, label, site)
        for role in ROLES
        for label, site in _label_and_site(
            world, world.discovery if role == "discovery" else world.heldout, rng
        )
    ]
    spread = _spread_beside_age(world, noise)
    shifts = world.site_matrix()
    reach = np.array([summaries.biology.tilt(group).reach for group in BAG_GROUPS]).T
    width = max(3, len(str(len(cohort))))
    subjects = []
    for number, at in enumerate(rng.permutation(len(cohort)), start=1):
        role, label, site = cohort[at]
        means = world.label_means(label)
        mean = means[rng.integers(len(means))] + shifts[site]
        beside_age = spread @ rng.standard_normal(len(BAG_GROUPS))
        expected_age = MEAN_AGE + SD_AGE * world.mean_age(label)
        age = float(np.clip(np.round(rng.normal(expected_age, SD_AGE)), 30, 90))
        by_age = world.age_vector() * (age - expected_age) / SD_AGE
        latents = np.clip(mean + by_age + beside_age, *reach)
        # Tube and time to the centrifuge depend mostly on the site, since a real cohort's sheet would also
        # show the handling.
        usual = ("EDTA", "Streck")[site % 2]
        other = ("Streck", "EDTA")[site % 2]
        row = Sample(
            sample=f"S{number:0{width}d}",
            subject=f"P{number:0{width}d}",
            bam=f"bam/S{number:0{width}d}.bam",
            label=label,
            role=role,
            site=f"site{chr(ord('A') + site)}",
            batch=f"batch{chr(ord('A') + site)}",
            age=age,
            sex="F" if rng.random() < 0.5 else "M",
            technical={
                "tube": usual if rng.random() < 0.9 else other,
                "hours_to_spin": round(float(rng.gamma(4.0, 0.5 + 0.25 * (site % 2))), 1),
            },
        )
        z = tuple(float(value) for value in latents)
        subjects.append(Subject(row, (z[0], z[1], z[2]), float(rng.standard_normal())))
    return subjects


def _label_and_site(world: World, size: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return label and site of a role's subjects, half of them cases, with the world's shares of sites."""
    result = []
    # Both labels have the same order of sites, so that remainders go to the same sites.
    order = rng.permutation(world.sites)
    for label in (0, 1):
        members = size // 2 if label == 1 else size - size // 2
        wanted = world.site_shares(label) * members
        counts = np.floor(wanted + 1e-9).astype(int)
        # The sites with the largest remainders take the rest. Ties are broken at random.
        largest = order[np.argsort(-np.round(wanted - counts, 9)[order], kind="stable")]
        counts[largest[: members - counts.sum()]] += 1
        result += [(label, int(site)) for site in np.repeat(np.arange(world.sites), counts)]
    return result


def _spread_beside_age(world: World, noise: np.ndarray) -> np.ndarray:
    """Return a (groups, groups) root of the latents' covariance among people of one label, site and age."""
    scale = np.sqrt(1 - noise**2)
    covariance = world.correlation_matrix() * np.outer(scale, scale)
    covariance -= np.outer(world.age_vector(), world.age_vector())
    if np.linalg.eigvalsh(covariance).min() <= 0:
        raise InputError(
            f"world {world.name}: beside the sampling noise of {world.fragments} fragments the latents can't "
            "follow age as closely as age_correlation asks; ask for more fragments or lower it"
        )
    return np.asarray(np.linalg.cholesky(covariance))


def _check_reach(world: World, summaries: Summaries, noise: np.ndarray) -> None:
    centres = np.concatenate([world.label_means(label) for label in (0, 1)])
    shifts = world.site_matrix()
    for i, group in enumerate(BAG_GROUPS):
        if noise[i] >= 1:
            needed = int(np.ceil(world.fragments * noise[i] ** 2 / 100)) * 100
            raise InputError(
                f"world {world.name}: {world.fragments} fragments are too few to measure {group}; "
                f"ask for more than {needed}"
            )
        low, high = summaries.biology.tilt(group).reach
        lowest = centres[:, i].min() + shifts[:, i].min() - 2
        highest = centres[:, i].max() + shifts[:, i].max() + 2
        if lowest < low or highest > high:
            raise InputError(
                f"world {world.name}: effects and site_shift carry {group} to {lowest:.1f}..{highest:.1f} SD "
                f"and the simulation reaches {low:.1f}..{high:.1f}; make them smaller"
            )
