"""Embed each sample's bags in all four swapped versions, once. All later heads read only these embeddings."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from cfdna_interp.artifacts.exclusions import kept_samples
from cfdna_interp.artifacts.files import atomic_path, digest_file
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.attribution.interventions.donors import DonorBank
from cfdna_interp.attribution.interventions.swap import MATCHING, VERSIONS, mean_matching, swap
from cfdna_interp.attribution.study import Bag, Study, load_study
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.progress import Progress
from cfdna_interp.models.adapters.load_encoder import innermost
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.estimate import Estimating
from cfdna_interp.records.attribution_notes import DiagnosticName
from cfdna_interp.records.base import save_record
from cfdna_interp.records.embeddings import EmbeddingIndex

_ADDRESS = "address"  # key in a file's metadata
_SCHEME = "swap-9"  # part of an embedding's address; changed when the intervention changes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class EmbeddedSample:
    """One sample's bags under the encoder.

    Attributes
    ----------
    versions
        (4, donors, fragments, dim) embeddings, versions as in ``swap.VERSIONS``.
    touches
        (donors, fragments) bool: the fragment touches an atlas block, so its calls are tissue of origin.
    matching
        Quality of the donors' matches, as in ``swap.Swapped.matching``; means over bags.
    """

    versions: torch.Tensor
    touches: torch.Tensor
    matching: dict[DiagnosticName, float]


def embed_bags(encoder: Encoder, bags: list[Bag], banks: list[DonorBank]) -> EmbeddedSample:
    """Swap each bag with its own donor pool, and encode all versions."""
    swaps = [swap(bank, bag.fragments, bag.uniform) for bank, bag in zip(banks, bags, strict=True)]
    # All versions go in one call, since an encoder that sorts fragments by length is faster with more of
    # them.
    everything = [version for swapped in swaps for version in swapped.versions]
    size = len(bags[0].fragments)
    encoded = encoder.encode(FragmentInputs.concatenate(everything))
    versions = encoded.reshape(len(bags), len(VERSIONS), size, encoder.dim)
    return EmbeddedSample(
        versions=versions.transpose(0, 1).contiguous(),  # (versions, donors, fragments, dim)
        touches=torch.from_numpy(np.stack([bag.fragments.locus > 0 for bag in bags])),
        matching=mean_matching(swaps),
    )


def run_embed(config: Config, role: str, chunk: int = 0) -> None:
    """Stage ``embed``: write embedded bags, one file per sample of a chunk of a role, and their index.

    A file whose address (encoder, fragments, settings) is unchanged is not written again, so a run resumes
    where it was stopped.
    """
    torch.set_num_threads(1)
    study = load_study(config)
    layout, encoder = study.layout, study.encoder
    banks = study.banks()
    base = {
        "encoder": encoder.digest,
        "scheme": _SCHEME,
        "seed": str(config.seed),
        "donors": str(config.attribution.donors),
        "size": str(config.model.bag_size),
        "atlas": digest_file(config.atlas) if config.atlas else "",
        "bank": ",".join(digest_file(layout.fragments(sample.sample))[:16] for sample in study.samples),
        # Parts consist of subjects. A correction of the subject column changes them although no fragment
        # changes.
        "pools": ";".join(" ".join(study.samples[row].sample for row in part) for part in study.parts()),
    }
    files = {}
    samples = kept_samples(layout, role)[chunk :: config.model.embed_chunks]
    _say_what_it_takes(
        study, [sample for sample in samples if not layout.embeddings(role, sample.sample).is_file()]
    )
    progress = Progress(f"embedding {role}", len(samples), "samples")
    for sample in samples:
        path = layout.embeddings(role, sample.sample)
        address = {**base, "fragments": digest_file(layout.fragments(sample.sample)), "sample": sample.sample}
        if _address(path) != address:
            bags = study.bags(sample.sample, study.fragments(sample))
            embedded = embed_bags(encoder, bags, banks)
            finite(embedded.versions, f"sample {sample.sample}")
            save_embedded(embedded, path, address)
        files[sample.sample] = digest_file(path)
        progress.add(1, 1)
    progress.done()
    if role == "discovery" and chunk == 0:
        encoded = torch.stack([encoder.encode(bag) for bag in study.reference_bags(banks)])
        reference = finite(encoded, "reference discovery")
        with atomic_path(layout.root / "embeddings" / "reference.safetensors") as temporary:
            save_file({"bags": reference}, temporary)
    save_record(EmbeddingIndex(files=files), layout.embedded(role, chunk))


def finite(embeddings: torch.Tensor, where: str) -> torch.Tensor:
    """Return embeddings unchanged; raise ``InputError`` naming ``where`` if a number is not finite."""
    if not bool(torch.isfinite(embeddings).all()):
        raise InputError(
            f"{where}: the model gives embeddings that are not finite; run cfdna-interp models check for the "
            "reason"
        )
    return embeddings


def _say_what_it_takes(study: Study, missing: list[Sample]) -> None:
    """Log time, memory and disk that the missing samples will take, if the encoder can estimate them."""
    raw = innermost(study.encoder)
    if missing and isinstance(raw, Estimating):
        size, donors = study.config.model.bag_size, study.config.attribution.donors
        probe = study.fragments(missing[0])
        rows = np.arange(min(len(probe), size))
        total = len(missing) * donors * size * len(VERSIONS)
        logger.info("embedding at most %s", raw.estimate(probe.take(rows), total))


def save_embedded(embedded: EmbeddedSample, path: Path, address: dict[str, str]) -> None:
    """Write an embedded sample with its address in the file's metadata, atomically."""
    tensors = {
        "versions": embedded.versions.contiguous(),
        "touches": embedded.touches.contiguous(),
        "diagnostics": torch.tensor([embedded.matching[name] for name in MATCHING], dtype=torch.float64),
    }
    with atomic_path(path) as temporary:
        # The metadata has one entry, because safetensors writes several in an order that changes from file to
        # file.
        save_file(tensors, temporary, metadata={_ADDRESS: json.dumps(address, sort_keys=True)})


def load_embedded(path: Path) -> EmbeddedSample:
    """Read an embedded sample; raise ``InputError`` if the file is missing or damaged."""
    try:
        with safe_open(path, "pt") as handle:
            diagnostics = handle.get_tensor("diagnostics")
            return EmbeddedSample(
                versions=handle.get_tensor("versions"),
                touches=handle.get_tensor("touches"),
                matching=dict(zip(MATCHING, diagnostics.tolist(), strict=True)),
            )
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"embeddings {path} cannot be read ({error}); run the embed stage again") from None


def _address(path: Path) -> dict[str, str] | None:
    try:
        with safe_open(path, "pt") as handle:
            address: dict[str, str] = json.loads((handle.metadata() or {}).get(_ADDRESS, "null"))
            return address
    except (OSError, SafetensorError, ValueError):
        return None
