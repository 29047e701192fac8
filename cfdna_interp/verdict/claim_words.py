"""What the audit says of handling and of the person, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cfdna_interp.audit.hold import WORTH
from cfdna_interp.audit.overlap import EXTREME, MOST_OUTSIDE
from cfdna_interp.records.held import (
    ClaimObstacle,
    ClaimStatus,
    ColumnObstacle,
    CovariatesAlone,
    HeldClaim,
    HeldColumn,
    Question,
)
from cfdna_interp.stats.power import POWER


@dataclass(frozen=True)
class _Answers:
    """How the answers to a question are said."""

    what: str  # what is held, in the plural
    earned: str
    attenuated: str
    gone: str


ANSWERS: dict[Question, _Answers] = {
    "handling": _Answers(
        "batches and technical columns",
        "the signal is there among subjects who were handled alike",
        "part of the signal goes along with handling, or with what handling and disease share",
        "the signal goes along with handling, none is shown among subjects who were handled alike",
    ),
    "person": _Answers(
        "age, sex and further covariates",
        "the signal is there among persons who are alike in them",
        "part of the signal goes along with them",
        "the signal goes along with them, none is shown among persons who are alike in them",
    ),
}
# Which data would decide.
WANTED = {
    ClaimObstacle.NESTED: "batches that hold both classes",
    ClaimObstacle.COARSE: "batches that hold both classes",
    ClaimObstacle.ONE_PLACE: (
        "a second batch or site that holds both classes, or a technical column that tells the classes apart"
    ),
    ClaimObstacle.COLUMNS: (
        "subjects of both classes of whom these columns are known, and enough of them to hold the columns"
    ),
    ClaimObstacle.OVERLAP: "cases and controls who were handled alike, or are alike in these columns",
    ClaimObstacle.SITES_DIFFER: "more sites, or what tells them apart",
    ClaimObstacle.NOT_RECORDED: "the subjects' ages",
}
# Why a column isn't held, where that keeps a claim open.
NOT_HELD = {
    ColumnObstacle.MISSING: "not known for a fifth of a class or more",
    ColumnObstacle.LABEL: "the label tells it",
    ColumnObstacle.TOO_MANY: "it tells the label, and the subjects carry no further column",
}


def claim_words(claim: HeldClaim) -> str:
    """Say what became of a claim, with the figures, their n, and the names of what was held; a clause."""
    said = f"{_figures(claim)}: {_answer(claim)}"
    if claim.mediators:
        said += f"; declared mediators, not held: {', '.join(claim.mediators)}"
    said += _alone(claim.alone)
    if "sex" in claim.not_recorded:
        said += "; sex isn't recorded and isn't held"
    return said


def decides_words(claim: HeldClaim) -> str:
    """Say which data would decide; "" where it is decided."""
    if claim.status not in (ClaimStatus.CANT_TELL, ClaimStatus.NOT_RECORDED):
        return ""
    said = list(dict.fromkeys(WANTED[obstacle] for obstacle in claim.obstacles if obstacle in WANTED))
    if count := claim.subjects_needed:
        said.append(
            f"{count} cases and {count} controls who can be compared (this cohort's are worth "
            f"{_worth(claim):.0f} of each), if these figures are the truth and with a power of {POWER:.0%}"
        )
    return "; ".join(said) or "a cohort in which the score tells the classes apart"


def series(names: Sequence[str]) -> str:
    """Return names with commas, and with "and" before the last."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _answer(claim: HeldClaim) -> str:
    answers = ANSWERS[claim.question]
    match claim.status:
        case ClaimStatus.NOT_HANDLING | ClaimStatus.NOT_PERSON:
            fall = None if claim.measure is None else claim.measure.fall.low
            small = fall is not None and fall > 0
            return answers.earned + (", but for a fall smaller than the margin" if small else "")
        case ClaimStatus.ATTENUATED:
            return answers.attenuated
        case ClaimStatus.HANDLING | ClaimStatus.CONFOUNDED:
            return answers.gone
        case ClaimStatus.CANT_TELL | ClaimStatus.NOT_RECORDED:
            return "; ".join(_why(obstacle, claim) for obstacle in claim.obstacles) or _open(claim)


