"""The lock: a second opening under a changed protocol is counted, explained, and marked everywhere."""

import json
from pathlib import Path

import anndata
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from stored import stored, write_json

from cfdna_interp.artifacts import files
from cfdna_interp.artifacts.files import digest_file, read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.audit.audit import run_audit
from cfdna_interp.cli import cli
from cfdna_interp.cli import run as cli_run
from cfdna_interp.cohort.source import save_source
from cfdna_interp.config import load_config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments import preflight
from cfdna_interp.proxy import openings, validate
from cfdna_interp.proxy.openings import differing, record_opening
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.proxy.validate import run_validate
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.openings import Openings, nth_opening
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.report.manifest import build_manifest
from cfdna_interp.verdict.verdict import run_verdict
from cfdna_interp.workflow import results_alone

LABELS = {"P1": 1, "P2": 0}
MARKED = ("validation.json", "audit.json", "verdict.json")


def marks(config):
    """Return the `exploratory` of every output that holds held-out numbers."""
    layout = Layout.of(config.outdir)
    subjects = layout.file("validation.scores.parquet")
    table = pd.read_csv(layout.file("hypotheses.tsv"), sep="\t", dtype=str, keep_default_na=False)
    return [
        *(read_json(layout.file(name))["opening"]["exploratory"] for name in MARKED),
        build_manifest(config, layout).opening.exploratory,
        pq.read_schema(subjects).metadata[b"exploratory"] == b"true",
        bool(pd.read_parquet(subjects)["exploratory"].all()),
        bool((table["exploratory"] != "").all()),
    ]


def test_a_changed_protocol_is_marked_everywhere_and_the_same_one_nowhere(own_copy):
    layout = Layout.of(own_copy.outdir)
    run_validate(own_copy)
    assert marks(own_copy) == [False] * 7
    settings = Path(own_copy.sheet).with_name("config.yaml")
    changed = yaml.safe_load(settings.read_text()) | {"seed": 8}
    changed["validation"] |= {"sufficiency_margin": 0.2}
    settings.write_text(yaml.safe_dump(changed))
    second = load_config(settings)
    run_proxy(second)
    said = CliRunner().invoke(cli, ["validate", "--config", str(settings)])
    assert said.exit_code == 0, said.output
    run_audit(second)
    run_verdict(second)
    assert marks(second) == [True] * 7
    opening = read_json(layout.file("audit.json"))["opening"]
    assert opening["number"] == 2
    assert {"seed", "margins.sufficiency_margin"} <= set(opening["changed"])
    # Every output tells the same, and the command says it too.
    for name in MARKED:
        assert read_json(layout.file(name))["opening"] == opening
    assert "opening 2 of the held-out labels" in said.stderr
    assert "margins.sufficiency_margin" in said.stderr
    assert "exploratory" in read_json(layout.file("verdict.json"))["sentences"][1]
    copies = {path.stem: digest_file(path) for path in layout.root.glob("protocols/*.json")}
    assert sorted(copies) == sorted(each.protocol for each in stored(Openings, second).openings)
    assert all(name == digest for name, digest in copies.items())


def test_results_may_go_but_openings_stay(own_copy):
    layout = Layout.of(own_copy.outdir)
    for path in layout.root.glob("*"):
        if path.name.startswith(("validation", "audit", "verdict", "hypotheses")):
            path.unlink()
    path = layout.file("protocol.json")
    write_json(path, read_json(path) | {"software": "0.0.0"})
    opening = run_validate(own_copy)
    assert (opening.number, opening.changed) == (2, ("software",))


def test_without_the_first_protocol_what_changed_cannot_be_told(own_copy):
    layout = Layout.of(own_copy.outdir)
    (copy,) = layout.root.glob("protocols/*.json")
    copy.write_text("{}\n")
    protocol = read_json(layout.file("protocol.json"))
    write_json(layout.file("protocol.json"), protocol | {"seed": 8})
    opening = record_opening(layout, LABELS)
    assert (opening.number, opening.changed) == (2, None)
    assert "what changed cannot be told" in opening.note()


