"""Cohorts whose truth is known, for the claims of the ladder: who is handled how, who is older."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

GROUPS = ("fragment_length", "methylation", "end_motif")
FEATURES = 8  # of a group, around one latent value of the subject
NOISE = 0.5  # of a feature about it, in standard deviations of the latent


@dataclass
class Role:
    """One role of a cohort: latent values by group, and what is recorded of each subject."""

    label: np.ndarray
    latent: dict[str, np.ndarray]
    recorded: dict[str, np.ndarray]


Draw = Callable[[np.ndarray, np.random.Generator, bool], Role]


@dataclass(frozen=True)
class World:
    """A world and what its truth allows.

    Attributes
    ----------
    draw
        Draws one role from (subjects,) labels, a source of randomness, and whether it is the held-out one.
    handling, person
        Whether L4, and L5, may be earned: True, False, or None where the world isn't about it.
    technical, covariates, mediators
        Names of recorded columns.
    widths
        Features of each group.
    copied
        Whether held-out subjects are discovery subjects under other names, and labels noise.
    """

    draw: Draw
    handling: bool | None = None
    person: bool | None = None
    technical: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()
    widths: dict[str, int] = field(default_factory=dict)
    effect: float = 0.0
    copied: bool = False


def _base(y: np.ndarray, rng: np.random.Generator) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    latent = {group: rng.normal(size=len(y)) for group in GROUPS}
    recorded = {
        "site": _balanced(y, rng),
        "age": 65 + 8 * rng.normal(size=len(y)),
        "sex": np.where(rng.random(len(y)) < 0.5, "F", "M"),
    }
    return latent, recorded


def _balanced(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    site = np.empty(len(y), dtype=object)
    for label in (0, 1):
        rows = np.flatnonzero(y == label)
        site[rows] = np.array(["A", "B"], dtype=object)[rng.permutation(len(rows)) % 2]
    return site


def _years(z: np.ndarray) -> np.ndarray:
    return 65 + 8 * z


def _age(curve: Callable[[np.ndarray], np.ndarray], gap: float = 1.1) -> Draw:
    def draw(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
        latent, recorded = _base(y, rng)
        z = gap * y + rng.normal(size=len(y))
        recorded["age"] = _years(z)
        latent["fragment_length"] = curve(z) + 0.6 * rng.normal(size=len(y))
        return Role(y, latent, recorded)

    return draw


def _sex(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    latent, recorded = _base(y, rng)
    female = rng.random(len(y)) < np.where(y == 1, 0.78, 0.22)
    recorded["sex"] = np.where(female, "F", "M")
    latent["fragment_length"] += 1.6 * female
    return Role(y, latent, recorded)


def _hours(curve: Callable[[np.ndarray], np.ndarray], biology: float = 0.0, gap: float = 1.2) -> Draw:
    def draw(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
        latent, recorded = _base(y, rng)
        z = gap * y + rng.normal(size=len(y))
        recorded["hours"] = np.round(4 * np.exp(0.4 * z), 2)  # written down to hundredths, skewed
        latent["fragment_length"] = curve(z) + biology * y + 0.5 * rng.normal(size=len(y))
        return Role(y, latent, recorded)

    return draw


def _tube(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    latent, recorded = _base(y, rng)
    shares = np.where(y[:, None] == 1, [0.6, 0.3, 0.1], [0.15, 0.35, 0.5])
    tube = (rng.random(len(y))[:, None] > shares.cumsum(axis=1)).sum(axis=1)
    recorded["tube"] = np.array(["EDTA", "Streck", "PAXgene"], dtype=object)[np.minimum(tube, 2)]
    latent["fragment_length"] += np.array([1.8, 0.6, 0.0])[np.minimum(tube, 2)]
    return Role(y, latent, recorded)


def _one_site(effect: float) -> Draw:
    def draw(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
        latent, recorded = _base(y, rng)
        recorded["site"] = np.full(len(y), "A", dtype=object)
        recorded["noise"] = rng.normal(size=len(y))
        latent["fragment_length"] += effect * y
        return Role(y, latent, recorded)

    return draw


def _attenuated(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    latent, recorded = _base(y, rng)
    there = rng.random(len(y)) < np.where(y == 1, 0.65, 0.35)
    recorded["site"] = np.where(there, "A", "B").astype(object)
    latent["fragment_length"] += 1.2 * there + 0.9 * y
    return Role(y, latent, recorded)


def _sites(shift: float, biology: float, rest: float) -> Draw:
    def draw(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
        latent, recorded = _base(y, rng)
        there = rng.random(len(y)) < np.where(y == 1, rest, 1 - rest)
        recorded["site"] = np.where(there, "A", "B").astype(object)
        latent["fragment_length"] += shift * there + biology * y
        return Role(y, latent, recorded)

    return draw


def _batches(shift: float, biology: float, spread: float) -> Draw:
    """Plates of 8 with their own shift; ``spread`` is how unevenly they hold cases."""

    def draw(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
        latent, recorded = _base(y, rng)
        order = np.argsort(spread * y + rng.normal(size=len(y)), kind="stable")
        plate = np.empty(len(y), dtype=np.int64)
        plate[order] = np.arange(len(y)) // 8
        moved = rng.normal(size=plate.max() + 1)
        if spread:
            moved = np.sort(moved)  # later plates hold more cases and longer fragments
        recorded["batch"] = np.array([f"plate{p}" for p in plate], dtype=object)
        latent["fragment_length"] += shift * moved[plate] + biology * y
        return Role(y, latent, recorded)

    return draw


def _mediator(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    latent, recorded = _base(y, rng)
    cells = 1.2 * y + rng.normal(size=len(y))
    recorded["cells"] = cells
    latent["fragment_length"] = cells + 0.5 * rng.normal(size=len(y))
    return Role(y, latent, recorded)


def _biology(effect: float, follows_age: float = 0.0) -> Draw:
    def draw(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
        latent, recorded = _base(y, rng)
        recorded["hours"] = 4 * np.exp(0.4 * rng.normal(size=len(y)))
        recorded["tube"] = np.where(rng.random(len(y)) < 0.5, "EDTA", "Streck").astype(object)
        age = (recorded["age"] - 65) / 8
        latent["fragment_length"] += effect * y + follows_age * age
        return Role(y, latent, recorded)

    return draw


def _reversed(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    latent, recorded = _base(y, rng)
    latent["methylation"] += (-0.8 if heldout else 1.4) * y
    return Role(y, latent, recorded)


def _null(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    return Role(y, *_base(y, rng))


def _unequal(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    # No latent: each feature has a small effect of its own.
    return Role(y, *_base(y, rng))


def _u_shape(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    latent, recorded = _base(y, rng)
    sign = np.where(rng.random(len(y)) < 0.5, 1.0, -1.0)
    latent["fragment_length"] = np.where(
        y == 1, 1.6 * sign + 0.5 * rng.normal(size=len(y)), latent["fragment_length"] * 0.7
    )
    return Role(y, latent, recorded)


def _reads_other(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    latent, recorded = _base(y, rng)
    latent["fragment_length"] += 0.7 * y
    latent["methylation"] += 1.8 * y
    recorded["score"] = 1.5 * latent["fragment_length"] + 0.2 * rng.normal(size=len(y))
    return Role(y, latent, recorded)


def _published(y: np.ndarray, rng: np.random.Generator, heldout: bool) -> Role:
    # AUROC .78 is d = 1.09, .55 is .18, and .84 for all together 1.41: a third group has what is missing.
    latent, recorded = _base(y, rng)
    for group, d in (("fragment_length", 1.09), ("methylation", 0.18), ("end_motif", 0.87)):
        latent[group] += d * np.sqrt(1 + NOISE**2 / FEATURES) * y
    return Role(y, latent, recorded)


def _bend(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0.6, 1.8, 0.0)


def _line(z: np.ndarray) -> np.ndarray:
    return z


BIOLOGY = {"technical": ("hours", "tube"), "handling": True, "person": True}
WORLDS: dict[str, World] = {
    "age alone": World(_age(_line), person=False),
    "age alone, from an age on": World(_age(_bend), person=False),
    "sex alone": World(_sex, person=False),
    "hours within sites": World(_hours(_line), handling=False, technical=("hours",)),
    "hours within sites, from a delay on": World(_hours(_bend), handling=False, technical=("hours",)),
    "tube within sites": World(_tube, handling=False, technical=("tube",)),
    "site": World(_sites(2.0, 0.0, 0.8), handling=False),
    "plates of 8": World(_batches(1.2, 0.0, 2.0), handling=False),
    "one site, a column of noise": World(_one_site(1.2), handling=False, technical=("noise",)),
    "attenuated by site": World(_attenuated, handling=False),
    "attenuated by hours": World(_hours(lambda z: 0.5 * z, 0.7, 0.8), handling=False, technical=("hours",)),
    "mediator, not declared": World(_mediator, handling=False, technical=("cells",)),
    "mediator, declared": World(_mediator, handling=True, technical=("cells",), mediators=("cells",)),
    "biology, d = 1.2": World(_biology(1.2), **BIOLOGY),
    "biology, d = 0.8": World(_biology(0.8), **BIOLOGY),
    "biology, d = 0.5": World(_biology(0.5), **BIOLOGY),
    "biology, length follows age, age balanced": World(_biology(1.2, 0.8), **BIOLOGY),
    "biology on plates of 8": World(_batches(0.7, 1.2, 0.0), handling=True),
    "null": World(_null),
}
WHOLE: dict[str, World] = {
    "a group reverses": World(_reversed),
    "leaked subjects": World(_null, copied=True),
    "unequal widths": World(_unequal, widths={"fragment_length": 380, "methylation": 20}, effect=0.22),
    "U-shape": World(_u_shape),
    "the score reads A, B tells the label": World(_reads_other),
    "as published": World(_published),
}


def draw_role(world: World, subjects: int, rng: np.random.Generator, *, heldout: bool) -> Role:
    """Draw one role of ``subjects`` cases and as many controls, in random order."""
    label = rng.permutation(np.repeat([0, 1], subjects))
    return world.draw(label, rng, heldout)


def features_of(world: World, role: Role, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return group -> (subjects, features)."""
    blocks = {}
    for group in GROUPS:
        width = world.widths.get(group, FEATURES)
        if world.widths:
            own = rng.normal(size=(len(role.label), width))
            effect = world.effect if group in world.widths else 0.0
            blocks[group] = own + effect * role.label[:, None]
        else:
            own = NOISE * rng.normal(size=(len(role.label), width))
            blocks[group] = role.latent[group][:, None] + own
    return blocks


def frame_of(world: World, subjects: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return both roles as the table that a user would bring, with ``subjects`` of each class and role."""
    parts = []
    for name in ("discovery", "heldout"):
        role = draw_role(world, subjects, rng, heldout=name == "heldout")
        columns: dict[str, np.ndarray] = {"label": role.label, "role": np.full(len(role.label), name)}
        columns |= role.recorded
        for group, block in features_of(world, role, rng).items():
            columns |= {f"{group}__{i}": block[:, i] for i in range(block.shape[1])}
        parts.append(pd.DataFrame(columns))
    if world.copied:
        parts[1] = parts[0].assign(role="heldout")
    frame = pd.concat(parts, ignore_index=True)
    # The order of rows tells nothing.
    frame.insert(0, "sample", [f"s{i:05d}" for i in rng.permutation(len(frame))])
    return frame
