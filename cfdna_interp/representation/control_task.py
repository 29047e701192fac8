"""Control tasks: what a probe reaches by memorising inputs.

Hewitt and Liang (2019, arXiv:1909.03368) assign another value at random to every type of input, once, and fit
the same probe to these values. The score of the real task beyond that is the probe's selectivity. The types
of a number are its distinct values, which are permuted. If few values cover most fragments, and for classes
always, a permutation would be nearly the same task. A type is then a length with a number of CpG calls, and
gets the value of a randomly drawn fragment. For samples a type is a subject.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs
from cfdna_interp.representation.concepts import Concept
from cfdna_interp.stats.subjects import Subjects

# Smallest effective number of values. With fewer, a random order is often similar to the real one.
FEW_VALUES = 20


def fragment_control(concept: Concept, fragments: FragmentInputs, rng: np.random.Generator) -> Concept:
    """Return the concept's control task over the same fragments."""
    rows = np.flatnonzero(concept.known)
    values = concept.values.copy()
    distinct, type_of, held = np.unique(concept.values[rows], return_inverse=True, return_counts=True)
    if concept.kind == "number" and len(rows) ** 2 / (held**2).sum() >= FEW_VALUES:
        values[rows] = rng.permutation(distinct)[type_of]
    else:
        kind = fragments.length[rows].astype(np.int64) * (MAX_CALLS + 1) + fragments.counts[rows]
        types, type_of = np.unique(kind, return_inverse=True)
        values[rows] = concept.values[rng.choice(rows, len(types))][type_of]
    return replace(concept, values=values)


def sample_control(concept: Concept, codes: np.ndarray, rng: np.random.Generator) -> Concept:
    """Return the concept with the subjects' values, those of their first samples, permuted."""
    rows = np.flatnonzero(concept.known)
    people = Subjects(codes[rows])
    values = concept.values.copy()
    values[rows] = rng.permutation(concept.values[rows][people.first])[people.index]
    return replace(concept, values=values)
