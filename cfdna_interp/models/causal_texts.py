"""Rendered fragments as token ids: one token per base, and one per special text of the rendering."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from cfdna_interp.errors import InputError
from cfdna_interp.models.batching import batches, pad
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.rendering import Renderer, Rendering

PADDING, UNKNOWN = "<pad>", "<unk>"
_BASES = "ACGTN"
_CHUNK = 4_096  # fragments rendered at a time, which bounds memory
_SPECIAL = re.compile(r"<[^<>]+>")


@dataclass(frozen=True, eq=False)
class TokenTexts:
    """Token ids of n texts.

    Attributes
    ----------
    ids, splits
        Ids of all texts end to end; those of text i are ``ids[splits[i] : splits[i + 1]]``.
    padding, vocabulary
        Id of the padding, and number of ids.
    """

    ids: np.ndarray
    splits: np.ndarray
    padding: int
    vocabulary: int

    @property
    def lengths(self) -> np.ndarray:
        """(n,) tokens of each text."""
        return np.diff(self.splits)

    def padded(self, rows: np.ndarray) -> torch.Tensor:
        """Return (rows, tokens) ids, padded on the right."""
        texts = [self.ids[self.splits[row] : self.splits[row + 1]] for row in rows]
        return torch.from_numpy(pad(texts, self.padding))

    def batches(self, rows: np.ndarray, budget: int) -> list[np.ndarray]:
        """Divide texts into batches of similar length, of at most ``budget`` tokens with padding."""
        return [rows[batch] for batch in batches(self.lengths[rows], budget)]


def tokenize(fragments: FragmentInputs, renderer: Renderer, tokenizer: PreTrainedTokenizerFast) -> TokenTexts:
    """Render fragments and look up their tokens.

    Raises
    ------
    InputError
        A fragment has more tokens than ``tokenizer.model_max_length``.
    """
    parts: list[np.ndarray] = []
    for start in range(0, len(fragments), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(fragments)))
        encoded = tokenizer(renderer.render(fragments.take(rows)).texts)["input_ids"]
        parts += [np.array(ids, dtype=np.int16) for ids in encoded]
    lengths = np.array([len(ids) for ids in parts])
    longest, most = int(lengths.argmax()), tokenizer.model_max_length
    if lengths[longest] > most:
        raise InputError(
            f"a fragment of {fragments.length[longest]} bp makes {lengths[longest]} tokens and the model "
            f"of encoder: causal reads {most}; lower extract.max_length"
        )
    return TokenTexts(
        ids=np.concatenate(parts),
        splits=np.concatenate([[0], np.cumsum(lengths)]),
        padding=int(tokenizer.pad_token_id),
        vocabulary=len(tokenizer),
    )


def build_tokenizer(rendering: Rendering, positions: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer that reads texts of a rendering base by base.

    Texts in angle brackets (``<m>``, ``<frag>``) are one token each. Every other character is a token.

    Parameters
    ----------
    rendering
        The rendering of the texts.
    positions
        Tokens of the longest text.

    Raises
    ------
    InputError
        The rendering has words of several bases, coordinates or token types, which this tokenizer doesn't
        support.
    """
    unfit = [
        name
        for name, unsupported in (
            (f"kmer: {rendering.kmer}", rendering.kmer > 1),
            ("separator", bool(rendering.separator)),
            ("methylation: token_type", rendering.methylation == "token_type"),
            ("coordinates in prefix or suffix", "locus" in rendering.consumes),
        )
        if unsupported
    ]
    if unfit:
        raise InputError(
            f"encoder: causal reads single bases and has no place for {', '.join(unfit)}; take "
            "resources/rendering/causal.yaml, or bring a model of this rendering as encoder: transformers"
        )
    states = [text for text in (rendering.unmethylated, rendering.methylated) if text is not None]
    wrappers = [rendering.prefix.format(), rendering.suffix.format()]
    # Each special text occurs once, in order of first occurrence.
    specials = dict.fromkeys([PADDING, UNKNOWN])
    specials |= dict.fromkeys(special for text in wrappers for special in _SPECIAL.findall(text))
    specials |= dict.fromkeys(text for text in states if len(text) > 1)
    letters = dict.fromkeys(_BASES)
    letters |= dict.fromkeys(text for text in states if len(text) == 1)
    letters |= dict.fromkeys("".join(_SPECIAL.sub("", text) for text in wrappers))
    vocabulary = {token: number for number, token in enumerate([*specials, *letters])}
    # Byte-pair encoding without merges gives one token per character.
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN))
    tokenizer.add_special_tokens(list(specials))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PADDING,
        unk_token=UNKNOWN,
        padding_side="right",
        model_max_length=positions,
        model_input_names=["input_ids", "attention_mask"],
    )
