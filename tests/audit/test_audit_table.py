"""The audit of a cohort that came as a table: what it has is used, what it lacks is said."""

import pytest
from frozen_table import TableWorld, finished_table_run

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.verdict import Verdict

GROUPS = {"sizes", "marks", "copy_number"}


def scores_of(config):
    return read_json(Layout.of(config.outdir).file("validation.json"))["scores"]


def audit_of(config):
    return load_record(Audit, Layout.of(config.outdir).file(Audit.FILE))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_table_run(TableWorld(), tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return finished_table_run(TableWorld(bare=True, per_class=20), tmp_path_factory.getbasetemp())


def test_groups_of_any_name_are_validated_and_audited(finished):
    scores = scores_of(finished)
    assert {f"baseline_{group}" for group in GROUPS} <= set(scores)
    assert scores["proxy"]["auroc"]["low"] > 0.5
    audit = audit_of(finished)
    assert set(audit.batch_from_groups) == GROUPS
    # Sites were dealt out by chance, and the signal is in the person.
    assert audit.handling.status == "not handling"
    assert load_record(Verdict, Layout.of(finished.outdir).file(Verdict.FILE)).group == "sizes"


def test_further_covariates_and_technical_columns_are_held(finished):
    audit = audit_of(finished)
    terms = {effect.term for effect in audit.adjusted.effects}
    held = set(audit.person.held)
    assert "proxy" in terms and held == {"age", "sex", "smoking"}
    # Both kinds of columns know nothing of the label: 80 subjects, so .5 lies inside.
    for baseline in (audit.covariates, audit.technical):
        assert baseline.auroc.low < 0.5 < baseline.auroc.high


def test_without_fragments_the_audit_says_what_was_not_looked_for(finished):
    leakage = audit_of(finished).leakage
    assert leakage.shared_fragments.pairs == ()
    assert leakage.shared_fragments.missing == Missing(why=Cause.NO_FRAGMENTS)
    assert leakage.read_names == "no reads"
    assert leakage.near_duplicates.samples == 160


def test_a_table_of_features_alone_is_audited_as_far_as_that_goes(bare):
    audit = audit_of(bare)
    assert audit.technical.auroc is None and audit.technical.missing is not None
    assert audit.covariates.auroc is None
    assert [effect.term for effect in audit.adjusted.effects] == ["proxy"]
    assert audit.handling.status == "can't tell"
    assert audit.handling.obstacles == ("one place",)
    assert audit.person.status == "can't tell: not recorded"
    assert audit.overlap_weighted.missing is not None
    assert scores_of(bare)["model"]["auroc"]["value"] > 0.8
