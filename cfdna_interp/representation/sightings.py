"""Data for probes and erasers: drawn fragments with their concepts, and sums over all fragments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.models.contract import Encoder
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.records.probes import NotProbed
from cfdna_interp.representation.coding import OWN_INPUT, Coding, raw_inputs
from cfdna_interp.representation.concepts import Concept, fragment_concepts, why_left_out, without_rare
from cfdna_interp.representation.erasure import Moments, gather
from cfdna_interp.representation.material import Material, Part


@dataclass(frozen=True, eq=False)
class Codings:
    """Columns of concepts and of raw inputs, fitted once on drawn fragments.

    Attributes
    ----------
    concepts, inputs
        Codings by name.
    """

    concepts: dict[str, Coding]
    inputs: dict[str, Coding]

    @classmethod
    def fit(cls, concepts: list[Concept], part: Part) -> Codings:
        """Fit the codings of the concepts and of all inputs that differ between fragments."""
        inputs = {
            item.name: Coding.fit(item)
            for item in raw_inputs(part)
            if len(np.unique(item.values[item.known])) > 1
        }
        return cls({concept.name: Coding.fit(concept) for concept in concepts}, inputs)

    @property
    def places(self) -> dict[str, np.ndarray]:
        """Columns of each concept in :meth:`columns`."""
        edges = np.cumsum([0, *(len(coding.centre) for coding in self.concepts.values())])
        return {name: np.arange(edges[i], edges[i + 1]) for i, name in enumerate(self.concepts)}

    def columns(self, part: Part) -> np.ndarray:
        """Return (n, columns) of all concepts."""
        concepts = {concept.name: concept for concept in fragment_concepts(part)}
        return np.concatenate([c.columns(concepts[name]) for name, c in self.concepts.items()], axis=1)

    def raw(self, part: Part, without: str | None = None) -> np.ndarray:
        """Return (n, columns) of the inputs, without the one that a concept is derived from."""
        own = None if without is None else OWN_INPUT[without]
        inputs = {item.name: item for item in raw_inputs(part)}
        parts = [c.columns(inputs[name]) for name, c in self.inputs.items() if name != own]
        return np.concatenate([np.zeros((len(part), 0)), *parts], axis=1)


def usable(
    concepts: list[Concept], codes: np.ndarray, *, fragments: bool
) -> tuple[list[Concept], dict[str, NotProbed]]:
    """Return the concepts of which something can be asked, and of the others why not.

    Parameters
    ----------
    concepts, codes, fragments
        See :func:`concepts.without_rare`.
    """
    remaining: list[Concept] = []
    left_out = {}
    for concept in (without_rare(item, codes, fragments=fragments) for item in concepts):
        obstacle = why_left_out(concept, fragments=fragments)
        # Without a batch column the batch is the site.
        twin = next((other.name for other in remaining if _same_classes(other, concept)), None)
        if obstacle is None and twin is not None:
            obstacle = NotProbed(why="same classes", twin=twin)
        if obstacle is None:
            remaining.append(concept)
        else:
            left_out[concept.name] = obstacle
    return remaining, left_out


def _same_classes(first: Concept, second: Concept) -> bool:
    if not first.kind == second.kind == "classes" or not np.array_equal(first.known, second.known):
        return False
    pairs = np.unique(np.stack([first.values, second.values])[:, first.known], axis=1)
    return bool(pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1])))


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over all fragments of the cohort.

    Attributes
    ----------
    moments
        Moments of embeddings and of the concepts' columns.
    means
        (samples, dim) mean embeddings.
    raw
        (samples, columns) means of the raw inputs' columns.
    untrained
        (samples, dim) mean embeddings under an untrained encoder; None if encoding again takes too long.
    """

    moments: Moments
    means: np.ndarray
    raw: np.ndarray
    untrained: np.ndarray | None

    @classmethod
    def of(cls, material: Material, codings: Codings, untrained: Encoder | None) -> Sums:
        """Read the cohort once, one sample at a time."""
        means, raw, fresh = [], [], []

        def batch(place: int) -> tuple[np.ndarray, np.ndarray]:
            part = material.load(place)
            x = part.embeddings.double().numpy()
            means.append(x.mean(axis=0))
            raw.append(codings.raw(part).mean(axis=0))
            if isinstance(untrained, ReferenceEncoder):
                fresh.append(untrained.encode(part.fragments).double().mean(dim=0).numpy())
            return x, codings.columns(part)

        moments = gather(batch(place) for place in range(len(material.samples)))
        return cls(moments, np.stack(means), np.stack(raw), np.stack(fresh) if fresh else None)