def _figures(claim: HeldClaim) -> str:
    """Say what was measured, with n and what was held."""
    with_held = f"with {series(claim.held)} held" if claim.held else ""
    how = " and ".join(part for part in (_places(claim), with_held) if part)
    measure = claim.measure
    if not how:
        return f"nothing is recorded that can be held (crude held-out AUROC {claim.crude:.2f})"
    if measure is None:
        return f"{how}, no AUROC could be measured (crude {claim.crude:.2f})"
    value, fall = measure.auroc, measure.fall
    return (
        f"{how}, the held-out AUROC is {value.value:.2f} [{value.low:.2f} to {value.high:.2f}] "
        f"({measure.case} cases and {measure.control} controls), crude {measure.crude:.2f}, a fall of "
        f"{fall.value:.2f} [{fall.low:.2f} to {fall.high:.2f}]"
    )


def _places(claim: HeldClaim) -> str:
    if claim.place is None or claim.measure is None:
        return ""
    count, many = claim.measure.strata, "batches" if claim.place == "batch" else "sites"
    return f"within {count} mixed {many}" if count > 1 else f"within one mixed {claim.place}"


def _worth(claim: HeldClaim) -> float:
    return 0.0 if claim.measure is None else claim.measure.worth


def _why(obstacle: ClaimObstacle, claim: HeldClaim) -> str:
    worth = _worth(claim)
    return {
        ClaimObstacle.NESTED: "no batch holds both classes",
        ClaimObstacle.ONE_PLACE: (
            "nothing recorded could have told: no second batch or site was compared, and no technical column "
            "tells the classes apart"
        ),
        ClaimObstacle.COLUMNS: f"not held: {_not_held(claim.columns)}",
        ClaimObstacle.OVERLAP: (
            f"{ANSWERS[claim.question].what} all but tell the label: of more than {MOST_OUTSIDE:.0%} of the "
            f"subjects they say the class with a probability above {1 - EXTREME:.0%}"
        ),
        ClaimObstacle.COARSE: "most comparisons hold the site and not the batch",
        ClaimObstacle.SITES_DIFFER: (
            f"the AUROC differs between sites (p after Holm {claim.sites_differ or 0:.2g})"
        ),
        ClaimObstacle.FEW: (
            f"subjects who can be compared are worth {worth:.0f} cases and {worth:.0f} controls, fewer than "
            f"{WORTH}"
        ),
        ClaimObstacle.NOT_RECORDED: "age isn't recorded, or doesn't vary, or isn't to be held",
    }[obstacle]


def _open(claim: HeldClaim) -> str:
    low = None if claim.measure is None else claim.measure.auroc.low
    if low is not None and low <= 0.5:
        return "chance is not excluded, and no fall is shown"
    return "a fall that matters is not excluded, and none is shown"


def _not_held(columns: Sequence[HeldColumn]) -> str:
    return ", ".join(
        f"{column.name} ({NOT_HELD[column.obstacle]})" for column in columns if column.obstacle in NOT_HELD
    )


def _alone(alone: CovariatesAlone | None) -> str:
    """Say that covariates alone do as well as the score, where they have signal and it isn't shown better."""
    if alone is None or alone.auroc.low is None or not alone.auroc.low > 0.5:
        return ""
    low, high = alone.difference.low, alone.difference.high
    if low is None or high is None or low > 0:
        return ""
    worse = "does worse" if high < 0 else "isn't shown to do better"
    return (
        f"; covariates alone reach {alone.auroc.value:.2f} on the same held-out subjects, and the score "
        f"{worse} ({alone.difference.value:+.2f} [{low:+.2f} to {high:+.2f}])"
    )
