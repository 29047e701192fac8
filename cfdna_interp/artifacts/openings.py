"""``openings.json``: under which protocols the held-out labels were read, and a copy of each of them."""

from __future__ import annotations

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
_REMEDY = "restore it from a backup, or take a new outdir and call the result exploratory"


@dataclass(frozen=True)
class Opening:
    """One reading of the held-out labels.

    Attributes
    ----------
    number
        Place of the protocol among those under which the labels were read, from 1.
    protocol
        SHA-256 of ``protocol.json``.
    changed
        Keys of the protocol that differ from the first one, dots between levels; None where no copy of the
        first one is left to compare with.
    """

    number: int
    protocol: str
    changed: tuple[str, ...] | None = ()

    @property
    def exploratory(self) -> bool:
        """Whether the labels had been read under another protocol before."""
        return self.number > 1

    def note(self) -> str:
        """Return one sentence for people, "" for the first opening."""
        if not self.exploratory:
            return ""
        what = "what changed cannot be told: no copy of the first protocol is left"
        if self.changed is not None:
            what = f"since the first one these changed: {', '.join(self.changed)}"
        return (
            f"exploratory: this is opening {self.number} of the held-out labels, under another protocol than "
            f"the first; {what}"
        )

    def record(self) -> dict[str, Any]:
        """Return what each file with held-out numbers says of them.

        These are ``protocol_digest``, ``exploratory`` and ``opening``.
        """
        return {
            "protocol_digest": self.protocol,
            "exploratory": self.exploratory,
            "opening": {"number": self.number, "changed": self.changed, "note": self.note()},
        }


def record_opening(layout: Layout) -> Opening:
    """Note that the held-out labels are about to be used under ``protocol.json``.

    Reading again under the same protocol changes nothing: the first protocol stays number 1. The copy of
    the protocol is complete before the note is made, and the note before any label is read: a process
    killed in between leaves at most a copy too many, which counts for nothing.

    Raises
    ------
    InputError
        ``openings.json`` is damaged, or gone while traces of an opening are left. It is never made anew:
        that would forget openings.
    """
    path, protocol = layout.file("openings.json"), layout.file("protocol.json")
    digest = digest_file(protocol)
    protocols = _load(path) if path.exists() else []
    if not protocols:
        _check_unopened(layout, digest)
    if digest not in protocols:
        with atomic_path(layout.opened_protocol(digest)) as temporary:
            temporary.write_bytes(protocol.read_bytes())
        protocols.append(digest)
        write_json(path, {"protocols": protocols})
    first = layout.opened_protocol(protocols[0])
    changed: tuple[str, ...] | None = ()
    if digest != protocols[0]:
        intact = first.is_file() and digest_file(first) == protocols[0]
        changed = differing(read_json(first), read_json(protocol)) if intact else None
    return Opening(protocols.index(digest) + 1, digest, changed)


def opening_of(record: Mapping[str, Any]) -> Opening:
    """Return the opening behind ``validation.json``.

    Raises
    ------
    InputError
        The record says nothing of it: another version of the software wrote it.
    """
    if "opening" not in record:
        raise InputError(
            "validation.json does not say which opening of the held-out labels it is of; "
            "run the validate stage again"
        )
    changed = record["opening"]["changed"]
    return Opening(
        record["opened"], record["protocol_digest"], None if changed is None else tuple(map(str, changed))
    )


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


def _load(path: Path) -> list[str]:
    try:
        protocols = json.loads(path.read_text(encoding="utf-8"))["protocols"]
        good = (
            isinstance(protocols, list)
            and protocols
            and len(set(protocols)) == len(protocols)
            and all(isinstance(digest, str) and _DIGEST.fullmatch(digest) for digest in protocols)
        )
    except (OSError, ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise InputError(
            f"{path} is damaged, so how often the held-out labels were read cannot be told; {_REMEDY}"
        )
    return list(protocols)
