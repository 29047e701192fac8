"""What is refused before the run: too little room on disk, files of the settings that are not there."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
import yaml
from msgspec import structs

from cfdna_interp.config import load_config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.preflight import preflight

# 24 samples: four versions of five bags of 200 fragments in 8 single-precision numbers each, and 2,000
# fragments of 60 bytes.
NEEDED = 24 * (4 * 5 * 200 * 8 * 4 + 2_000 * 60)


@pytest.fixture
def config(simulated_cohort, tmp_path):
    settings = {
        "sheet": str(simulated_cohort / "sheet.tsv"),
        "outdir": "out",
        "reference": {"build": str(simulated_cohort / "build.tsv")},
        "extract": {"fragments_per_sample": 2_000, "min_fragments": 500},
        "model": {"dim": 8, "bag_size": 200, "folds": 3},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    return load_config(tmp_path / "config.yaml")


def test_too_little_room_is_an_error_with_both_figures(config, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=NEEDED - 1))
    with pytest.raises(
        InputError, match=r"needs up to 0\.0 GB and 0\.0 GB are free; .* lower model\.bag_size"
    ):
        preflight(config)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=NEEDED))
    assert preflight(config).disk_needed == NEEDED


def test_what_is_written_already_needs_no_more_room(config, tmp_path, monkeypatch):
    folder = tmp_path / "out" / "embeddings" / "discovery"
    folder.mkdir(parents=True)
    (folder / "S001.safetensors").write_bytes(bytes(1_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=NEEDED - 1_000))
    assert preflight(config).disk_needed == NEEDED - 1_000


def changed(config, **settings):
    """Return a config with some settings of its sections changed: section -> key -> value."""
    return structs.replace(
        config, **{name: structs.replace(getattr(config, name), **new) for name, new in settings.items()}
    )


NOWHERE = "/nowhere/x"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"extract": {"blacklist": NOWHERE}},
            "extract.blacklist: there is no file /nowhere/x; correct the path",
        ),
        ({"extract": {"known_sites": NOWHERE}}, "extract.known_sites: there is no file /nowhere/x"),
        ({"features": {"annotation": NOWHERE}}, "features.annotation: there is no file /nowhere/x"),
        ({"features": {"annotation": "/"}}, "features.annotation: there is no file /;"),
        ({"model": {"encoder": "table", "checkpoint": NOWHERE}}, "model.checkpoint: there is no file"),
        ({"model": {"encoder": "torch_module", "checkpoint": NOWHERE}}, "model.checkpoint: there is no file"),
        (
            {"model": {"encoder": "transformers", "checkpoint": NOWHERE}},
            "model.checkpoint: there is no folder",
        ),
        ({"model": {"encoder": "causal", "rendering": NOWHERE}}, "model.rendering: there is no file"),
        # Where contigs begin is asked of it whatever the encoder.
        ({"reference": {"fasta": NOWHERE}}, "reference /nowhere/x does not exist; correct reference.fasta"),
    ],
)
def test_files_that_are_not_there_are_named_by_their_setting(config, settings, said):
    # With samples left out where they are bad, too: it is not the samples that are.
    for on_bad_sample in ("stop", "exclude"):
        with pytest.raises(InputError) as caught:
            preflight(structs.replace(changed(config, **settings), on_bad_sample=on_bad_sample))
        assert said in str(caught.value)


def test_files_that_no_stage_reads_do_not_matter(config):
    settings = {"encoder": "reference", "checkpoint": NOWHERE, "rendering": NOWHERE}
    assert preflight(changed(config, model=settings)).problems == {}


def test_an_encoder_of_bases_needs_the_contigs_of_the_samples(config, simulated_cohort, tmp_path):
    names = [line.split("\t")[0] for line in (simulated_cohort / "build.tsv").read_text().splitlines()]
    fasta = tmp_path / "other.fa"
    fasta.write_text(">chrM\nACGT\n")
    fasta.with_name("other.fa.fai").write_text("chrM\t4\t6\t4\t5\n")
    with_fasta = changed(config, reference={"fasta": str(fasta)})
    assert preflight(with_fasta).problems == {}  # calls are read off the alignments' tags
    with pytest.raises(InputError, match=rf"other\.fa has no contig {names[0]}; set reference\.fasta"):
        preflight(changed(with_fasta, model={"encoder": "causal"}))


def test_a_device_is_left_to_the_machine_of_the_job(config):
    assert not [line for line in preflight(config).lines() if line.startswith("device")]
    lines = preflight(changed(config, model={"device": "cuda"})).lines()
    assert lines[-1] == "device: cuda is looked for by pretrain, not here"
