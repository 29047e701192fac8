"""A world: effects of label and sites on the feature groups, and the size of the cohort."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.config.resources import shipped
from cfdna_interp.config.yaml_file import read_yaml
from cfdna_interp.errors import InputError


@dataclass(frozen=True)
class Library:
    """Effects of laboratory and aligner on the molecules, as shares in 0..1.

    Attributes
    ----------
    conversion
        Share of unmethylated cytosines that bisulfite converts.
    errors
        Share of wrong bases in reads.
    duplicates, low_mapq
        Lowest and highest share over samples of duplicate pairs, and of pairs with a mapping quality below
        20.
    """

    conversion: float = 0.995
    errors: float = 0.001
    duplicates: tuple[float, float] = (0.05, 0.10)
    low_mapq: tuple[float, float] = (0.03, 0.07)


_LIBRARY_LIMITS = {"conversion": (0.5, 1), "errors": (0, 1), "duplicates": (0, 0.9), "low_mapq": (0, 1)}


@dataclass(frozen=True)
class World:
    """All settings of a cohort except its seed.

    Attributes
    ----------
    name, description
        One word; one sentence.
    label_rule
        ``shift``: the mean of each latent is +effect/2 in cases and -effect/2 in controls. ``interaction``:
        the latents with an effect are at +effect/2 or -effect/2 with equal probability. In cases all are on
        the same side, in controls the first of them is on the other side. No group alone is then associated
        with the label. Effects of age are added.
    effects
        Feature group -> Cohen's d at sample level among people of one age, in SD of a class, fragment
        sampling noise included.
    age_shift
        Difference of the mean age of cases and controls, in SD of a class's ages; 0 makes age and label
        independent.
    age_correlation
        Feature group -> correlation of the latent with age within a class; 0 by default.
    correlation
        Pair ``group:group`` -> correlation of the two latents within a class; 0 by default.
    sites
        Number of sites. Each is its own batch.
    site_shift
        Feature group -> one number per site, added to the latent (in its SD).
    label_site_overlap
        Share of a role's subjects whose site is in the half of the sites that agrees with their label. 0.5
        makes site and label independent, with equal numbers of both labels at each site.
    genome
        Seed of genome and atlas: cohorts with equal ``genome`` share them.
    fragments
        Molecules per sample before duplicates.
    discovery, heldout
        Subjects per role, half of them cases.
    library
        Laboratory and aligner.
    """

    name: str
    description: str = ""
    label_rule: str = "shift"
    effects: dict[str, float] = field(default_factory=dict)
    age_shift: float = 0.0
    age_correlation: dict[str, float] = field(default_factory=dict)
    correlation: dict[str, float] = field(default_factory=dict)
    sites: int = 4
    site_shift: dict[str, tuple[float, ...]] = field(default_factory=dict)
    label_site_overlap: float = 0.5
    genome: int = 1
    fragments: int = 10_000
    discovery: int = 80
    heldout: int = 80
    library: Library = field(default_factory=Library)

    def __post_init__(self) -> None:
        """Check values from a YAML file or the command line."""
        self._require(self.label_rule in ("shift", "interaction"), "label_rule is shift or interaction")
        self._require(1 <= self.sites <= 26, "sites lies in 1..26")
        self._require(0 <= self.label_site_overlap <= 1, "label_site_overlap lies in 0..1")
        self._require(
            self.label_site_overlap == 0.5 or self.sites % 2 == 0,
            "a label_site_overlap other than 0.5 needs an even number of sites",
        )
        for name, (least, most) in _LIBRARY_LIMITS.items():
            value = getattr(self.library, name)
            ranged = name in ("duplicates", "low_mapq")
            kind = "range" if ranged else "number"
            self._require(ranged == isinstance(value, tuple), f"library.{name} is a {kind}")
            low, high = value if ranged else (value, value)
            holds = least <= low <= high <= most
            self._require(holds, f"library.{name} lies in {least:g}..{most:g}, the lower end first")
        self._require(self.fragments >= 500, "fragments is at least 500")
        self._require(self.discovery >= 2 and self.heldout >= 2, "each role has at least 2 subjects")
        for key in (*self.effects, *self.age_correlation, *self.site_shift):
            self._require(key in BAG_GROUPS, f"{key!r} is not a feature group ({', '.join(BAG_GROUPS)})")
        for group, shifts in self.site_shift.items():
            self._require(len(shifts) == self.sites, f"site_shift of {group} has one number per site")
        for pair in self.correlation:
            names = pair.split(":")
            self._require(
                len(set(names)) == 2 and set(names) <= set(BAG_GROUPS),
                f"correlation {pair!r} is not of the form group:group",
            )
        # The residuals of the latents after age also need a valid covariance.
        left = self.correlation_matrix() - np.outer(self.age_vector(), self.age_vector())
        positive = bool(np.linalg.eigvalsh(left).min() > 1e-9)
        self._require(positive, "the correlations contradict each other")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise InputError(f"world {self.name}: {what}; correct the value")

    def effect_vector(self) -> np.ndarray:
        """Return (groups,) Cohen's d in the order of ``BAG_GROUPS``."""
        return np.array([self.effects.get(group, 0.0) for group in BAG_GROUPS])

    def age_vector(self) -> np.ndarray:
        """Return (groups,) correlations of the latents with age within a class."""
        return np.array([self.age_correlation.get(group, 0.0) for group in BAG_GROUPS])

    def mean_age(self, label: int) -> float:
        """Return the mean age of a label, in SD from the midpoint between the labels."""
        return self.age_shift / 2 if label == 1 else -self.age_shift / 2

    def correlation_matrix(self) -> np.ndarray:
        """Return (groups, groups) correlations of the latents within a class."""
        matrix = np.eye(len(BAG_GROUPS))
        for pair, value in self.correlation.items():
            i, j = (BAG_GROUPS.index(group) for group in pair.split(":"))
            matrix[i, j] = matrix[j, i] = value
        return matrix

    def site_matrix(self) -> np.ndarray:
        """Return (sites, groups) shifts of the latents."""
        none = (0.0,) * self.sites
        return np.array([self.site_shift.get(group, none) for group in BAG_GROUPS]).T

    def label_means(self, label: int) -> np.ndarray:
        """Return (components, groups) latent means of a label; the components are equally frequent."""
        half = self.effect_vector() / 2
        by_age = self.mean_age(label) * self.age_vector()
        if self.label_rule == "shift":
            return (by_age + (half if label == 1 else -half))[None, :]
        sides = np.array([half, -half])
        if label == 0 and half.any():
            sides[:, np.flatnonzero(half)[0]] *= -1
        return np.asarray(by_age + sides)

    def site_shares(self, label: int) -> np.ndarray:
        """Return (sites,) share of a label's subjects at each site."""
        if self.label_site_overlap == 0.5:
            return np.full(self.sites, 1 / self.sites)
        half = self.sites // 2
        agreeing = np.arange(self.sites) >= half if label == 1 else np.arange(self.sites) < half
        overlap = self.label_site_overlap
        return np.where(agreeing, overlap, 1 - overlap) / half

    def as_dict(self) -> dict[str, Any]:
        """Return the world as nested dictionaries, for the record."""
        return asdict(self)


