"""The record of openings of the held-out labels in ``openings.json``, with a copy of each protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cfdna_interp.artifacts.files import atomic_path, digest_file, read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.openings import LABELS, Opening, Openings, ProtocolAndLabels, nth_opening
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.validation import ValidationResult

_REMEDY = "restore it from a backup, or take a new outdir and call the result exploratory"


def record_opening(layout: Layout, labels: Mapping[str, int]) -> Opening:
    """Record that the held-out labels are about to be used under ``protocol.json``.

    The same labels under the same protocol don't count again; the first protocol stays number 1. Other labels
    are another opening. The copy of the protocol is complete before the record is written, and the record
    before anything is measured. A process that is killed in between leaves at most an additional copy, which
    has no effect.

    Parameters
    ----------
    layout
        Paths of the run.
    labels
        Held-out subject -> label.

    Raises
    ------
    InputError
        ``openings.json`` is damaged, or missing although there are traces of an opening. It is then not
        created again, since that would lose openings.
    """
    path, protocol = layout.file(Openings.FILE), layout.file(FrozenProtocol.FILE)
    digest = digest_file(protocol)
    openings = _load(path) if path.exists() else ()
    if not openings:
        _check_unopened(layout, digest)
    this = ProtocolAndLabels(protocol=digest, labels=digest_labels(labels))
    if this not in openings:
        with atomic_path(layout.opened_protocol(digest)) as temporary:
            temporary.write_bytes(protocol.read_bytes())
        openings = (*openings, this)
        save_record(Openings(openings=openings), path)
    changed = _changed(layout, openings[0], this)
    return nth_opening(openings.index(this) + 1, len(openings), digest, changed)


def digest_labels(labels: Mapping[str, int]) -> str:
    """Return the SHA-256 of the sorted pairs of subject and label."""
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()


def _changed(layout: Layout, first: ProtocolAndLabels, this: ProtocolAndLabels) -> tuple[str, ...] | None:
    keys: tuple[str, ...] = ()
    if first.protocol != this.protocol:
        copy = layout.opened_protocol(first.protocol)
        if not copy.is_file() or digest_file(copy) != first.protocol:
            return None
        # Protocols are compared as JSON, because the first one may have another format.
        keys = differing(read_json(copy), read_json(layout.file(FrozenProtocol.FILE)))
    return (*keys, LABELS) if first.labels != this.labels else keys


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sorted keys with different values, with dots between the levels of nested objects."""
    keys: list[str] = []
    for key in {*first, *second}:
        a, b = first.get(key), second.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            keys += [f"{key}.{inner}" for inner in differing(a, b)]
        elif (key in first) != (key in second) or a != b:
            keys.append(key)
    return tuple(sorted(keys))


def _check_unopened(layout: Layout, digest: str) -> None:
    """Raise ``InputError`` if another file shows that ``openings.json`` existed and is missing.

    A copy of the present protocol alone doesn't show that, since a process may have been killed before its
    record.
    """
    copies = sorted(layout.opened_protocol(digest).parent.glob("*.json"))
    traces = [path for path in copies if path != layout.opened_protocol(digest)]
    traces += [path for path in (layout.file(ValidationResult.FILE),) if path.exists()]
    if traces:
        raise InputError(
            f"{layout.file(Openings.FILE)} is missing, though {traces[-1]} shows that the held-out labels "
            f"were read; {_REMEDY}"
        )


def _load(path: Path) -> tuple[ProtocolAndLabels, ...]:
    try:
        return load_record(Openings, path).openings
    except InputError:
        raise InputError(
            f"{path} is damaged or of another version, so how often the held-out labels were read cannot be "
            f"told; {_REMEDY}"
        ) from None
