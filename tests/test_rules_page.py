"""The pages of rules and rooms say what the code does: its thresholds, and which room may import which."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_architecture import ORDER

from cfdna_interp.attribution import judge, lead, roles
from cfdna_interp.audit import claims, duplicates, held_columns, hold, leak_rule
from cfdna_interp.config.settings import Validation
from cfdna_interp.stats import roc
from cfdna_interp.verdict import ladder

DOCS = Path(__file__).resolve().parents[1] / "docs"
RULES = " ".join((DOCS / "rules.md").read_text().split())
MARGINS = Validation()


def short(number: float) -> str:
    """Write .05 for 0.05, as the page does."""
    return f"{number:g}".removeprefix("0")


def hundredths(number: float) -> str:
    """Write .10 for 0.1."""
    return f"{number:.2f}".removeprefix("0")


@pytest.mark.parametrize(
    "sentence",
    [
        f"over the bootstrap refits exceeds {hundredths(lead.LEAD)} under",
        f"(`validation.signal_ceiling`, {short(MARGINS.signal_ceiling)})",
        f"take more than {judge.CONTEXT_LIMIT:.0%}".replace("%", " %"),
        f"The correlation is at least {short(roles.ALIKE)}, and at least {roles.SURELY_ALIKE} / √subjects",
        f"at least {short(MARGINS.necessity_margin)} of AUROC and {roles.SURE_COST} / √subjects in d'",
        f"leaving out either costs at least {hundredths(judge.INTERACTION_COST)} of AUROC",
        f"the lower bound of its fidelity is at least {short(judge.FIDELITY)}",
        f"lower bound > {short(MARGINS.necessity_margin)} (held-out)",
        f"upper bound < {short(MARGINS.replaceable_margin)}: `replaceable`",
        f"one-sided upper bound < {short(MARGINS.sufficiency_margin)} (held-out, paired)",
        f"one-sided upper bound of the fall < {short(MARGINS.fall_margin)}",
        f"With fewer than {ladder.FEWEST} subjects of a class in a role",
        f"permutation p ≤ {short(ladder.SIGNIFICANT)}",
        f"With at least {roc.DELONG_MINIMUM} subjects in each class",
        f"One term is held for each {held_columns.SUBJECTS_PER_TERM} subjects",
        f"With fewer than {held_columns.CURVED} values",
        f"worth fewer than {hold.WORTH} of a class",
        f"(Cochran's Q, p after Holm ≤ {short(claims.DIFFER)})",
        f"tells the classes apart (p after Holm ≤ {short(held_columns.TRUSTED)})",
        f"q ≤ {short(duplicates.SIGNIFICANT)} over all searches",
        f"(one-sided permutation p after Holm ≤ {short(leak_rule.SIGNIFICANT)})",
    ],
)
def test_a_threshold_of_the_page_is_that_of_the_code(sentence: str) -> None:
    assert sentence in RULES


def test_rooms_stand_in_the_order_of_their_imports() -> None:
    page = (DOCS / "architecture.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == ORDER
