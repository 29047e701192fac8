"""Surviving features and dictionaries as rows of tables, and what else is known of them in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cfdna_interp.records.dictionary import DictionaryQuality, SparseDictionary
from cfdna_interp.records.funnel import FeatureFunnel, Survivor
from cfdna_interp.report.representation import family_name
from cfdna_interp.report.words import number, percent, significant


@dataclass(frozen=True)
class SurvivorRow:
    """A feature that survives, as in ``funnel.json``.

    Attributes
    ----------
    carrier, carried
        With which family most of the difference between classes comes, and which share; None where no family
        has more than half.
    seeds
        Share of seeds that have it too.
    """

    feature: int
    follows: str
    carrier: str
    carried: float | None
    unique: float | None
    q: float | None
    t: float
    threshold: float
    share: float
    kept: float
    seeds: float


@dataclass(frozen=True)
class QualityRow:
    """How good a dictionary is.

    Attributes
    ----------
    name, features
        Its name, and its features in words.
    control
        Whether it is one that can know nothing of the model.
    quality
        As in its file.
    """

    name: str
    features: str
    control: bool
    quality: DictionaryQuality


def survivor_rows(funnel: FeatureFunnel) -> list[SurvivorRow]:
    """Return the surviving features, the largest contrast first."""
    return [
        SurvivorRow(
            feature=feature.feature,
            follows=family_name(feature.family),
            carrier=family_name(feature.carrier),
            carried=_part_of_carrier(feature),
            unique=max(feature.unique.values(), default=None),
            q=feature.q,
            t=feature.t,
            threshold=feature.threshold,
            share=feature.share,
            kept=feature.kept,
            seeds=feature.matched.share,
        )
        for feature in sorted(funnel.survivors, key=lambda each: (-abs(each.t), each.feature))
    ]


def _part_of_carrier(feature: Survivor) -> float | None:
    part = feature.carried.get(feature.carrier)
    return None if part is None else abs(part)


def quality_rows(dictionaries: Sequence[SparseDictionary]) -> list[QualityRow]:
    """Return the dictionaries by number, plain and in blocks, and behind them the controls."""
    rows, controls = [], []
    for record in dictionaries:
        name, single = f"Seed {record.number}", f"{record.features:,} single"
        rows.append(QualityRow(name, single, False, record.plain))
        rows.append(QualityRow(name, f"in blocks of {record.block}", False, record.blocks))
        if record.controls is not None:
            controls.append(QualityRow("Embeddings shuffled", single, True, record.controls.shuffled))
            if record.controls.untrained is not None:
                untrained = record.controls.untrained
                controls.append(QualityRow("Encoder with weights drawn anew", single, True, untrained))
    return rows + controls


def feature_notes(funnel: FeatureFunnel) -> str:
    """Say how firm the survivors are, and how many features the length curve takes."""
    counts = ", ".join(str(seed.survived) for seed in funnel.seeds)
    matched, curve = funnel.matched, funnel.curve
    sentences = [
        f"Survivors by seed: {counts}.",
        f"{percent(matched.mean)} of features have a twin in another seed's dictionary, "
        f"{percent(matched.null)} by chance.",
    ]
    if funnel.survivors:
        parts = sorted(funnel.carried.items(), key=lambda item: (-item[1], item[0]))
        named = ", ".join(f"{family_name(name)} {percent(share)}" for name, share in parts)
        sentences.append(f"What differs in survivors between cases and controls comes with {named}.")
    return " ".join(
        [
            *sentences,
            f"What dictionaries leave unexplained carries {percent(funnel.error_share)} of the contrast;",
            f"contributions miss the difference of logits by {significant(funnel.completeness)} at most.",
            "Nine tenths of what a dictionary draws of the length curve",
            f"({percent(curve.features.explained)} of it) take {number(curve.features.needed, 0)} single",
            f"features, or {number(curve.blocks.needed, 0)} blocks; with lengths permuted,",
            f"{number(curve.permuted.needed, 0)}.",
        ]
    )
