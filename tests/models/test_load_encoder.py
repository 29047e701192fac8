"""The encoder that a config names, and the fragments it is checked on."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from genomes import random_bases, scan, write_fasta
from msgspec import structs
from safetensors.torch import save_file
from toy_factories import Counting
from toys_models import Linear, probe_set

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Model, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.models.adapters import transformers
from cfdna_interp.models.adapters.load_encoder import load_encoder, load_raw_encoder
from cfdna_interp.models.check_fragments import fragments_of_reference, made_up_fragments, probe_fragments
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.models.whitening import fit_whitening


def config_of(folder: Path, **model: object) -> Config:
    return Config(sheet="", outdir=str(folder), model=Model(**model))


@pytest.fixture
def module_config(tmp_path: Path) -> Config:
    weights = tmp_path / "weights.safetensors"
    torch.manual_seed(0)
    save_file(Counting().state_dict(), weights)
    return config_of(
        tmp_path, encoder="torch_module", factory="toy_factories:Counting", checkpoint=str(weights)
    )


def test_a_foreign_encoder_comes_whitened(module_config: Config, tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    with pytest.raises(InputError, match=r"whitening .* cannot be read .* run the pretrain stage again"):
        load_encoder(module_config, layout)
    raw = load_raw_encoder(module_config, layout)
    fit_whitening(raw, probe_set(1_000), 3).save(layout.file("whitening.safetensors"))
    encoder = load_encoder(module_config, layout)
    embedded = encoder.encode(probe_set(1_000)).double()
    assert (raw.dim, encoder.dim, encoder.consumes) == (5, 3, raw.consumes)
    assert (torch.cov(embedded.T) - torch.eye(3)).abs().max() < 1e-3


@pytest.mark.parametrize("encoder", ["reference", "table"])
def test_the_encoder_pre_trained_here_whitens_itself(tmp_path: Path, encoder: str) -> None:
    own = ReferenceEncoder(loci=2, dim=4)
    own.save(tmp_path / "encoder.safetensors")
    scores = tmp_path / "scores.tsv"
    scores.write_text("sample\tlogit\n")
    config = config_of(tmp_path, encoder=encoder, checkpoint=str(scores) if encoder == "table" else None)
    loaded = load_encoder(config, Layout.of(tmp_path))
    fragments = replace(probe_set(10), locus=np.zeros(10, dtype=np.int16))
    assert torch.equal(loaded.encode(fragments), own.encode(fragments))


def test_another_digest_than_the_expected_one_is_refused_with_both(module_config: Config) -> None:
    layout = Layout.of(module_config.outdir)
    found = load_raw_encoder(module_config, layout).digest
    expected = structs.replace(module_config, model=structs.replace(module_config.model, digest=found))
    assert load_raw_encoder(expected, layout).digest == found
    other = structs.replace(module_config, model=structs.replace(module_config.model, digest="0" * 64))
    with pytest.raises(InputError, match=rf"model\.digest is 0{{64}}, but the model has {found}"):
        load_raw_encoder(other, layout)


def test_the_digest_of_a_table_is_its_files(tmp_path: Path) -> None:
    ReferenceEncoder(loci=2, dim=4).save(tmp_path / "encoder.safetensors")
    scores = tmp_path / "scores.tsv"
    scores.write_text("sample\tlogit\nS1\t0\n")
    settings = {"encoder": "table", "checkpoint": str(scores)}
    layout = Layout.of(tmp_path)
    load_raw_encoder(config_of(tmp_path, **settings, digest=digest_file(scores)), layout)
    with pytest.raises(InputError, match="give the model that was meant"):
        load_raw_encoder(config_of(tmp_path, **settings, digest="1" * 64), layout)


@pytest.mark.parametrize(("encoder", "folder"), [("transformers", "/models/mine"), ("causal", "encoder")])
def test_sequence_encoders_are_read_from_their_folder_with_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: str, folder: str
) -> None:
    given = {}

    def load(place: Path | str, **settings: object) -> Linear:
        given.update(settings, folder=Path(place))
        return Linear()

    monkeypatch.setattr(transformers.TransformersEncoder, "load", load)
    config = structs.replace(
        config_of(
            tmp_path,
            encoder=encoder,
            checkpoint="/models/mine",
            pooling="last",
            device="cpu",
            token_budget=512,
        ),
        reference=Reference(build="hg38", fasta="/genome.fa"),
    )
    load_raw_encoder(config, Layout.of(tmp_path))
    assert given == {
        "folder": tmp_path / folder if encoder == "causal" else Path(folder),
        "fasta": "/genome.fa",
        "build": "hg38",
        "rendering": None,
        "pooling": "last",
        "device": "cpu",
        "precision": "auto",
        "token_budget": 512,
    }


def write_sample(layout: Layout, name: str, fragments: FragmentInputs) -> None:
    n, called = len(fragments), fragments.offsets >= 0
    FragmentTable(
        contig_names=("chr2",),
        contig=np.zeros(n, np.int32),
        start=np.arange(n, dtype=np.int32),
        length=fragments.length,
        mapq=np.zeros(n, np.uint8),
        strand=fragments.strand,
        gc=np.zeros(n, np.float32),
        **dict.fromkeys(("motif_5p", "motif_3p"), np.zeros(n, np.int16)),
        cpg_splits=np.concatenate([[0], np.cumsum(fragments.counts)]),
        cpg_offsets=fragments.offsets[called].astype(np.int32),
        cpg_states=fragments.states[called],
        block=np.full(n, -1, np.int32),
    ).save(layout.fragments(name))


def test_a_models_probes_are_fragments_of_the_run_with_the_shortest_and_longest(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    for number in range(3):
        write_sample(layout, f"S{number}", made_up_fragments(400, np.random.default_rng(number)))
    fasta = write_fasta(tmp_path / "genome.fa", {"1": random_bases(5_000, 1), "2": random_bases(5_000, 2)})
    config = structs.replace(config_of(tmp_path), reference=Reference(fasta=fasta))
    fragments, origin = probe_fragments(config, layout, 100)
    pool = np.concatenate([made_up_fragments(400, np.random.default_rng(s)).length for s in range(3)])
    assert origin == "100 fragments of 3 samples of the run"
    assert sorted(fragments.length)[:4] == sorted(pool)[:4]
    assert sorted(fragments.length)[-4:] == sorted(pool)[-4:]
    # The sample's contig is the second on the line, 5,000 bp behind the first.
    assert 5_000 <= fragments.place.min() < fragments.place.max() < 5_400
    again, _ = probe_fragments(config, layout, 100)
    assert np.array_equal(again.length, fragments.length)


def test_before_anything_is_extracted_fragments_are_made_up(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path / "nothing_yet")
    fragments, origin = probe_fragments(config_of(tmp_path), layout, 50)
    assert (len(fragments), origin, set(fragments.place)) == (
        50,
        "50 made-up fragments (none extracted yet)",
        {-1},
    )


@pytest.mark.parametrize("seed", range(3))
def test_made_up_fragments_keep_the_contract(seed: int) -> None:
    fragments = made_up_fragments(2_000, np.random.default_rng(seed), loci=3)
    called = fragments.offsets >= 0
    assert (called == (fragments.states >= 0)).all()
    assert (np.diff(called.astype(int), axis=1) <= 0).all()  # calls first, then padding
    ascending = np.diff(fragments.offsets.astype(int), axis=1)[called[:, 1:]]
    assert ascending.min() >= 2  # no two CpGs overlap
    assert (fragments.offsets.max(axis=1) <= fragments.length - 2).all()
    assert set(fragments.locus) == {0, 1, 2}
    assert set(made_up_fragments(100, np.random.default_rng(seed)).locus) == {0}


def test_fragments_of_a_reference_have_their_calls_at_its_cpgs(tmp_path: Path) -> None:
    # The first contig is too short for a fragment, the second begins with unknown bases.
    contigs = {"chrM": "ACGT" * 100, "chr1": "N" * 5_000 + random_bases(20_000, 3)}
    fasta = write_fasta(tmp_path / "genome.fa", contigs)
    fragments = fragments_of_reference(fasta, 60, np.random.default_rng(0))
    line = "".join(contigs.values())
    for row in range(60):
        place, length = int(fragments.place[row]), int(fragments.length[row])
        assert 5_400 <= place <= len(line) - length
        inside = [offset for offset in scan(line, place, length) if 0 <= offset < length - 1]
        assert fragments.offsets[row][: fragments.counts[row]].tolist() == inside[:MAX_CALLS]
    with pytest.raises(InputError, match="hardly any known bases"):
        fragments_of_reference(
            write_fasta(tmp_path / "n.fa", {"chr1": "N" * 2_000}), 5, np.random.default_rng(0)
        )
    with pytest.raises(InputError, match="no contig of more than 600 bp"):
        fragments_of_reference(
            write_fasta(tmp_path / "short.fa", {"chr1": "ACGT" * 10}), 5, np.random.default_rng(0)
        )


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)  # as if it were not installed
    for name in [name for name in sys.modules if name.startswith("cfdna_interp.models.adapters.tr")]:
        monkeypatch.delitem(sys.modules, name)
    model = Model(encoder="transformers", checkpoint=str(tmp_path))
    config = Config(sheet="", outdir=str(tmp_path), model=model)
    with pytest.raises(InputError, match=r"package transformers; install cfdna-interp\[foundation\]"):
        load_raw_encoder(config, Layout.of(tmp_path))
