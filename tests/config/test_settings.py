"""Settings: what is allowed is written once, mistakes are named by key or line, paths start at the config."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, inspect, structs

from cfdna_interp.config import Config, load_config
from cfdna_interp.config.convert import decode, encode
from cfdna_interp.config.resources import shipped
from cfdna_interp.config.settings import per_mate
from cfdna_interp.errors import InputError

SECTIONS = {
    field.name: field.type
    for field in structs.fields(Config)
    if isinstance(field.type, type) and issubclass(field.type, Struct)
}


def write(folder, text="", head="sheet: sheet.tsv\noutdir: out\n"):
    path = folder / "config.yaml"
    path.write_text(head + text)
    return path


def names(kind: type[Struct]) -> set[str]:
    return set(kind.__struct_fields__)


def refused(path) -> str:
    with pytest.raises(InputError) as caught:
        load_config(path)
    message = str(caught.value)
    for mistake in caught.value.mistakes:
        assert mistake.startswith(f"config {path}") and "\n" not in mistake
    return message


def types(kind: inspect.Type, name: str = "") -> Iterator[tuple[str, inspect.Type]]:
    """All types inside of one, each under the name of its setting."""
    yield name, kind
    match kind:
        case inspect.Metadata():
            yield from types(kind.type, name)
        case inspect.UnionType():
            for each in kind.types:
                yield from types(each, name)
        case inspect.VarTupleType():
            yield from types(kind.item_type, name)
        case inspect.DictType():
            yield from types(kind.value_type, name)
        case inspect.StructType():
            for field in kind.fields:
                yield from types(field.type, field.name)


def test_every_section_is_frozen_and_refuses_unknown_keys():
    sections = [kind for _, kind in types(inspect.type_info(Config)) if isinstance(kind, inspect.StructType)]
    assert len(sections) == 15
    assert all(kind.forbid_unknown_fields and kind.cls.__struct_config__.frozen for kind in sections)


def test_whole_numbers_fit_into_what_computes_with_them(tmp_path):
    limits = [
        (name, kind.le)
        for name, kind in types(inspect.type_info(Config))
        if isinstance(kind, inspect.IntType)
    ]
    assert {"seed", "window", "bag_size", "components"} <= {name for name, _ in limits}
    assert not [name for name, most in limits if most is None or most > 2**32]
    said = refused(write(tmp_path, f"features: {{window: {10**30}}}\n"))
    assert "features.window" in said and "up to 1000000000" in said


def test_defaults_are_allowed():
    # A default is taken as it stands: nothing else would notice one that its own bounds refuse.
    assert decode(encode(Config("out")), Config) == Config("out")


def test_only_the_folder_of_results_has_no_default():
    assert {field.name for field in structs.fields(Config) if field.required} == {"outdir"}


def test_settings_can_be_copied_and_sent_to_other_processes():
    config = load_config(shipped("config", "table.yaml"))
    with ProcessPoolExecutor(1) as pool:
        sent = pool.submit(copy.copy, config).result()
    assert sent == copy.deepcopy(config) == config


def test_the_template_names_every_key_and_shows_the_defaults():
    path = shipped("config", "config.yaml")
    raw = yaml.safe_load(path.read_text())
    assert set(raw) == names(Config)
    assert len(SECTIONS) == 9
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
        ("sede: 1\n", ["sede: unknown key; did you mean 'seed'?"]),
        ("extract: {min_mapqq: 1}\n", ["extract.min_mapqq: unknown key; did you mean 'min_mapq'?"]),
        ("validation: {zzz: 1}\n", ["validation.zzz: unknown key; known keys: permutations, bootstrap"]),
        ("seed: one\n", ["seed: 'one' is not allowed; give a whole number from 0 up to 4294967295"]),
        ("seed: -1\n", ["seed: -1 ", "from 0"]),
        ("seed: true\n", ["seed: True is not allowed", "a whole number"]),
        ("extract: [1]\n", ["extract: [1] is not allowed", "a section (keys: fragments_per_sample, "]),
        ("extract:\n", ["extract: None is not allowed", "a section"]),
        (
            "extract: {duplicates: some}\n",
            ["extract.duplicates: 'some' is not allowed; give 'drop' or 'keep'"],
        ),
        (
            "extract: {contigs: chr1}\n",
            ["extract.contigs: 'chr1'", "give 'all', 'autosomes' or a list of at least 1, each a text"],
        ),
        (
            "extract: {fragments_per_sample: 1000.5}\n",
            ["extract.fragments_per_sample: 1000.5 ", "a whole number from 100"],
        ),
        ("attribution: {donors: 4}\n", ["attribution.donors: 4 ", "from 5 up to 1000000"]),
        (
            "validation: {signal_ceiling: 1.1}\n",
            ["validation.signal_ceiling: 1.1 ", "a number from 0.5 up to 1"],
        ),
        ("extract: {mm_threshold: 0.5}\n", ["extract.mm_threshold: 0.5 ", "a number above 0.5 up to 1"]),
        ("extract: {opposite_strand: 1}\n", ["extract.opposite_strand: 1 ", "give true or false"]),
        ("extract: {technical_columns: [kit, 1]}\n", ["extract.technical_columns.1: 1 ", "give a text"]),
        ("extract: {blacklist: 3}\n", ["extract.blacklist: 3 ", "give a text or null"]),
        ("extract: {ignore_5p: 101}\n", ["extract.ignore_5p: 101 ", "from 0 up to 100 or a list of 2, each"]),
        ("extract: {ignore_5p: [1, 101]}\n", ["extract.ignore_5p.1: 101 ", "from 0 up to 100"]),
        ("model: {digest: abc}\n", ["model.digest: 'abc' ", "a SHA-256 of 64 hexadecimal digits or null"]),
        (
            "attribution: {references: [controls]}\n",
            ["attribution.references: ", "needs 'discovery'; add it"],
        ),
        ("mediators: [bmi, bmi]\n", ["mediators: 'bmi' occurs twice; keep one"]),
        ("priority: ['']\n", ["priority.0: '' is not allowed; give a text that is not empty"]),
        ("representation: {parts: [probes, probes]}\n", ["representation.parts: 'probes' occurs twice"]),
        ("corrected: {by: ComBat}\n", ["corrected.how: the key is missing; give 'blind', 'none', "]),
        ("seed: one\nzzz: 1\n", ["zzz: unknown key"]),
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
        ('model: {checkpoint: "\\uD800"}\n', ["half of a character"]),
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
        ("sheet: s.tsv\n", ["outdir: the key is missing; give a text"]),
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
    assert "is no regular file" in refused(tmp_path)


def test_what_yaml_takes_for_a_date_stays_text(tmp_path):
    assert load_config(write(tmp_path, "title: 2024-05-01\n")).title == "2024-05-01"


def test_whole_numbers_with_a_point_are_integers(tmp_path):
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
    # YAML has no tuples.
    record = json.loads(json.dumps(encode(config)))
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
    with pytest.raises(InputError, match=r"extract\.ignore_3p: \[1, 2, 3\] is not allowed"):
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
        (
            "model: {factory: os.system}",
            "model.factory: 'os.system' is not allowed; give a function as package.module:f",
        ),
        (
            "attribution: {interventions: [reweight]}",
            "attribution.interventions: the rule for dominance needs 'swap'",
        ),
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
    assert "corrected.how: 'labels' is not allowed; give 'blind', " in refused(
        write(tmp_path, "corrected: labels\n")
    )
