"""Stage ``pretrain``: the frozen encoder of a run, pre-trained here or checked and reduced."""

from __future__ import annotations

import numpy as np
import torch

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.exclusions import kept_samples
from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.foreign_files import model_files
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.cohort.inputs import input_files
from cfdna_interp.config import Config
from cfdna_interp.config.resources import shipped
from cfdna_interp.errors import InputError
from cfdna_interp.models.adapters.load_encoder import CAUSAL, REFERENCE, WHITENING, load_raw_encoder
from cfdna_interp.models.adapters.scored_model import read_scores
from cfdna_interp.models.bags import locus_classes, starts_of
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.device import resolve_device
from cfdna_interp.models.masked_pretraining import pooled_fragments, pretrain
from cfdna_interp.models.whitening import fit_whitening
from cfdna_interp.records.base import save_record
from cfdna_interp.records.encoder import CausalPretraining, FragmentEncoder

# Number of fragments for the means and principal components of a foreign encoder's embeddings.
WHITENING_FRAGMENTS = 20_000


def run_pretrain(config: Config) -> None:
    """Write the encoder, or the whitening of a foreign one, and its record. No label is read."""
    torch.set_num_threads(1)
    layout = Layout.of(config.outdir)
    samples = kept_samples(layout, "discovery")
    block_classes, loci = locus_classes(Atlas.load(config.atlas) if config.atlas else None)
    tables = [FragmentTable.load(layout.fragments(sample.sample)) for sample in samples]
    kind = config.model.encoder
    built_here = kind in ("reference", "causal", "table")
    wanted = config.model.pretrain_fragments
    total = wanted if built_here else min(WHITENING_FRAGMENTS, wanted)
    fragments = pooled_fragments(tables, block_classes, total, config.seed, starts_of(config))
    if kind == "table":
        # Every sample has to have a score. This is checked before the long computation.
        everybody = [*samples, *kept_samples(layout, "heldout")]
        read_scores(str(config.model.checkpoint), [sample.sample for sample in everybody])
    masked, causal, file = None, None, None
    if kind in ("reference", "table"):
        encoder, masked = pretrain(
            fragments,
            loci=loci,
            dim=config.model.dim,
            epochs=config.model.pretrain_epochs,
            seed=config.seed,
            # The default is the CPU: its sums are reproducible, those of a GPU need not be.
            device="cpu" if config.model.device == "auto" else str(resolve_device(config.model.device)),
        )
        encoder.save(layout.file(REFERENCE))
        file = digest_file(layout.file(REFERENCE))
        load_raw_encoder(config, layout)  # checks model.digest
        described: Encoder = encoder
    else:
        if kind == "causal":
            causal = _causal(config, layout, fragments)
        described = _reduced(config, layout, fragments)
    record = FragmentEncoder(
        kind=kind,
        samples=len(samples),
        digest=described.digest,
        file=file,
        consumes=tuple(sorted(described.consumes)),
        dim=described.dim,
        masked=masked,
        causal=causal,
        inputs=input_files(model_files(config)),
    )
    save_record(record, layout.file(FragmentEncoder.FILE))


def _causal(config: Config, layout: Layout, fragments: FragmentInputs) -> CausalPretraining:
    # Language models import a library that other encoders don't need.
    try:
        from cfdna_interp.models.causal import pretrain_causal
    except ModuleNotFoundError as error:
        raise InputError(
            f"model.encoder: causal needs the package {error.name}; install cfdna-interp[foundation]"
        ) from None
    from cfdna_interp.models.rendering import Renderer, Rendering

    rendering = Rendering.load(config.model.rendering or shipped("resources", "rendering", "causal.yaml"))
    return pretrain_causal(
        fragments,
        Renderer(rendering, str(config.reference.fasta)),
        layout.file(CAUSAL),
        epochs=config.model.pretrain_epochs,
        seed=config.seed,
    )


def _reduced(config: Config, layout: Layout, fragments: FragmentInputs) -> Encoder:
    raw = load_raw_encoder(config, layout)
    # Fragments are ordered by sample, so evenly spaced rows take the same number from every sample.
    rows = np.linspace(0, len(fragments) - 1, min(len(fragments), WHITENING_FRAGMENTS)).astype(int)
    whitened = fit_whitening(raw, fragments.take(rows), config.model.dim)
    whitened.save(layout.file(WHITENING))
    return whitened
