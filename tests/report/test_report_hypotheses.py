"""Cards of hypotheses: all of the table, shared texts once, names escaped, one card without a group."""

from types import SimpleNamespace

import made_proxy
import pytest
from frozen_run import dominance
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from made_validation import counts
from test_report_page import Reader

from cfdna_interp.records.held import ClaimStatus
from cfdna_interp.report.hypotheses import arrange
from cfdna_interp.report.report import TEMPLATES
from cfdna_interp.verdict.hypotheses import Hypothesis, as_table, hypotheses
from cfdna_interp.verdict.ladder import Judgement, Judgements

HANDLING = Hypothesis(
    "It arises in handling.", "either", "", "", "", "0.8", "can't tell: few", "qPCR", "two tubes"
)
LENGTH = Hypothesis(
    statement="Cases have a higher <script>alert(1)</script> than controls.",
    direction="higher in cases",
    coefficient="0.26",
    low="0.22",
    high="0.31",
    share_of_attribution="0.8",
    handling="can't tell: few",
    assay="60 and 150 bp | DNASE1L3 activity",
    control_arm="two tubes",
    rank="1",
    priority="0.878",
    feature="length_bin_100_105 | length_bin_105_110",
    difference="1.10",
    difference_low="0.61",
    difference_high="1.59",
    difference_p="1e-5",
    q="0.00002",
    sd="0.012",
    unadjusted="1.30 [0.80 to 1.80]",
    held="age, technical_hours_to_spin",
    not_held="not held, since a term needs 10 subjects: site=B",
    heldout_auroc="0.75",
    heldout_low="0.64",
    heldout_high="0.84",
    heldout_p="0.004",
    heldout_q="0.008",
    replication="yes: same direction",
    share_of_proxy="0.4",
    mechanisms_for="less DNASE1L3 activity: short ones rise | tissue: shorter DNA",
    mechanisms_against="lysis: long ones rise",
    mechanisms_silent="slower clearance",
    would_refute="less DNASE1L3 activity: activity is the same",
    sources="A et al. (2019) | B & C (2020)",
    sample_size="51 cases + 51 controls",
    control_size="27 persons",
)


def read(*rows):
    lines = [line.split("\t") for line in as_table(list(rows)).splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def run(*rows):
    proxy = SimpleNamespace(n=counts(40, 41)) if len(rows) > 1 else None
    validation = SimpleNamespace(n=counts(30, 31))
    return SimpleNamespace(hypotheses=read(*rows), proxy=proxy, validation=validation)


def page(*rows):
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("sections/hypotheses.html").render(hypotheses=arrange(run(*rows)))


def test_a_card_says_everything_that_the_table_does():
    card = arrange(run(HANDLING, LENGTH)).cards[1]
    text = " ".join(card.estimates)
    for part in (
        "coefficient 0.26 [0.22, 0.31]",
        "n = 40 discovery cases + 41 controls",
        "1.10 SD [0.61, 1.59], Age, Hours to spin held, q < 0.001",
        "unadjusted 1.30 [0.80 to 1.80] SD",
        "replicated: yes: same direction; AUROC of the feature alone on n = 30 held-out cases + 31 controls "
        "0.75 [0.64, 0.84]",
        "one-sided p = 0.004, q = 0.008",
        "rank 1, priority 0.878 of 1",
    ):
        assert part in text
    assert card.facts["Fits"] == ("less DNASE1L3 activity: short ones rise", "tissue: shorter DNA")
    assert card.facts["Does not fit"] == ("lysis: long ones rise",)
    assert card.facts["Sources don't say"] == ("slower clearance",)
    assert card.facts["Subjects"] == ("51 cases + 51 controls",)
    assert card.facts["Persons in the control arm"] == ("27 persons",)
    assert card.sources == ("A et al. (2019)", "B & C (2020)")


def test_what_all_share_is_said_once():
    found = arrange(run(HANDLING, LENGTH))
    assert found.common == {
        "Share of the attribution": ("0.8",),
        "Handling": ("can't tell: few",),
        "Control arm": ("two tubes",),
    }
    assert not set(found.common) & set(found.cards[0].facts)
    assert found.cards[0].estimates == ()


def test_nothing_of_a_table_is_markup_and_cards_have_names():
    html = page(HANDLING, LENGTH)
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert html.count("<article") == html.count('aria-labelledby="hypothesis-') == 2
    assert 'id="hypothesis-2"' in html
    assert html.count("<dl") == html.count("</dl>")
    assert "B &amp; C (2020)" in html
    Reader().feed(html)


def test_untested_numbers_leave_no_holes():
    bare = Hypothesis("A guess.", "higher in cases", "0.2", "0.1", "0.3", "0.8", "x", "y", "z", rank="1",
                      priority="0.000", replication="not tested: measured in 0 cases")  # fmt: skip
    card = arrange(run(HANDLING, bare)).cards[1]
    assert len(card.estimates) == 3
    assert card.estimates[1] == "replicated: not tested: measured in 0 cases"
    assert "SD [" not in " ".join(card.estimates)
    assert "–" not in page(HANDLING, bare)


def test_a_table_of_the_old_columns_is_still_shown():
    rows = [
        {name: text for name, text in row.items() if name in list(row)[:9]} for row in read(HANDLING, LENGTH)
    ]
    found = arrange(SimpleNamespace(hypotheses=rows, proxy=SimpleNamespace(n=counts(1, 2))))
    assert len(found.cards[1].estimates) == 1
    assert found.cards[1].sources == ()


@pytest.mark.parametrize("outcome", ["none", "redundant"])
def test_without_a_group_one_card_says_what_would_decide(outcome):
    few = Judgement(ClaimStatus.CANT_TELL, "few", "")
    given = made_proxy.proxy(None, "no group is dominant")
    rows = hypotheses(given, dominance(outcome), Judgements(few, few), None, 1)
    html = page(*rows)
    assert html.count("<article") == 1
    assert "To decide: " in html
