"""Concepts that could be decoded from an embedding: named values of fragments and of samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.records.probes import Kind, NotProbed
from cfdna_interp.representation.material import Part

# The members of a class with fewer fragments, or fewer subjects, are left out.
RARE_FRAGMENTS = 50
RARE_SUBJECTS = 5


@dataclass(frozen=True, eq=False)
class Concept:
    """A value of each fragment, or of each sample.

    Attributes
    ----------
    name
        Its name in tables and in the report.
    kind
        ``number`` or ``classes``.
    values
        (n,) float64; whole numbers for classes. 0 where unknown.
    known
        (n,) bool: the value exists. For example, the methylation level exists if there is a call.
    """

    name: str
    kind: Kind
    values: np.ndarray
    known: np.ndarray


def fragment_concepts(part: Part) -> list[Concept]:
    """Return the concepts of fragments.

    They are length (bp), methylation_level (share of methylated calls, for fragments outside atlas blocks
    with at least one call), level_in_blocks (the same for fragments that touch a block), cpg_count (calls),
    locus (touches a block or not), tissue_class (class of the block that it touches), gc (share), end_motif
    (first two bases, in the order of ``MOTIFS``).
    """
    fragments = part.fragments
    everywhere = np.ones(len(part), dtype=bool)
    inside = fragments.locus > 0
    called = fragments.counts > 0
    return [
        _concept("length", "number", fragments.length, everywhere),
        _concept("methylation_level", "number", fragments.level, called & ~inside),
        _concept("level_in_blocks", "number", fragments.level, called & inside),
        _concept("cpg_count", "number", fragments.counts, everywhere),
        _concept("locus", "classes", inside, everywhere),
        _concept("tissue_class", "classes", fragments.locus, inside),
        _concept("gc", "number", part.gc, np.isfinite(part.gc)),
        _concept("end_motif", "classes", part.motif // 16, part.motif >= 0),
    ]


def sample_concepts(samples: tuple[Sample, ...]) -> list[Concept]:
    """Return the concepts of samples: label, age (years), sex, site, batch."""
    ages = np.array([np.nan if sample.age is None else sample.age for sample in samples])
    labels = np.array([sample.label for sample in samples])
    concepts = [
        _concept("label", "classes", labels, np.ones(len(samples), dtype=bool)),
        _concept("age", "number", ages, np.isfinite(ages)),
    ]
    for name in ("sex", "site", "batch"):
        words = np.array([getattr(sample, name) for sample in samples])
        concepts.append(_concept(name, "classes", np.unique(words, return_inverse=True)[1], words != ""))
    return concepts


def without_rare(concept: Concept, codes: np.ndarray, *, fragments: bool) -> Concept:
    """Return the concept with members of rare classes set to unknown; a number is unchanged.

    Parameters
    ----------
    concept
        n values.
    codes
        (n,) subject of each value.
    fragments
        Whether the values belong to fragments. Their number then decides what is rare, otherwise that of
        subjects.
    """
    if concept.kind == "number":
        return concept
    known = concept.known.copy()
    for value in np.unique(concept.values[known]):
        members = known & (concept.values == value)
        held = int(members.sum()) if fragments else len(np.unique(codes[members]))
        if held < (RARE_FRAGMENTS if fragments else RARE_SUBJECTS):
            known &= ~members
    return replace(concept, known=known)


def why_left_out(concept: Concept, *, fragments: bool) -> NotProbed | None:
    """Return why nothing can be asked of a concept, None where something can.

    Parameters
    ----------
    concept
        The concept, after :func:`without_rare`.
    fragments
        Whether it belongs to fragments.
    """
    found = np.unique(concept.values[concept.known])
    of: Literal["fragments", "subjects"] = "fragments" if fragments else "subjects"
    least = RARE_FRAGMENTS if fragments else RARE_SUBJECTS
    if concept.kind == "classes" and len(found) < 2:
        return NotProbed(why="few classes", needed=least, of=of)
    if concept.kind == "number" and concept.known.sum() < least:
        return NotProbed(why="seldom known", needed=least, of=of)
    if len(found) < 2:
        return NotProbed(why="constant")
    return None


def _concept(name: str, kind: Kind, values: np.ndarray, known: np.ndarray) -> Concept:
    return Concept(name, kind, np.where(known, values, 0).astype(np.float64), known)
