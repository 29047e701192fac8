"""``openings.json``: under which protocols which held-out labels were read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from cfdna_interp.errors import InputError
from cfdna_interp.records.base import Record, ResultFile

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
LABELS = "held-out labels"
SPACING = "nothing but how the protocol is written"


class ProtocolAndLabels(Record, frozen=True, kw_only=True):
    """A protocol and the held-out labels that were read under it.

    Attributes
    ----------
    protocol
        SHA-256 of ``protocol.json``, of which ``protocols/<SHA-256>.json`` is a copy.
    labels
        SHA-256 of the sorted pairs of subject and label.
    """

    protocol: Digest
    labels: Digest


class Openings(ResultFile, frozen=True, kw_only=True):
    """Every pair of a protocol and held-out labels that was used, in the order of first use.

    Attributes
    ----------
    openings
        The pairs, each once.
    """

    FILE: ClassVar[str] = "openings.json"
    STAGE: ClassVar[str] = "validate"

    openings: Annotated[tuple[ProtocolAndLabels, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        if len(set(self.openings)) < len(self.openings):
            raise ValueError("an opening occurs twice")


class Opening(Record, frozen=True, kw_only=True):
    """Which opening of the held-out labels the numbers of a file come from.

    Attributes
    ----------
    number
        Place among the pairs of a protocol and held-out labels that were used, from 1.
    total
        How many such pairs there are.
    exploratory
        Whether labels had been read before: under another protocol, or others of the same subjects. All
        openings but the first are exploratory.
    protocol
        SHA-256 of ``protocol.json``.
    changed
        Keys of the protocol that differ from the first one, dots between levels, and ``held-out labels``
        where these differ; null where no copy of the first protocol is left to compare with.
    """

    number: Annotated[int, msgspec.Meta(ge=1)]
    total: int
    exploratory: bool
    protocol: Digest
    changed: tuple[str, ...] | None

    def __post_init__(self) -> None:
        if self.exploratory != (self.number > 1):
            raise ValueError("all openings but the first are exploratory")

    def note(self) -> str:
        """Return one sentence for people, "" for the first opening."""
        if not self.exploratory:
            return ""
        what = "what changed cannot be told: no copy of the first protocol is left"
        if self.changed is not None:
            what = f"since the first one these changed: {', '.join(self.changed) or SPACING}"
        return f"exploratory: this is opening {self.number} of the held-out labels; {what}"


def nth_opening(number: int, total: int, protocol: str, changed: tuple[str, ...] | None = ()) -> Opening:
    """Return an opening, exploratory unless it is the first; arguments as in :class:`Opening`."""
    return Opening(number=number, total=total, exploratory=number > 1, protocol=protocol, changed=changed)


def check_opening(
    expected: Opening, protocol: str | None, number: int | None, path: Path, stage: str
) -> None:
    """Raise ``InputError`` unless a file is of the same opening as ``validation.json``.

    Parameters
    ----------
    expected
        The opening of ``validation.json``.
    protocol, number
        SHA-256 of the protocol and number of the opening that the file names; None where it names none.
    path
        The file.
    stage
        The stage that writes it.
    """
    if (protocol, number) != (expected.protocol, expected.number):
        raise InputError(
            f"{path} is of another opening of the held-out labels than validation.json beside it; "
            f"run the {stage} stage again"
        )
