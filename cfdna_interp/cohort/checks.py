"""What holds for every cohort, whether it comes as a sheet or as a table."""

from __future__ import annotations

from collections.abc import Sequence

from cfdna_interp.artifacts.sheet import ROLES, Sample
from cfdna_interp.errors import InputError


def check_subjects(samples: Sequence[Sample], places: Sequence[str], file: str) -> None:
    """Raise ``InputError`` where a subject has two roles or two labels.

    ``places`` says where each sample stands ("line 4"), ``file`` in what ("sheet a.tsv").
    """
    first: dict[str, tuple[str, Sample]] = {}
    for place, sample in zip(places, samples, strict=True):
        where, other = first.setdefault(sample.subject, (place, sample))
        for column in ("role", "label"):
            mine, theirs = getattr(sample, column), getattr(other, column)
            if mine != theirs:
                raise InputError(
                    f"sample {sample.sample}: {file}, {place}: subject {sample.subject} has "
                    f"{column} {mine} here and {theirs} on {where}; a subject has one {column}"
                )


def check_roles(samples: Sequence[Sample], file: str) -> None:
    """Raise ``InputError`` where a role has no subject, or subjects of one class only."""
    for role in ROLES:
        labels = {sample.label for sample in samples if sample.role == role}
        if not labels:
            raise InputError(f"{file}: no subject has role {role}; give subjects to both roles")
        if len(labels) == 1:
            raise InputError(
                f"{file}: all subjects with role {role} have label {labels.pop()}; "
                "each role needs cases (1) and controls (0)"
            )
