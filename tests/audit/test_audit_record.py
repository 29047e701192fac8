"""`audit.json` of a finished run: what is in it, and what a confounded or a leaking cohort does to it."""

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from frozen_run import World, copy_of, finished_run
from msgspec import structs
from stored import write_json

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.audit.audit import run_audit
from cfdna_interp.errors import InputError
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.verdict.claim_words import decides_words


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_run(World(), tmp_path_factory.getbasetemp())


def record(config):
    return load_record(Audit, Layout.of(config.outdir).file(Audit.FILE))


def test_every_part_is_there_and_biology_passes(finished):
    audit = record(finished)
    assert audit.handling.status == "not handling"
    assert audit.handling.measure.auroc.low > 0.5
    assert audit.handling.measure.fall.high_one_sided < 0.03
    assert audit.person.status == "not age or sex"
    assert set(audit.person.held) == {"age", "sex"}
    assert decides_words(audit.handling) == ""
    assert audit.overlap_weighted.missing is None
    assert audit.overlap_weighted.low > 0.5
    assert audit.within_strata.fall.low < 0 < audit.within_strata.fall.high
    assert audit.depth_matched.low > 0.5
    assert audit.leave_one_site_out.value is None  # two sites
    assert audit.leave_one_site_out.groups == ("fragment_length",)
    assert audit.shift.p > 0.005 and len(audit.shift.features) == 35
    assert audit.adjusted.robust[0].term == "proxy"
    assert "fewer than 20 clusters" in audit.adjusted.errors
    leakage = audit.leakage
    assert leakage.shared_subjects == ()
    assert leakage.near_duplicates.pairs == ()
    assert leakage.shared_fragments.samples == 0
    assert {row.role for row in leakage.readable_labels} == {"discovery", "heldout"}


def test_a_baseline_that_is_not_there_says_why_as_the_protocol_does(finished, tmp_path):
    config = copy_of(finished, tmp_path / "copy")
    layout = Layout.of(config.outdir)
    protocol, validation = (read_json(layout.file(f"{name}.json")) for name in ("protocol", "validation"))
    for score in ("baseline_technical", "baseline_covariates"):
        del validation["scores"][score]
    write_json(layout.file("validation.json"), validation)
    penalty = Missing(why=Cause.PENALTY)
    absent = {"baseline_technical": structs.asdict(penalty)}
    write_json(layout.file("protocol.json"), protocol | {"absent": absent})
    run_audit(config)
    audit = record(config)
    assert (audit.technical.auroc, audit.technical.missing) == (None, penalty)
    assert audit.covariates.missing == Missing(why=Cause.NO_INPUT)


def test_a_copied_sample_is_named_with_its_roles(finished, tmp_path):
    import anndata

    config = copy_of(finished, tmp_path / "copy")
    layout = Layout.of(config.outdir)
    discovery, heldout = (anndata.read_h5ad(layout.matrix(role)) for role in ("discovery", "heldout"))
    heldout.X[4] = discovery.X[7] * 1.001
    heldout.write_h5ad(layout.matrix("heldout"), convert_strings_to_categoricals=False)
    run_audit(config)
    (pair,) = record(config).leakage.near_duplicates.pairs
    assert (pair.a, pair.b, pair.roles) == ("D007", "H004", ("discovery", "heldout"))


def test_a_subject_without_a_label_is_an_error(finished, tmp_path):
    config = copy_of(finished, tmp_path / "copy")
    path = Layout.of(config.outdir).file("validation.scores.parquet")
    scores = pq.read_table(path)
    pq.write_table(scores.filter(pc.field("subject") != "Ph003"), path)
    with pytest.raises(InputError, match=r"subject Ph003: .*run the validate stage again"):
        run_audit(config)


def test_the_same_run_gives_the_same_record(finished, tmp_path):
    config = copy_of(finished, tmp_path / "copy")
    run_audit(config)
    assert record(config) == record(finished)
    assert record(config).shift.auroc is not None


def test_the_margin_is_that_of_the_protocol(finished, tmp_path):

    config = copy_of(finished, tmp_path / "copy")
    later = structs.replace(config, validation=structs.replace(config.validation, fall_margin=0.4))
    run_audit(later)
    assert record(later) == record(finished)
    path = Layout.of(config.outdir).file("protocol.json")
    protocol = read_json(path)
    # A margin that no bound lies below: what was earned under the frozen one isn't any more.
    write_json(path, protocol | {"margins": protocol["margins"] | {"fall_margin": 1e-9}})
    run_audit(config)
    assert record(config).handling.status == "can't tell"
