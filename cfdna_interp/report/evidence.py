"""The numbers behind a rung, as rows of a name and a value."""

from __future__ import annotations

from msgspec.structs import asdict

from cfdna_interp.records.values import Interval
from cfdna_interp.records.verdict import Rung
from cfdna_interp.report.words import interval, number, p_value


def evidence_rows(rung: Rung) -> list[tuple[str, str]]:
    """Return name and value of each number that a rung rests on, by name; none where it rests on none."""
    if rung.evidence is None:
        return []
    return [
        (name.replace("_", " "), _written(name, value))
        for name, value in sorted(asdict(rung.evidence).items())
        if value is not None
    ]


def _written(name: str, value: Interval | float) -> str:
    if isinstance(value, Interval):
        return interval(value, 3)
    return p_value(value) if name == "p" else number(value, 3)
