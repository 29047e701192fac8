"""Settings: what is allowed is written once, mistakes are named by key or line, paths start at the config."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, get_type_hints

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.config import Config, load_config
from cfdna_interp.config.load import SCHEMA
from cfdna_interp.config.resources import shipped
from cfdna_interp.config.settings import per_mate
from cfdna_interp.errors import InputError

SETTINGS = yaml.safe_load(SCHEMA.read_text())
SECTIONS = {
    name: kind for name, kind in get_type_hints(Config).items() if dataclasses.is_dataclass(kind)
}  # fmt: skip


def write(folder, text="", head="sheet: sheet.tsv\noutdir: out\n"):
    path = folder / "config.yaml"
    path.write_text(head + text)
    return path


def names(kind: Any) -> set[str]:
    return {item.name for item in dataclasses.fields(kind)}


def refused(path) -> str:
    with pytest.raises(InputError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(f"config {path}")
    assert "\n" not in message
    return message


def test_schema_and_dataclasses_have_the_same_keys():
    assert set(SETTINGS["properties"]) == names(Config)
    assert set(SECTIONS) == {k for k, v in SETTINGS["properties"].items() if v.get("type") == "object"}
    for name, kind in SECTIONS.items():
        section = SETTINGS["properties"][name]
        assert set(section["properties"]) == names(kind), name
        assert section["additionalProperties"] is False


def limits(node: Any, name: str = ""):
    """The keys of whole numbers with their largest one."""
    if isinstance(node, dict):
        if "integer" in node.get("type", ()) and "string" not in node["type"]:
            yield name, node.get("maximum")
        for key, inner in node.items():
            yield from limits(inner, key)
    elif isinstance(node, list):
        for inner in node:
            yield from limits(inner, name)


def test_whole_numbers_fit_into_what_computes_with_them(tmp_path):
    found = list(limits(SETTINGS))
    assert {"seed", "window", "bag_size", "components"} <= {name for name, _ in found}
    assert not [name for name, most in found if most is None or most > 2**32]
    said = refused(write(tmp_path, f"features: {{window: {10**30}}}\n"))
    assert "features.window" in said and "maximum of 1000000000" in said


def test_required_keys_are_those_without_a_default():
    missing = dataclasses.MISSING
    bare = {
        item.name
        for item in dataclasses.fields(Config)
        if item.default is missing and item.default_factory is missing
    }
    assert set(SETTINGS["required"]) == bare == {"outdir"}


def test_the_template_names_every_key_and_shows_the_defaults():
    path = shipped("config", "config.yaml")
    raw = yaml.safe_load(path.read_text())
    assert set(raw) == names(Config)
    for name, kind in SECTIONS.items():
        assert set(raw[name]) == names(kind), name
    loaded = load_config(path)
    assert loaded == Config(sheet=loaded.sheet, outdir=loaded.outdir)


def test_the_demo_loads_and_lies_in_the_demo_folder():
    config = load_config(shipped("config", "demo.yaml"))
    root = shipped("Snakefile").parent
    assert config.sheet == str(root / "demo/cohort/sheet.tsv")
    assert config.atlas == str(root / "demo/cohort/atlas.tsv")
    assert config.reference.build == str(root / "demo/cohort/build.tsv")
    # The demo must be able to earn a claim: the rule asks for 19 permutations and 20 refits at least.
    assert (config.attribution.bootstrap, config.attribution.permutations) == (50, 19)


def test_paths_start_at_the_configs_folder(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    text = "atlas: ../atlas.tsv\nreference: {build: ./g.tsv, fasta: /abs/g.fa}\nextract: {blacklist: b.bed}\n"
    text += "features: {annotation: c.bed}\n"
    path = write(tmp_path / "a", text)
    config = load_config(path)
    assert config.sheet == str(tmp_path / "a/sheet.tsv")
    assert config.outdir == str(tmp_path / "a/out")
    assert config.atlas == str(tmp_path / "atlas.tsv")
    assert (config.reference.build, config.reference.fasta) == (str(tmp_path / "a/g.tsv"), "/abs/g.fa")
    assert config.extract.blacklist == str(tmp_path / "a/b.bed")
    assert config.features.annotation == str(tmp_path / "a/c.bed")
    monkeypatch.chdir(tmp_path)
    assert load_config(os.path.join("a", "config.yaml")) == config


def test_names_of_builds_and_addresses_are_no_paths(tmp_path):
    config = load_config(write(tmp_path, "reference: {build: GRCh38, fasta: 'https://host/g.fa'}\n"))
    assert (config.reference.build, config.reference.fasta) == ("GRCh38", "https://host/g.fa")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sede: 1\n", ["unknown key 'sede'", "did you mean 'seed'?"]),
        ("extract: {min_mapqq: 1}\n", ["unknown key 'extract.min_mapqq'", "did you mean 'min_mapq'?"]),
        ("validation: {zzz: 1}\n", ["unknown key 'validation.zzz'", "known keys: permutations, bootstrap"]),
        ("seed: one\n", ["seed: 'one' is not of type 'integer'"]),
        ("seed: -1\n", ["seed", "-1"]),
        ("seed: true\n", ["seed: True is not of type 'integer'"]),
        ("extract: [1]\n", ["extract", "is not of type 'object'"]),
        ("extract:\n", ["extract", "is not of type 'object'"]),
        ("extract: {duplicates: some}\n", ["extract.duplicates", "'drop'", "'keep'"]),
        ("extract: {contigs: chr1}\n", ["extract.contigs", "'chr1'"]),
        ("extract: {fragments_per_sample: 1000.5}\n", ["extract.fragments_per_sample", "1000.5"]),
        ("attribution: {donors: 4}\n", ["attribution.donors", "minimum of 5"]),
        ("validation: {signal_ceiling: 1.1}\n", ["validation.signal_ceiling", "1.1"]),
        ("validation: {necessity_margin: .nan}\n", ["finite numbers"]),
        ("extract: {min_length: 500, max_length: 400}\n", ["min_length 500", "max_length 400"]),
        ("extract: {motifs: reference}\n", ["motifs: reference", "set reference.fasta"]),
        ("representation: {features: 16, active: 17}\n", ["active 17", "16 features in blocks of 3"]),
        ("title: 2024-05-01\nextract: {2024-05-01: 1}\n", ["plain keys"]),
        ("title: &loop [*loop]\n", ["config.yaml"]),
        ("atlas: ~no-such-person/atlas.tsv\n", ["atlas: ", "home directory", "~"]),
        # The head has two lines.
        ("extract: {min_mapq: 1}\nseed: 1\nextract: {motifs: reads}\n", ["line 5: 'extract' occurs twice"]),
        ("extract:\n  min_mapq: 1\n  'min_mapq': 2\n", ["line 5: 'min_mapq' occurs twice; keep one"]),
        ("extract: {min_mapq: 1, min_mapq: 1}\n", ["line 3: 'min_mapq' occurs twice"]),
        ("title: " + "[" * 3_000 + "]" * 3_000 + "\n", ["nested too deeply"]),
        ("title: 2024-13-45\n", ["month must be in 1..12", "quotes"]),
        ('atlas: "a\\0b"\n', ["atlas: 'a\\x00b' is no path", "correct it"]),
        ('model: {checkpoint: "\\uD800"}\n', ["model.checkpoint: ", "is no path"]),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    message = refused(write(tmp_path, text))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("outdir: o\n", ["no samples", "set sheet to a sample sheet, or features.table"]),
        ("sheet: s.tsv\n", ["'outdir' is a required property"]),
        ("", ["no settings", "config/config.yaml"]),
        ("- sheet\n", ["no settings"]),
        # The bracket that line 2 opens is missed where the file goes on, on line 3.
        ("sheet: s.tsv\noutdir: [a\nseed: 1\n", ["line 3", "not valid YAML", "correct the line"]),
        ("sheet: s.tsv\n\tseed: 1\n", ["line 2", "not valid YAML"]),
        ('sheet: s.tsv\noutdir: "o\\0"\n', ["outdir: 'o\\x00' is no path"]),
        ('sheet: "s\\0"\noutdir: o\n', ["sheet: 's\\x00' is no path"]),
        ("sheet: s.tsv\noutdir: s3://b/x\n", ["outdir: s3://b/x is an address", "local folder"]),
        ("sheet: !!python/object/apply:os.getcwd []\noutdir: o\n", ["line 1", "not valid YAML"]),
    ],
)
def test_files_that_are_no_settings(tmp_path, text, words):
    message = refused(write(tmp_path, text, head=""))
    for word in words:
        assert word in message


def test_a_merged_mapping_may_be_overridden(tmp_path):
    # YAML's own way of saying a key anew; not one key written twice.
    text = "extract: &some {min_mapq: 1, min_length: 70}\nattribution: {donors: 5}\n"
    text += "proxy: {<<: {basis: none}, basis: splines}\n"
    loaded = load_config(write(tmp_path, text))
    assert (loaded.proxy.basis, loaded.extract.min_mapq) == ("splines", 1)


def test_unreadable_files(tmp_path):
    assert "does not exist; start from config/config.yaml" in refused(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in refused(tmp_path / "binary.yaml")
    assert "cannot be read" in refused(tmp_path)


def test_what_yaml_takes_for_a_date_stays_text(tmp_path):
    assert load_config(write(tmp_path, "title: 2024-05-01\n")).title == "2024-05-01"


def test_whole_numbers_with_a_point_are_integers(tmp_path):
    # JSON schema counts 3000.0 as an integer, and 0 as a number.
    text = "seed: 7.0\nextract: {common_fragments: 3000.0}\nvalidation: {necessity_margin: 0}\n"
    config = load_config(write(tmp_path, text))
    numbers = (config.seed, config.extract.common_fragments, config.validation.necessity_margin)
    assert [(value, type(value)) for value in numbers] == [(7, int), (3000, int), (0.0, float)]


@given(
    seed=st.integers(0, 2**32 - 1),
    margin=st.floats(0, 0.5),
    contigs=st.sampled_from(["autosomes", "all", ["chr1"], ["chr1", "chr2"]]),
)
def test_what_is_written_is_what_is_read(tmp_path_factory, seed, margin, contigs):
    path = tmp_path_factory.mktemp("settings") / "config.yaml"
    raw = {
        "sheet": "s.tsv",
        "outdir": "o",
        "seed": seed,
        "validation": {"necessity_margin": margin},
        "extract": {"contigs": contigs},
    }
    path.write_text(yaml.safe_dump(raw))
    config = load_config(path)
    assert config.seed == seed
    assert config.validation.necessity_margin == margin
    assert config.extract.contigs == (tuple(contigs) if isinstance(contigs, list) else contigs)
    # Everything else is as by default.
    assert config.validation.permutations == Config("o").validation.permutations


def test_all_settings_can_be_written_and_loaded_again(tmp_path):
    config = load_config(write(tmp_path, "extract: {contigs: [chr1]}\natlas: a.tsv\n"))
    record = config.as_dict()
    record["extract"] |= {
        "contigs": list(config.extract.contigs),
        "technical_columns": list(config.extract.technical_columns),
    }
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(record))
    assert load_config(again) == config


@pytest.mark.parametrize(
    "parts",
    [
        ("Snakefile",),
        ("profiles", "default", "config.yaml"),
        ("config", "config.yaml"),
        ("resources", "builds", "GRCh38.tsv"),
        ("resources", "worlds", "length.yaml"),
        ("resources", "captions", "report.rst"),
    ],
)
def test_shipped_files_are_found_from_anywhere(parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = shipped(*parts)
    assert path.is_absolute()
    assert path.stat().st_size > 0


def test_what_does_not_ship_is_named():
    with pytest.raises(FileNotFoundError, match="resources/nothing does not ship"):
        shipped("resources", "nothing")


@pytest.mark.parametrize(("written", "mates"), [("3", (3, 3)), ("3.0", (3, 3)), ("[3, 5]", (3, 5))])
def test_bases_left_out_are_given_for_both_mates_or_for_each(tmp_path, written, mates):
    path = tmp_path / "c.yaml"
    path.write_text(f"sheet: s.tsv\noutdir: o\nextract: {{ignore_5p: {written}}}\n")
    assert per_mate(load_config(path).extract.ignore_5p) == mates


def test_bases_left_out_of_three_mates_are_refused(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("sheet: s.tsv\noutdir: o\nextract: {ignore_3p: [1, 2, 3]}\n")
    with pytest.raises(InputError, match=r"extract\.ignore_3p"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "model: {encoder: transformers}",
            "model.encoder: transformers needs the model; set model.checkpoint",
        ),
        ("model: {encoder: table}", "set model.checkpoint"),
        ("model: {encoder: torch_module, checkpoint: w.safetensors}", "set model.factory"),
        ("model: {encoder: causal}", "set reference.fasta"),
        ("model: {encoder: transformers, checkpoint: folder}", "set reference.fasta"),
        ("model: {factory: os.system}", "model.factory"),
        ("attribution: {interventions: [reweight]}", "attribution.interventions"),
    ],
)
def test_keys_of_the_model_that_need_one_another(tmp_path, text, said):
    assert said in refused(write(tmp_path, text))


def test_paths_of_a_model_are_relative_to_the_config(tmp_path):
    text = "model: {encoder: transformers, checkpoint: m, rendering: r.yaml}\nreference: {fasta: g.fa}\n"
    model = load_config(write(tmp_path, text)).model
    assert (model.checkpoint, model.rendering) == (str(tmp_path / "m"), str(tmp_path / "r.yaml"))


def test_a_correction_may_be_told_by_one_word(tmp_path):
    assert load_config(write(tmp_path, "corrected: with labels\n")).corrected.how == "with labels"
    long = load_config(write(tmp_path, "corrected: {how: blind, by: ComBat, over: each role}\n")).corrected
    assert (long.how, long.by, long.over) == ("blind", "ComBat", "each role")
    assert load_config(write(tmp_path)).corrected.how == "unknown"
    assert "corrected.how: 'labels' is not one of" in refused(write(tmp_path, "corrected: labels\n"))
