"""``openings.json``: under which protocols which held-out labels were used, and a copy of each protocol."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfdna_interp.artifacts.files import atomic_path, digest_file, read_json, write_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.errors import InputError

_DIGEST = re.compile(r"[0-9a-f]{64}")
LABELS = "held-out labels"
SPACING = "nothing but how the protocol is written"
_REMEDY = "restore it from a backup, or take a new outdir and call the result exploratory"


@dataclass(frozen=True)
class Opening:
    """One reading of the held-out labels.

    Attributes
    ----------
    number
        Place among the pairs of a protocol and held-out labels that were used, from 1.
    protocol
        SHA-256 of ``protocol.json``.
    changed
        Keys of the protocol that differ from the first one, dots between levels, and ``held-out labels``
        where these do; None where no copy of the first protocol is left to compare with.
    total
        How many such pairs there are.
    """

    number: int
    protocol: str
    changed: tuple[str, ...] | None = ()
    total: int = 1

    @property
    def exploratory(self) -> bool:
        """Whether labels had been read before: under another protocol, or others of the same subjects."""
        return self.number > 1

    def note(self) -> str:
        """Return one sentence for people, "" for the first opening."""
        if not self.exploratory:
            return ""
        what = "what changed cannot be told: no copy of the first protocol is left"
        if self.changed is not None:
            what = f"since the first one these changed: {', '.join(self.changed) or SPACING}"
        return f"exploratory: this is opening {self.number} of the held-out labels; {what}"

    def record(self) -> dict[str, Any]:
        """Return what each file with held-out numbers says of them.

        These are ``protocol_digest``, ``exploratory`` and ``opening``.
        """
        return {
            "protocol_digest": self.protocol,
            "exploratory": self.exploratory,
            "opening": {
                "number": self.number,
                "total": self.total,
                "changed": self.changed,
                "note": self.note(),
            },
        }


def record_opening(layout: Layout, labels: Mapping[str, int]) -> Opening:
    """Note that the held-out labels are about to be used under ``protocol.json``.

    The same labels again under the same protocol change nothing: the first protocol stays number 1. Other
    labels are another opening. The copy of the protocol is complete before the note is made, and the note
    before anything is measured: a process killed in between leaves at most a copy too many, which counts for
    nothing.

    Parameters
    ----------
    layout
        Where the run lies.
    labels
        Held-out subject -> label.

    Raises
    ------
    InputError
        ``openings.json`` is damaged, or gone while traces of an opening are left. It is never made anew:
        that would forget openings.
    """
    path, protocol = layout.file("openings.json"), layout.file("protocol.json")
    digest = digest_file(protocol)
    opened = _load(path) if path.exists() else []
    if not opened:
        _check_unopened(layout, digest)
    this = (digest, digest_labels(labels))
    if this not in opened:
        with atomic_path(layout.opened_protocol(digest)) as temporary:
            temporary.write_bytes(protocol.read_bytes())
        # Of an opening that an older version noted the labels aren't known: they are taken to be these.
        place = opened.index((digest, None)) if (digest, None) in opened else len(opened)
        opened[place:] = [this, *opened[place + 1 :]]
        write_json(path, {"protocols": [each for each, _ in opened], "labels": [each for _, each in opened]})
    return Opening(opened.index(this) + 1, digest, _changed(layout, opened[0], this), len(opened))


def digest_labels(labels: Mapping[str, int]) -> str:
    """Return the SHA-256 of the sorted pairs of subject and label."""
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()


def _changed(
    layout: Layout, first: tuple[str, str | None], this: tuple[str, str | None]
) -> tuple[str, ...] | None:
    keys: tuple[str, ...] = ()
    if first[0] != this[0]:
        copy = layout.opened_protocol(first[0])
        if not copy.is_file() or digest_file(copy) != first[0]:
            return None
        keys = differing(read_json(copy), read_json(layout.file("protocol.json")))
    return (*keys, LABELS) if first[1] not in (None, this[1]) else keys


def opening_of(record: Mapping[str, Any]) -> Opening:
    """Return the opening behind ``validation.json``.

    Raises
    ------
    InputError
        The record says nothing of it: another version of the software wrote it.
    """
    if not isinstance(record.get("opening"), Mapping) or "protocol_digest" not in record:
        raise InputError(
            "validation.json does not say which opening of the held-out labels it is of; "
            "run the validate stage again"
        )
    said = record["opening"]
    changed = None if said["changed"] is None else tuple(map(str, said["changed"]))
    total = said.get("total", record["opened"])  # an older version didn't count them
    return Opening(record["opened"], record["protocol_digest"], changed, total)


def check_opening(validation: Mapping[str, Any], other: Mapping[str, Any], path: Path, stage: str) -> None:
    """Raise ``InputError`` unless a file is of the same opening as ``validation.json``.

    Parameters
    ----------
    validation
        The content of ``validation.json``.
    other
        What the file says of its opening; see :meth:`Opening.record`.
    path
        The file.
    stage
        The stage that writes it.
    """
    opening = opening_of(validation)
    number = (other.get("opening") or {}).get("number")
    if (other.get("protocol_digest"), number) != (opening.protocol, opening.number):
        raise InputError(
            f"{path} is of another opening of the held-out labels than validation.json beside it; "
            f"run the {stage} stage again"
        )


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sorted keys with different values, dots between the levels of nested objects."""
    found: list[str] = []
    for key in {*first, *second}:
        a, b = first.get(key), second.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += [f"{key}.{inner}" for inner in differing(a, b)]
        elif (key in first) != (key in second) or a != b:
            found.append(key)
    return tuple(sorted(found))


def _check_unopened(layout: Layout, digest: str) -> None:
    """Raise ``InputError`` if another file shows that ``openings.json`` is missing rather than not yet made.

    A copy of the present protocol alone shows nothing: a process may have been killed before its note.
    """
    copies = sorted(layout.opened_protocol(digest).parent.glob("*.json"))
    traces = [path for path in copies if path != layout.opened_protocol(digest)]
    traces += [path for path in (layout.file("validation.json"),) if path.exists()]
    if traces:
        raise InputError(
            f"{layout.file('openings.json')} is missing, though {traces[-1]} shows that the held-out labels "
            f"were read; {_REMEDY}"
        )


def _load(path: Path) -> list[tuple[str, str | None]]:
    """Return the openings in their order: digests of protocol and labels, None where none was noted."""
    opened: list[tuple[str, str | None]] = []
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        protocols = record["protocols"]
        opened = list(zip(protocols, record.get("labels", [None] * len(protocols)), strict=True))
        good = (
            isinstance(protocols, list)
            and opened
            and len(set(opened)) == len(opened)
            and all(_DIGEST.fullmatch(protocol) for protocol, _ in opened)
            and all(labels is None or _DIGEST.fullmatch(labels) for _, labels in opened)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise InputError(
            f"{path} is damaged, so how often the held-out labels were read cannot be told; {_REMEDY}"
        )
    return opened
