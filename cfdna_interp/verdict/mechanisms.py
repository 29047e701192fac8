"""Mechanisms with their sources, and whether an observed difference is what they predict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from cfdna_interp.config.resources import shipped
from cfdna_interp.errors import InputError
from cfdna_interp.verdict.lengths import Counted, Range

Fit = Literal["fits", "against", "silent"]
Answer = Literal["higher", "lower", "none", "open"]
SIGNS = {"higher": 1, "lower": -1}
# A range fits where a mechanism speaks of at least half of it, two thirds of that in the direction seen.
SPOKEN, AGREED = 0.5, 2 / 3
TISSUE = re.compile(r"tissue_(?:fraction|marker)_(.+)")
LEVEL = "methylation_level"


@dataclass(frozen=True)
class Publication:
    """A publication; ``doi`` is "" where it is not known for certain."""

    authors: str
    title: str
    journal: str
    year: int
    doi: str = ""

    def __str__(self) -> str:
        link = f", doi:{self.doi}" if self.doi else ""
        return f"{self.authors}, {self.title}, {self.journal} ({self.year}){link}"


@dataclass(frozen=True)
class LengthPrediction:
    """Fragments of these lengths become more (+1) or fewer (-1)."""

    lengths: Range
    sign: int


@dataclass(frozen=True)
class Mechanism:
    """One explanation, as ``resources/mechanisms.yaml`` describes its fields."""

    name: str
    title: str
    family: str
    handling: bool
    prediction: str
    lengths: tuple[LengthPrediction, ...]
    methylation: Answer
    blood: Answer
    other: Answer
    against: str
    assay: str
    sources: tuple[Publication, ...]
    features: dict[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """All mechanisms, and the words by which a cell type is known as one of the blood."""

    mechanisms: tuple[Mechanism, ...]
    blood: tuple[str, ...]

    def fit(self, mechanism: Mechanism, group: str, feature: str, sign: int, lengths: Counted) -> Fit:
        """Say whether a mechanism predicts what was seen.

        Parameters
        ----------
        mechanism
            One of the catalogue.
        group, feature
            Feature group, and the feature or the first of a run of bins.
        sign
            1 where cases have more of it, -1 where less.
        lengths
            What the feature counts; used in the group ``fragment_length``.
        """
        if feature in mechanism.features:
            return _compared(mechanism.features[feature], sign)
        if group == "fragment_length":
            return _lengths(mechanism.lengths, sign, lengths)
        if group == "methylation" and feature.startswith(LEVEL):
            return _compared(mechanism.methylation, sign)
        if group == "tissue_of_origin" and (match := TISSUE.fullmatch(feature)):
            answer = mechanism.blood if self.is_blood(match[1]) else mechanism.other
            return _compared(answer, sign)
        return "silent"

    def is_blood(self, cell_type: str) -> bool:
        """Say whether a cell type belongs to the blood, by the words of its name."""
        words = cell_type.lower().split("_")
        return any(
            word == known or (len(known) > 3 and word.startswith(known))
            for word in words
            for known in self.blood
        )


@cache
def catalogue() -> Catalogue:
    """Return the mechanisms that ship with the software."""
    return read_catalogue(shipped("resources", "mechanisms.yaml"))


def read_catalogue(path: Path) -> Catalogue:
    """Read a file of mechanisms.

    Raises
    ------
    InputError
        A field is missing, unknown or of the wrong kind; the message names the mechanism.
    """
    record = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Catalogue(
        mechanisms=tuple(_mechanism(entry, path) for entry in record["mechanisms"]),
        blood=tuple(str(word) for word in record["blood"]),
    )


def _mechanism(entry: dict[str, Any], path: Path) -> Mechanism:
    try:
        fields = dict(entry)
        tissue = fields.pop("tissue")
        lengths = tuple(
            LengthPrediction(Range(int(item["low"]), int(item["high"])), SIGNS[item["direction"]])
            for item in fields.pop("lengths")
        )
        sources = tuple(Publication(**source) for source in fields.pop("sources"))
        found = Mechanism(
            **fields, lengths=lengths, sources=sources, blood=tissue["blood"], other=tissue["other"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: mechanism {entry.get('name')!r}: {error!r}; see the head of the file"
        ) from None
    answers = (found.methylation, found.blood, found.other, *found.features.values())
    wrong = [answer for answer in answers if answer not in ("higher", "lower", "none", "open")]
    missing = [name for name in ("sources", "prediction", "against") if not getattr(found, name)]
    if wrong or missing:
        what = f"has no {missing[0]}" if missing else f"answers {wrong[0]!r}"
        raise InputError(f"{path}: mechanism {found.name!r} {what}; see the head of the file")
    return found


def _compared(answer: Answer, sign: int) -> Fit:
    if answer == "open":
        return "silent"
    return "fits" if SIGNS.get(answer) == sign else "against"


def _lengths(predictions: Sequence[LengthPrediction], sign: int, lengths: Counted) -> Fit:
    agree = disagree = total = 0
    for span, direction in ((lengths.more, sign), (lengths.less, -sign)):
        if span is None:
            continue
        total += span.high - span.low + 1
        for prediction in predictions:
            shared = max(
                0, min(span.high, prediction.lengths.high) - max(span.low, prediction.lengths.low) + 1
            )
            if prediction.sign == direction:
                agree += shared
            else:
                disagree += shared
    spoken = agree + disagree
    if spoken == 0 or spoken < SPOKEN * total:
        return "silent"
    if agree >= AGREED * spoken:
        return "fits"
    return "against" if disagree >= AGREED * spoken else "silent"
