"""What a look at a table tells before the run: who is in it, and how much of it is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cfdna_interp.artifacts.sheet import ROLES, Sample
from cfdna_interp.cohort.missing_columns import gap_lines, shares_by_label
from cfdna_interp.cohort.table import StudyTable, read_table, saturation_lines
from cfdna_interp.config import Config
from cfdna_interp.config.table_settings import FeatureTable
from cfdna_interp.errors import InputError


@dataclass(frozen=True)
class TableCheck:
    """What the check of a table found.

    Attributes
    ----------
    cohort
        The table, read.
    table
        Its settings.
    """

    cohort: StudyTable
    table: FeatureTable

    def lines(self) -> list[str]:
        """Return the findings as lines for a person."""
        samples, names = self.cohort.samples, list(self.table.groups)
        lines = ["simulated" if self.table.simulated else "not simulated"]
        lines += [_role_line(role, [sample for sample in samples if sample.role == role]) for role in ROLES]
        if self.cohort.left_out:
            lines.append(f"without a role, left out: {len(self.cohort.left_out)} samples")
        for group in names:
            missing = shares_by_label(samples, self.cohort.gaps(group))
            lines.append(f"{group}: {len(self.cohort.features(group))} features, missing {missing}")
        for column in ("site", "batch"):
            lines += _levels(column, samples)
        known: dict[str, Sequence[float | str]] = {
            f"covariate {name}": values for name, values in self.cohort.covariates.items()
        }
        known |= {
            f"technical {name}": [sample.technical.get(name, "") for sample in samples]
            for name in self.table.technical
        }
        for what, values in known.items():
            text = {value for value in values if isinstance(value, str) and value}
            lines.append(f"{what}: {f'{len(text)} categories' if text else 'numbers'}")
        lines += gap_lines(samples, self.cohort.known())
        lines.append(
            "model under study: "
            + ("the score column" if self.table.columns.score else "logistic regression on all groups")
        )
        if self.cohort.scores is not None:
            lines += saturation_lines(self.cohort.scores)
        unused = self.cohort.unused
        if unused:
            more = ", ..." if len(unused) > 8 else ""
            lines.append(f"columns without a use: {len(unused)} ({', '.join(unused[:8])}{more})")
        return lines


def check_table(config: Config, table: FeatureTable) -> TableCheck:
    """Check a table and whether the subjects suffice for the folds.

    Raises
    ------
    InputError
        The first problem found that would stop the run.
    """
    cohort = read_table(table)
    subjects = {sample.subject: sample.label for sample in cohort.samples if sample.role == "discovery"}
    for label, name in ((1, "cases"), (0, "controls")):
        held = sum(own == label for own in subjects.values())
        if held < config.model.folds:
            raise InputError(
                f"table {table.path}: {held} discovery subjects are {name}, too few for "
                f"{config.model.folds} folds; lower model.folds or add subjects"
            )
    return TableCheck(cohort, table)


def _role_line(role: str, samples: Sequence[Sample]) -> str:
    subjects = {sample.subject: sample.label for sample in samples}
    cases = sum(label == 1 for label in subjects.values())
    return (
        f"{role}: {len(samples)} samples of {len(subjects)} subjects, {cases} cases and "
        f"{len(subjects) - cases} controls"
    )


def _levels(column: str, samples: Sequence[Sample]) -> list[str]:
    counts = Counter(getattr(sample, column) or "unknown" for sample in samples)
    if set(counts) == {"unknown"}:
        return [f"{column}: unknown; the audit can't compare within it"]
    told = ", ".join(f"{name} ({n})" for name, n in sorted(counts.items())[:12])
    return [f"{column}: {told}{', ...' if len(counts) > 12 else ''}"]
