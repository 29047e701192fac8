"""Where a group's contribution comes from: lengths, windows, CpG contexts, classes of locus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.maps import RANGES
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.bags import locus_classes
from cfdna_interp.records.values import Interval
from cfdna_interp.report.words import interval

Z = 1.959964  # of a 95 % interval
ROWS = 8  # of each table, those that differ most; maps.parquet has them all
MONO = 167  # bp; a nucleosome's DNA with its linker, the main peak of cell-free DNA
LEVELS = {
    "none": "no call",
    "low": "at most a quarter methylated",
    "middle": "between",
    "high": "three quarters or more methylated",
}
DIRECTIONS = {"U": "unmethylated in it", "M": "methylated in it"}


@dataclass(frozen=True)
class MapRow:
    """A key of a map.

    Attributes
    ----------
    name
        The key in words.
    fragments
        Mean number of a subject's fragments with it, of one bag.
    differences
        Group -> contribution in cases minus controls in logit, with its 95 % interval, as text.
    """

    name: str
    fragments: float
    differences: dict[str, str]


@dataclass(frozen=True)
class TopRows:
    """The keys of a map that differ most between cases and controls, and how many keys there are.

    Ranges of length are all there, in their order.
    """

    title: str
    rows: tuple[MapRow, ...]
    keys: int


@dataclass(frozen=True, eq=False)
class LengthMap:
    """Contributions by fragment length, cases minus controls.

    Attributes
    ----------
    lengths
        (bp,) ascending lengths that occur.
    difference, error
        Group -> (bp,) logit a bp and its standard error.
    fragments
        (bp,) mean number of a subject's fragments, of one bag.
    """

    lengths: np.ndarray
    difference: Mapping[str, np.ndarray]
    error: Mapping[str, np.ndarray]
    fragments: np.ndarray


@dataclass(frozen=True, eq=False)
class Maps:
    """All maps of a run."""

    length: LengthMap
    tops: tuple[TopRows, ...]


def load_maps(path: Path, config: Config) -> Maps | None:
    """Read ``maps.parquet``; None where the run has no maps.

    Raises
    ------
    InputError
        The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        table = pd.read_parquet(path)
        rows = table[table["cohort"] == "difference"]
        kinds = {str(kind): _wide(part) for kind, part in rows.groupby("kind")}
        return Maps(_length(kinds["length"]), _tops(kinds, _locus_names(config)))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it and run the dominance stage") from None


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a key, with a column of mean, standard error and fragments for each group."""
    return rows.pivot(index="key", columns="group", values=["mean", "standard_error", "fragments"])


def _length(wide: pd.DataFrame) -> LengthMap:
    lengths = wide.index.astype(int).to_numpy()
    order = np.argsort(lengths)
    return LengthMap(
        lengths=lengths[order],
        difference={group: wide["mean", group].to_numpy()[order] for group in BAG_GROUPS},
        error={group: wide["standard_error", group].to_numpy()[order] for group in BAG_GROUPS},
        fragments=wide["fragments", BAG_GROUPS[0]].to_numpy()[order],
    )


def _tops(kinds: Mapping[str, pd.DataFrame], loci: Mapping[str, str]) -> tuple[TopRows, ...]:
    found = []
    for kind, title in (
        ("range", "Range of fragment length"),
        ("locus", "Class of locus"),
        ("cpg", "CpG calls of a fragment and their level"),
        ("region", "Window of the genome"),
    ):
        wide = kinds[kind]
        if kind == "range":
            order = np.argsort([RANGES.index(str(key)) for key in wide.index])
        else:
            order = np.argsort(-np.abs(wide["mean"].to_numpy()).max(axis=1), kind="stable")
        rows = tuple(
            MapRow(
                name=_key(kind, str(wide.index[row]), loci),
                fragments=float(wide["fragments", BAG_GROUPS[0]].iloc[row]),
                differences={group: _estimate(wide.iloc[row], group) for group in BAG_GROUPS},
            )
            for row in order[:ROWS]
        )
        found.append(TopRows(title, rows, len(wide)))
    return tuple(found)


def _estimate(row: pd.Series, group: str) -> str:
    value, error = float(row["mean", group]), float(row["standard_error", group])
    return interval(Interval(value=value, low=value - Z * error, high=value + Z * error), 3)


def _key(kind: str, key: str, loci: Mapping[str, str]) -> str:
    if kind == "range":
        return key
    if kind == "region":
        return f"Windows of hash {key}"
    if kind == "locus":
        return loci.get(key, f"Atlas blocks of class {key}")
    calls, level = key.split(":")
    if calls == "0":
        return "No call"
    return f"{calls} {'call' if calls == '1' else 'calls'}, {LEVELS[level]}"


def _locus_names(config: Config) -> dict[str, str]:
    """Return class of locus -> words; blocks that mark one cell type in one direction are a class."""
    names = {"0": "Outside atlas blocks"}
    if config.atlas is not None:
        atlas = Atlas.load(config.atlas)
        for number, target, direction in zip(
            locus_classes(atlas)[0].tolist(), atlas.targets, atlas.directions, strict=True
        ):
            names[str(number)] = f"Blocks of {target}, {DIRECTIONS[direction]}"
    return names
