"""Cautions: what was found and breaks nothing, an earlier correction, and columns in no baseline."""

import made_audit
import pytest
from made_audit import broken, molecules, source, twins
from made_validation import protocol

from cfdna_interp.config.settings import Corrected
from cfdna_interp.records.leaks import Leak
from cfdna_interp.records.protocol import ColumnKnown
from cfdna_interp.verdict.leak_cautions import leak_cautions


def cautions(*, corrected=None, left_out=None, **leakage):
    frozen = protocol(corrected=Corrected(**{"how": "none"} | (corrected or {})), left_out=left_out or {})
    return [caution.sentence for caution in leak_cautions(frozen, made_audit.leakage(**leakage))]


def test_nothing_found_is_no_caution():
    assert cautions(readable_labels=(source(tells=False),)) == []


@pytest.mark.parametrize(
    ("corrected", "said"),
    [
        (
            {"how": "unknown"},
            "Whether the values were corrected for batches before they came here is not known",
        ),
        (
            {"how": "blind", "by": "limma"},
            "corrected for batches over both roles (by limma); labels had no part",
        ),
        ({"how": "with labels", "over": "discovery"}, "figures of discovery subjects overstate"),
    ],
)
def test_an_earlier_correction_is_said(corrected, said):
    (caution,) = cautions(corrected=corrected)
    assert said in caution


def test_a_correction_that_refuses_is_said_by_the_rungs():
    assert cautions(corrected={"how": "with labels", "over": "both roles"}) == []


def test_what_is_listed_apart_is_said_by_role_and_not_twice():
    both = (source(role="discovery"), source(), source("letters in the sample's id"))
    discovery, heldout = cautions(readable_labels=both)
    assert discovery.startswith("The discovery label is read from order of the rows (AUROC 1.00, n = 80).")
    assert "order of the rows (AUROC 1.00, n = 80); letters in the sample's id" in heldout
    # What breaks the rung stands there.
    (_, left) = cautions(
        readable_labels=both, breaks=(broken(Leak.FOLLOWED, 80, source="order of the rows"),)
    )
    assert "order of the rows" not in left and "letters" in left


def test_twins_within_a_role_are_counted_once():
    roles = ("heldout", "heldout")
    (caution,) = cautions(
        near=(twins("S1", "S2", roles), twins("S1", "T2")), shared=(molecules("S1", "S2", roles),)
    )
    assert caution.startswith(
        "One pair of samples of different subjects within a role is nearly the same (first S1"
    )


def test_a_column_in_no_baseline_is_named():
    (caution,) = cautions(left_out={"covariate_bmi": ColumnKnown(who="discovery cases", known=0, of=56)})
    assert caution == "The baseline leaves out bmi: it is known of 0 of 56 discovery cases."