PAIR = {"protocol": "0" * 64, "labels": "1" * 64}
DAMAGED = [[], ["x"], [PAIR, PAIR], [PAIR | {"labels": "x"}], [PAIR | {"labels": None}]]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", '{"format": 1}', '{"protocols": ["x"]}'),
        *(json.dumps({"format": 1, "openings": openings}) for openings in DAMAGED),
    ],
)
def test_a_damaged_record_is_never_made_anew(own_copy, text):
    path = Layout.of(own_copy.outdir).file("openings.json")
    path.write_text(text)
    with pytest.raises(InputError, match=r"openings\.json is damaged.*restore it"):
        run_validate(own_copy)
    assert path.read_text() == text


@pytest.mark.parametrize("left", ["validation.json", "protocols"])
def test_a_missing_record_is_never_made_anew(own_copy, left):
    layout = Layout.of(own_copy.outdir)
    path = layout.file("openings.json")
    path.unlink()
    if left == "protocols":  # the copy of a protocol that is no longer the present one
        layout.file("validation.json").unlink()
        protocol = layout.file("protocol.json")
        write_json(protocol, read_json(protocol) | {"software": "0.0.0"})
    with pytest.raises(InputError, match=rf"openings\.json is missing, though .*{left}.*restore it"):
        run_validate(own_copy)
    assert not path.exists()


def flip(config, count):
    """Give the first held-out cases and controls of the sheet the other label."""
    sheet = pd.read_csv(config.sheet, sep="\t")
    heldout = sheet[sheet["role"] == "heldout"]
    rows = [row for label in (0, 1) for row in heldout.index[heldout["label"] == label][:count]]
    sheet.loc[rows, "label"] = 1 - sheet.loc[rows, "label"]
    sheet.to_csv(config.sheet, sep="\t", index=False)


def test_other_heldout_labels_are_another_opening(own_copy):
    layout = Layout.of(own_copy.outdir)
    first = Path(own_copy.sheet).read_text()
    flip(own_copy, 5)
    save_source(own_copy)
    for _ in range(2):
        opening = run_validate(own_copy)
        assert (opening.number, opening.changed, opening.total) == (2, ("held-out labels",), 2)
    assert "held-out labels" in stored(ValidationResult, own_copy).opening.note()
    assert len(list(layout.root.glob("protocols/*.json"))) == 1
    # The first labels again are the first opening again, of two.
    Path(own_copy.sheet).write_text(first)
    save_source(own_copy)
    opening = run_validate(own_copy)
    assert (opening.number, opening.exploratory, opening.total) == (1, False, 2)


@pytest.mark.parametrize("wrong", ["maybe", ""])
def test_a_typing_error_in_a_label_costs_no_opening(own_copy, wrong):
    layout = Layout.of(own_copy.outdir)
    for name in ("openings.json", "validation.json"):
        layout.file(name).unlink()
    sheet = pd.read_csv(own_copy.sheet, sep="\t", dtype=str)
    sheet.loc[sheet.index[sheet["role"] == "heldout"][3], "label"] = wrong
    sheet.to_csv(own_copy.sheet, sep="\t", index=False)
    with pytest.raises(InputError):
        run_validate(own_copy)
    assert not layout.file("openings.json").exists()


def test_nothing_is_measured_before_the_note(own_copy, monkeypatch):
    layout = Layout.of(own_copy.outdir)
    for name in ("openings.json", "validation.json"):
        layout.file(name).unlink()

    def dying(*arguments, **more):
        assert layout.file("openings.json").exists()
        raise Killed

    monkeypatch.setattr(validate, "measure", dying)
    with pytest.raises(Killed):
        run_validate(own_copy)


def test_a_protocol_that_is_only_written_otherwise_says_so(tmp_path):
    layout = Layout.of(tmp_path)
    for text in ("{}", "{ }"):
        layout.file("protocol.json").write_text(text)
        opening = record_opening(layout, LABELS)
    assert opening.changed == ()
    assert "these changed: nothing but how the protocol is written" in opening.note()


def test_files_of_two_openings_are_not_mixed(own_copy, monkeypatch):
    layout = Layout.of(own_copy.outdir)
    path = layout.file("protocol.json")
    write_json(path, read_json(path) | {"software": "0.0.0"})

    # Killed between the two writes of the second opening: its subjects beside the numbers of the first.
    def dying(record, path):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(validate, "save_record", dying)
        run_validate(own_copy)
    with pytest.raises(InputError, match=r"scores\.parquet is of another opening.*run the validate stage"):
        run_audit(own_copy)
    run_validate(own_copy)
    with pytest.raises(InputError, match=r"audit\.json is of another opening.*run the audit stage again"):
        run_verdict(own_copy)


