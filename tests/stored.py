"""The results of a run that lie in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.records.base import ResultFile, load_record

R = TypeVar("R", bound=ResultFile)


def stored(kind: type[R], config: Config) -> R:
    """Return the record of a kind that a run wrote."""
    return load_record(kind, Layout.of(config.outdir).file(kind.FILE))


def write_json(path: Path, value: Any) -> None:
    """Put a value in the place of a file, as a damaged or a changed run would have it."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