def shipped_worlds() -> list[str]:
    """Return the names of the worlds that ship with the software."""
    return sorted(path.stem for path in shipped("resources", "worlds").glob("*.yaml"))


def load_world(name_or_path: str | Path) -> World:
    """Read a world by the name of a shipped one, or from a YAML file.

    Raises
    ------
    InputError
        There is no such world, the file is not valid YAML, a key is unknown (the nearest known one is named)
        or a value is not allowed.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        known = shipped_worlds()
        if str(name_or_path) not in known:
            near = difflib.get_close_matches(str(name_or_path), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise InputError(f"world {name_or_path} is not known; {hint} (or give the path of a .yaml file)")
        path = shipped("resources", "worlds", f"{name_or_path}.yaml")
    raw = read_yaml(path, "world", "one of resources/worlds")
    if not isinstance(raw, dict) or "name" not in raw:
        raise InputError(f"world {path} has no name; start from one of resources/worlds")
    return _build(path, raw)


def _build(path: Path, raw: dict[str, Any]) -> World:
    try:
        _known(path, raw, World, "")
        values = dict(raw)
        if "library" in raw:
            _known(path, raw["library"], Library, "library.")
            values["library"] = Library(**{key: _number(value) for key, value in raw["library"].items()})
        for key in ("effects", "age_correlation", "correlation"):
            values[key] = {name: float(value) for name, value in raw.get(key, {}).items()}
        if "age_shift" in raw:
            values["age_shift"] = float(raw["age_shift"])
        values["site_shift"] = {
            name: tuple(float(shift) for shift in shifts)
            for name, shifts in raw.get("site_shift", {}).items()
        }
        for key in ("sites", "genome", "fragments", "discovery", "heldout"):
            if key in raw and type(raw[key]) is not int:
                raise TypeError(f"{key} is not a whole number")
        return World(**values)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"world {path}: {error}; start from one of resources/worlds") from None


def _number(value: Any) -> Any:
    """Return a float, or the two ends of a range as floats."""
    if isinstance(value, list):
        low, high = value
        return float(low), float(high)
    return float(value)


def _known(path: Path, raw: dict[str, Any], cls: type[Any], prefix: str) -> None:
    known = [item.name for item in fields(cls)]
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise InputError(f"world {path}: unknown key {prefix + str(key)!r}; {hint}")
