"""``encoder.json``: the frozen encoder of a run from alignments, and how its pre-training went."""

from __future__ import annotations

from typing import ClassVar

from cfdna_interp.config.settings import EncoderKind
from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.inputs import InputFile


class MaskedPretraining(Record, frozen=True, kw_only=True):
    """What the last epoch of masked pre-training reached, on hidden values only.

    Attributes
    ----------
    length_loss
        Cross-entropy of hidden length bins, nats.
    length_floor
        Entropy of the length bins: what guessing from frequencies alone would reach.
    call_loss
        Cross-entropy of hidden call states, nats.
    call_floor
        Entropy of the call states.
    fragments
        Number of fragments trained on.
    """

    length_loss: float
    length_floor: float
    call_loss: float
    call_floor: float
    fragments: int


class CausalPretraining(Record, frozen=True, kw_only=True):
    """What the pre-training of a causal language model reached, and what token counts follow.

    Losses are mean cross-entropies in nats over texts that the model did not train on. Correlations are
    Pearson's over fragments: they say how far length and methylation are one thing to whatever counts tokens.

    Attributes
    ----------
    loss
        Of the next token.
    loss_unigram, loss_bigram
        Of guessing the next token from the training tokens' frequencies, alone and after the token before.
    methylation_loss
        Of "the next token says methylated", over the tokens after which one can follow (the C's, where
        methylation is a token after them). Null where the rendering or the fragments have no methylation.
    methylation_bigram
        The same, of guessing from frequencies.
    length_tokens
        Correlation of length and number of tokens; null where one of the two does not vary.
    methylated_tokens
        Correlation of methylated calls and number of tokens; null likewise.
    length_methylated
        Correlation of length and methylated calls; null likewise.
    tokens
        Mean number of tokens of a fragment.
    parameters
        Number of weights of the model.
    vocabulary
        Number of different tokens.
    fragments
        Number of fragments trained on.
    """

    loss: float
    loss_unigram: float
    loss_bigram: float
    methylation_loss: float | None
    methylation_bigram: float | None
    length_tokens: float | None
    methylated_tokens: float | None
    length_methylated: float | None
    tokens: float
    parameters: int
    vocabulary: int
    fragments: int


class FragmentEncoder(ResultFile, frozen=True, kw_only=True):
    """The encoder of fragments; it never sees a label.

    Attributes
    ----------
    kind
        ``model.encoder`` of the settings. ``table`` is a model known by its scores, whose surrogate has the
        reference encoder.
    samples
        Discovery samples whose fragments it was pre-trained on, or its embeddings were reduced on.
    digest
        SHA-256 over weights, rendering and pooling.
    file
        SHA-256 of ``encoder.safetensors``, the reference encoder; null for other encoders.
    consumes
        What it reads of a fragment, sorted: fragment_length, methylation, tissue_of_origin, locus, sequence.
    dim
        Length of an embedding.
    masked
        How the pre-training of the reference encoder went; null for other encoders.
    causal
        How the pre-training of the causal language model went; null for other encoders.
    inputs
        The files of a model from elsewhere, and of the code that builds it.
    """

    FILE: ClassVar[str] = "encoder.json"
    STAGE: ClassVar[str] = "pretrain"

    kind: EncoderKind
    samples: int
    digest: str
    file: str | None = None
    consumes: tuple[str, ...]
    dim: int
    masked: MaskedPretraining | None = None
    causal: CausalPretraining | None = None
    inputs: tuple[InputFile, ...] = ()
