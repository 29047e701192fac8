"""What holds for every cohort, whether it comes as a sheet or as a table."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from cfdna_interp.artifacts.sheet import MEASURED, ROLES, Sample
from cfdna_interp.config import Config
from cfdna_interp.errors import Mistakes

APART = 10  # years between samples of a subject: more is a mistake rather than a follow-up


def check_subjects(samples: Sequence[Sample], places: Sequence[str], file: str) -> None:
    """Raise ``InputError`` where a subject has two roles, labels or sexes, or ages that don't fit.

    ``places`` says where each sample stands ("line 4"), ``file`` in what ("sheet a.tsv").
    """
    mistakes = Mistakes()
    first: dict[str, tuple[str, Sample]] = {}
    for place, sample in zip(places, samples, strict=True):
        where, other = first.setdefault(sample.subject, (place, sample))
        for column in ("role", "label"):
            mine, theirs = getattr(sample, column), getattr(other, column)
            if mine != theirs:
                mistakes.add(
                    f"sample {sample.sample}: {file}, {place}: subject {sample.subject} has "
                    f"{column} {mine} here and {theirs} on {where}; a subject has one {column}"
                )
        if sample.sex and other.sex and sample.sex != other.sex:
            mistakes.add(
                f"sample {sample.sample}: {file}, {place}: subject {sample.subject} has sex {sample.sex} "
                f"here and {other.sex} on {where}; correct one of them, or the subject's name"
            )
        if sample.age is not None and other.age is not None and abs(sample.age - other.age) > APART:
            mistakes.add(
                f"sample {sample.sample}: {file}, {place}: subject {sample.subject} has age {sample.age:g} "
                f"here and {other.age:g} on {where}, more than {APART} years apart; correct one of them, or "
                "the subject's name"
            )
    mistakes.stop()


def check_roles(samples: Sequence[Sample], file: str) -> None:
    """Raise ``InputError`` where a role has no subject, or subjects of one class only."""
    mistakes = Mistakes()
    for role in ROLES:
        labels = {sample.label for sample in samples if sample.role == role}
        if not labels:
            mistakes.add(f"{file}: no subject has role {role}; give subjects to both roles")
        if len(labels) == 1:
            mistakes.add(
                f"{file}: all subjects with role {role} have label {labels.pop()}; "
                "each role needs cases (1) and controls (0)"
            )
    mistakes.stop()


def check_audited(config: Config, samples: Sequence[Sample], covariates: Sequence[str]) -> None:
    """Raise ``InputError`` where ``mediators`` or ``priority`` name a column that the cohort doesn't record.

    Parameters
    ----------
    config
        The settings.
    samples
        All samples.
    covariates
        Names of further columns about the person.
    """
    known = {"age", "sex", *covariates, *(name for sample in samples for name in sample.technical)}
    if config.features.table is None:
        known |= set(MEASURED)
    mistakes = Mistakes()
    for key in ("mediators", "priority"):
        for name in config.audited(key):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known columns: {', '.join(sorted(known))}"
                mistakes.add(
                    f"{config.source}: {key} names the column {name!r}, which is recorded of nobody as a "
                    f"covariate or a technical column; {hint}"
                )
    mistakes.stop()
