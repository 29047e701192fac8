"""The refits of a run, their division into chunks, and the writing of their tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.records.attribution_notes import InterventionName, ReferenceName

# The intervention and the reference that refits and the rule use.
MAIN: tuple[InterventionName, ReferenceName] = ("swap", "discovery")


@dataclass(frozen=True)
class Refit:
    """A refit: ``bootstrap`` or ``permutation``, and its number."""

    kind: str
    number: int


def refits_of_chunk(config: Config, chunk: int) -> list[Refit]:
    """Return every ``chunks``-th refit, starting with number ``chunk``.

    Raises
    ------
    InputError
        There are more chunks than refits.
    """
    every = [Refit("bootstrap", number) for number in range(config.attribution.bootstrap)]
    every += [Refit("permutation", number) for number in range(config.attribution.permutations)]
    mine = every[chunk :: config.attribution.chunks]
    if not mine:
        raise InputError(
            f"attribution.chunks is {config.attribution.chunks}, but there are {len(every)} refits; lower it"
        )
    return mine


def save_table(table: pd.DataFrame, path: Path) -> None:
    """Write a tidy table as Parquet, atomically."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")