@pytest.mark.parametrize(
    ("name", "change", "stage", "said"),
    [
        ("protocol.json", None, run_validate, "no format.*run the proxy stage again"),
        ("dominance.json", None, run_proxy, "no format, this version reads .*run the dominance stage again"),
        ("validation.json", "subgroups", run_audit, "'subgroups'.*run the validate stage again"),
        ("validation.json", "opening", run_audit, "run the validate stage again"),
        ("audit.json", "handling", run_verdict, "'handling'.*run the audit stage again"),
    ],
)
def test_whole_json_of_another_version_is_one_line(own_copy, name, change, stage, said):
    path = Layout.of(own_copy.outdir).file(name)
    write_json(path, {} if change is None else read_json(path) | {change: None})
    with pytest.raises(InputError, match=said):
        stage(own_copy)


def test_a_matrix_of_another_version_is_one_line(own_copy):
    path = Layout.of(own_copy.outdir).matrix("discovery")
    data = anndata.read_h5ad(path)
    del data.uns["study_groups"]
    data.write_h5ad(path, convert_strings_to_categoricals=False)
    with pytest.raises(InputError, match=r"no 'study_groups'.*another version; run the matrix stage again"):
        run_proxy(own_copy)


class Killed(BaseException):
    """Stands for a process that ends at once."""


# Files written before the end -> number of the opening when the command is given again.
@pytest.mark.parametrize(("survived", "number"), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 2)])
def test_killed_anywhere_no_opening_is_lost_or_invented(tmp_path, monkeypatch, survived, number):
    # Two openings write four files: copy, record, copy, record. The process ends before the next one.
    layout = Layout.of(tmp_path)
    write_json(layout.file("protocol.json"), {"seed": 1})
    done = 0
    whole = files.atomic_path

    def dying(path):
        nonlocal done
        if done == survived:
            raise Killed
        done += 1
        return whole(path)

    with monkeypatch.context() as patch:
        patch.setattr(openings, "atomic_path", dying)
        patch.setattr(openings, "save_record", lambda record, path: dying(path) and save_record(record, path))
        reached = []
        try:
            reached.append(record_opening(layout, LABELS).number)
            write_json(layout.file("protocol.json"), {"seed": 2})
            reached.append(record_opening(layout, LABELS).number)
        except Killed:
            pass
    # Labels are read after the function returns: as many protocols were opened as calls came back.
    record = layout.file("openings.json")
    noted = load_record(Openings, record).openings if record.is_file() else ()
    assert len(noted) == len(reached)
    # What was left behind is taken up again, and counts once.
    assert record_opening(layout, LABELS).number == number


KEYS = st.text("abc", min_size=1, max_size=2)
TREES = st.recursive(st.integers(0, 2), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)


@given(st.dictionaries(KEYS, TREES, max_size=4), st.dictionaries(KEYS, TREES, max_size=4))
def test_what_changed_is_empty_for_equal_protocols_alone(a, b):
    assert (differing(a, b) == ()) == (a == b)
    assert differing(a, b) == differing(b, a)


def test_changed_keys_are_named_by_their_path():
    first = {"seed": 1, "margins": {"x": 0.1, "y": 0.2}, "groups": ["a"], "absent": {}}
    second = {"seed": 1, "margins": {"x": 0.3, "y": 0.2}, "groups": ["a", "b"], "absent": None}
    assert differing(first, second) == ("absent", "groups", "margins.x")


@pytest.mark.parametrize(("number", "said"), [(1, ""), (2, "opening 2 of the held-out labels")])
def test_the_whole_workflow_ends_with_the_same_words(own_copy, monkeypatch, number, said):
    settings = Path(own_copy.sheet).with_name("config.yaml")
    path = Layout.of(own_copy.outdir).file("validation.json")

    def workflow(*_, **__):
        opening = nth_opening(number, number, "0" * 64, ("seed",) if number > 1 else ())
        save_record(structs.replace(load_record(ValidationResult, path), opening=opening), path)
        return 0, None

    monkeypatch.setattr(cli_run, "_run", workflow)
    monkeypatch.setattr(preflight, "preflight", lambda config: None)
    monkeypatch.setattr(results_alone, "check_results_alone", lambda config: None)
    result = CliRunner().invoke(cli, ["run", "--config", str(settings)])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{Path(own_copy.outdir) / 'report.html'}\n"
    assert said in result.stderr and bool(said) == bool(result.stderr)
