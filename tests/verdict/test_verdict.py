"""From planted numbers to a verdict, through every stage from `proxy` on."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from frozen_run import World, finished_run
from msgspec import structs
from stored import stored

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.cli import cli
from cfdna_interp.errors import InputError
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.held import ClaimObstacle
from cfdna_interp.records.openings import nth_opening
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import Counts
from cfdna_interp.records.verdict import Audited, FewSubjects, Verdict
from cfdna_interp.verdict.verdict import run_verdict

CHAIN = ("proxy", "validate", "audit", "verdict")


def verdict_of(world, tmp_path_factory):
    config = finished_run(world, tmp_path_factory.getbasetemp())
    return config, load_record(Verdict, Layout.of(config.outdir).file(Verdict.FILE))


def test_a_length_effect_climbs_to_l5(tmp_path_factory):
    config, verdict = verdict_of(World(), tmp_path_factory)
    assert verdict.headline == "L5"
    assert verdict.group == "fragment_length"
    assert verdict.simulated
    table = Layout.of(config.outdir).file("hypotheses.tsv")
    assert verdict.hypotheses_digest == digest_file(table)
    rows = table.read_text().splitlines()
    assert rows[0].startswith("statement\t")
    assert "handling" in rows[1]
    assert "share of fragments of" in rows[2]


def test_a_difference_between_sites_is_called_handling_or_attenuated(tmp_path_factory):
    config, verdict = verdict_of(World(effect=0, site_shift=4, agreement=0.825), tmp_path_factory)
    assert verdict.headline == "L3"
    assert verdict.rungs[4].word in ("handling", "attenuated")
    audit = load_record(Audit, Layout.of(config.outdir).file(Audit.FILE))
    assert audit.handling.score == "proxy"
    # The tube is the site here: technical columns alone reach what the site gives, .825 of subjects.
    assert audit.technical.auroc.value > 0.7
    assert audit.batch_from_groups["fragment_length"].p == 0.01


def test_no_effect_earns_no_signal(tmp_path_factory):
    _, verdict = verdict_of(World(effect=0), tmp_path_factory)
    assert verdict.headline is None
    assert verdict.rungs[0].status != "earned"


def test_label_nested_in_site(tmp_path_factory):
    config, verdict = verdict_of(World(agreement=1.0), tmp_path_factory)
    assert verdict.rungs[4].status == "can't tell"
    assert verdict.rungs[4].reasons == (Audited(),)
    audit = load_record(Audit, Layout.of(config.outdir).file(Audit.FILE))
    assert ClaimObstacle.NESTED in audit.handling.obstacles


def test_the_table_has_the_word_of_the_ladder_where_that_overrules_the_audit(tmp_path_factory):
    config, verdict = verdict_of(World(per_class=14), tmp_path_factory)
    few = FewSubjects(role="discovery", n=Counts(case=14, control=14), needed=15)
    assert (verdict.rungs[4].word, verdict.rungs[4].reasons) == ("can't tell", (few,))
    table = Layout.of(config.outdir).file("hypotheses.tsv").read_text()
    assert "\tcan't tell: the discovery cohort has 14 cases" in table and "not handling" not in table


def test_the_commands_write_what_the_functions_write(own_copy):
    layout = Layout.of(own_copy.outdir)
    names = ("proxy.json", "protocol.json", "validation.json", "audit.json", "verdict.json", "hypotheses.tsv")
    before = [digest_file(layout.file(name)) for name in names]
    for name in names:
        layout.file(name).unlink()
    config = Path(own_copy.sheet).with_name("config.yaml")
    for command in CHAIN:
        result = CliRunner().invoke(cli, [command, "--config", str(config)])
        assert result.exit_code == 0, result.output
    assert [digest_file(layout.file(name)) for name in names] == before


def test_a_validation_of_another_protocol_stops(own_copy):
    layout = Layout.of(own_copy.outdir)
    record = stored(ValidationResult, own_copy)
    opening = nth_opening(1, 1, "0" * 64)
    save_record(structs.replace(record, opening=opening), layout.file(ValidationResult.FILE))
    with pytest.raises(InputError, match="made under another protocol"):
        run_verdict(own_copy)
