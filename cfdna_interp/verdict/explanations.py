"""The mechanisms behind one difference in words: which fit, which don't, what would speak against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cfdna_interp.verdict.lengths import Counted
from cfdna_interp.verdict.mechanisms import Mechanism, Publication, catalogue

SEPARATOR = " | "  # between entries of one cell


@dataclass(frozen=True)
class Explanation:
    """A mechanism that fits, and whose blood it would have acted on."""

    mechanism: Mechanism
    whose: str = ""

    def __str__(self) -> str:
        return f"{self.mechanism.title}{self.whose}: {self.mechanism.prediction}"


@dataclass(frozen=True)
class Explanations:
    """All mechanisms of the catalogue, sorted by what they say of one difference."""

    fitting: tuple[Explanation, ...]
    against: tuple[Mechanism, ...]
    silent: tuple[Mechanism, ...]

    def assays(self) -> list[str]:
        """Return what would measure the fitting mechanisms."""
        return [item.mechanism.assay for item in self.fitting]

    def cells(self) -> dict[str, str]:
        """Return the columns of the table."""
        sources: dict[Publication, None] = {}
        for mechanism in (*(item.mechanism for item in self.fitting), *self.against):
            sources |= dict.fromkeys(mechanism.sources)
        return {
            "mechanisms_for": listed([str(item) for item in self.fitting]),
            "mechanisms_against": listed([f"{m.title}: {m.prediction}" for m in self.against]),
            "mechanisms_silent": listed([m.title for m in self.silent]),
            "would_refute": listed(
                [f"{item.mechanism.title}: {item.mechanism.against}" for item in self.fitting]
            ),
            "sources": listed([str(source) for source in sources]),
        }


def explain(group: str, feature: str, sign: int, lengths: Counted) -> Explanations:
    """Sort the catalogue by what it says of a difference.

    Handling may have acted on either class: where it predicts the opposite, it fits if the controls' blood
    was the one that stood, or lost its short fragments.

    Parameters
    ----------
    group, feature, sign, lengths
        As for :meth:`cfdna_interp.verdict.mechanisms.Catalogue.fit`.
    """
    fitting: list[Explanation] = []
    against: list[Mechanism] = []
    silent: list[Mechanism] = []
    for mechanism in catalogue().mechanisms:
        fit = catalogue().fit(mechanism, group, feature, sign, lengths)
        if fit == "silent":
            silent.append(mechanism)
        elif mechanism.handling:
            whose = "cases" if fit == "fits" else "controls"
            fitting.append(Explanation(mechanism, f" (in the {whose}' samples)"))
        elif fit == "fits":
            fitting.append(Explanation(mechanism))
        else:
            against.append(mechanism)
    return Explanations(tuple(fitting), tuple(against), tuple(silent))


def handling_explanations() -> Explanations:
    """Return what can happen after the blood is drawn."""
    return Explanations(tuple(Explanation(m) for m in catalogue().mechanisms if m.handling), (), ())


def listed(entries: Sequence[str]) -> str:
    """Return entries as one cell."""
    return SEPARATOR.join(entries)
