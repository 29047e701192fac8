"""Which columns about people and handling are missing where, as far as it may be told before the opening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cfdna_interp.artifacts.sheet import Sample

FIELDS = ("age", "sex", "site", "batch")  # of a sample


def known_cells(
    samples: Sequence[Sample],
    columns: Sequence[str],
    covariates: Mapping[str, Sequence[float] | Sequence[str]],
) -> dict[str, list[bool]]:
    """Return of each column which samples have a value.

    Parameters
    ----------
    samples
        The samples.
    columns
        Names of fields of a sample, and of technical columns.
    covariates
        name -> (samples,) further covariates, NaN or "" where missing.
    """
    known = {}
    for name in columns:
        cells = [getattr(s, name) if name in FIELDS else s.technical.get(name) for s in samples]
        known[name] = [cell not in (None, "") for cell in cells]
    for name, values in covariates.items():
        known[name] = [value != "" if isinstance(value, str) else not np.isnan(value) for value in values]
    return known


def known_columns(samples: Sequence[Sample]) -> dict[str, list[bool]]:
    """Return of each column that the samples of a sheet have which of them have a value.

    An optional column that the sheet lacks looks like one without a value, and is left out.
    """
    technical = sorted({name for sample in samples for name in sample.technical})
    known = known_cells(samples, (*FIELDS, *technical), {})
    return {name: cells for name, cells in known.items() if any(cells)}


def gap_lines(samples: Sequence[Sample], known: Mapping[str, Sequence[bool]]) -> list[str]:
    """Return a line for each column with gaps: shares by label in discovery, over all in held-out.

    Held-out gaps aren't divided by label: that would read held-out labels before they are opened.
    """
    lines = []
    for name, cells in known.items():
        missing = ~np.array(cells, dtype=bool)
        if missing.any():
            lines.append(f"{name}: missing {shares_by_label(samples, missing[:, None])}")
    return lines


def shares_by_label(samples: Sequence[Sample], missing: np.ndarray) -> str:
    """Say what share of (samples, columns) cells is missing, by label in discovery only."""
    parts = []
    for who, role, label in (
        ("discovery cases", "discovery", 1),
        ("discovery controls", "discovery", 0),
        ("held-out samples", "heldout", None),
    ):
        members = [s.role == role and label in (None, s.label) for s in samples]
        if any(members):
            parts.append(f"{missing[members].mean():.1%} of {who}")
    return ", ".join(parts)
