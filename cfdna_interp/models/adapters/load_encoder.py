"""Load the encoder that a config names, with the adapter that it needs."""

from __future__ import annotations

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import Encoder
from cfdna_interp.models.embedding_cache import CachedEncoder, cached
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.models.whitening import Whitened

# Files that ``pretrain`` writes to the output folder, by choice of model.encoder.
REFERENCE = "encoder.safetensors"
CAUSAL = "encoder"
WHITENING = "whitening.safetensors"
_WHITENS_ITSELF = ("reference", "table")


def load_encoder(config: Config, layout: Layout) -> Encoder:
    """Return the encoder whose embeddings heads are fitted to, after ``pretrain``.

    ``reference`` is the encoder pre-trained here. ``table`` uses it too, for the surrogate. Every other
    encoder is reduced to its principal components by the whitening that ``pretrain`` has fitted.

    Raises
    ------
    InputError
        A file is missing, damaged or of another model, or ``model.digest`` differs.
    """
    encoder = load_raw_encoder(config, layout)
    if config.model.encoder in _WHITENS_ITSELF:
        return encoder
    # Embeddings of foreign encoders are cached, since it is expensive to compute them again after a kill or
    # in another stage.
    return Whitened.load(layout.file(WHITENING), cached(encoder, layout.root / "embeddings" / "cache"))


def load_raw_encoder(config: Config, layout: Layout) -> Encoder:
    """Return the encoder before whitening. A foreign encoder needs no earlier stage for this.

    Raises
    ------
    InputError
        See :func:`load_encoder`.
    """
    encoder = _build(config, layout)
    wanted = config.model.digest
    if wanted is None:
        return encoder
    table = config.model.checkpoint if config.model.encoder == "table" else None
    digest = digest_file(table) if table is not None else encoder.digest
    if digest != wanted:
        raise InputError(
            f"model.digest is {wanted}, but the model has {digest}: weights, rendering or pooling "
            "are others; give the model that was meant, or the digest of this one"
        )
    return encoder


def innermost(encoder: Encoder) -> Encoder:
    """Return the encoder without whitening and cache."""
    while isinstance(encoder, Whitened | CachedEncoder):
        encoder = encoder.encoder
    return encoder


def _build(config: Config, layout: Layout) -> Encoder:
    model = config.model
    if model.encoder in _WHITENS_ITSELF:
        return ReferenceEncoder.load(layout.file(REFERENCE))
    # Each adapter imports a library that the others don't need.
    if model.encoder == "torch_module":
        from cfdna_interp.models.adapters.torch_module import TorchModuleEncoder
        from cfdna_interp.models.device import resolve_device

        assert model.factory is not None and model.checkpoint is not None  # by the checks of the config
        return TorchModuleEncoder.load(
            factory=model.factory, weights=model.checkpoint, device=resolve_device(model.device)
        )
    try:
        from cfdna_interp.models.adapters.transformers import TransformersEncoder
    except ModuleNotFoundError as error:
        raise InputError(
            f"model.encoder: {model.encoder} needs the package {error.name}; install cfdna-interp[foundation]"
        ) from None

    folder = layout.file(CAUSAL) if model.encoder == "causal" else model.checkpoint
    assert folder is not None and config.reference.fasta is not None  # by the checks of the config
    return TransformersEncoder.load(
        folder,
        fasta=config.reference.fasta,
        rendering=model.rendering,
        pooling=model.pooling,
        device=model.device,
        precision=model.precision,
        token_budget=model.token_budget,
        build=config.reference.build,
    )
