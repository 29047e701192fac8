"""``verdict.json``: the ladder of claims and what it comes to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cfdna_interp.artifacts.files import read_result, write_json
from cfdna_interp.errors import InputError

EARNED = "earned"
REFUSED = "refused"
CANT_TELL = "can't tell"


@dataclass(frozen=True)
class Rung:
    """One claim and what became of it.

    Attributes
    ----------
    rung
        ``L0`` to ``L5``.
    claim
        The claim, a clause.
    status
        ``earned``, ``refused`` or ``can't tell``.
    word
        The status in the rung's own word, e.g. ``replaceable`` or ``attenuated``.
    reason
        One sentence with the numbers behind it.
    numbers
        These numbers by name.
    """

    rung: str
    claim: str
    status: str
    word: str
    reason: str
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Caution:
    """Something that a reader has to know before believing the verdict.

    Attributes
    ----------
    kind
        What it is about, e.g. ``group reversed``: decisions look at this, never at the words.
    sentence
        It in words, with the numbers and whom they are of.
    numbers
        The numbers by name.
    """

    kind: str
    sentence: str
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The highest unbroken rung, two plain sentences, the rungs from L0 to L5, and what stands against it.

    ``opening`` is that of ``validation.json``: under which protocol the held-out labels were read, whether
    they had been before, and what changed since.
    ``hypotheses_digest`` is the SHA-256 of the table that was written with it, "" where that isn't known.
    """

    headline: str | None
    sentences: tuple[str, str]
    simulated: bool
    group: str | None
    rungs: tuple[Rung, ...]
    opening: dict[str, Any] = field(default_factory=dict)
    hypotheses_digest: str = ""
    cautions: tuple[Caution, ...] = ()


def save_verdict(verdict: Verdict, path: Path | str) -> None:
    """Write the verdict as JSON."""
    write_json(path, asdict(verdict))


def load_verdict(path: Path | str) -> Verdict:
    """Read what :func:`save_verdict` wrote; raise ``InputError`` where it is missing or damaged."""
    record = read_result(path, "verdict")
    try:
        first, second = record["sentences"]
        rungs = tuple(Rung(**rung) for rung in record["rungs"])
        return Verdict(
            record["headline"],
            (first, second),
            record["simulated"],
            record["group"],
            rungs,
            record.get("opening", {}),
            record.get("hypotheses_digest", ""),
            tuple(Caution(**caution) for caution in record.get("cautions", [])),
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is no verdict ({error!r}); run the verdict stage again") from None
