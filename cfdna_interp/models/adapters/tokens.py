"""Convert a fragment's text to a model's token numbers, after a check that the vocabulary covers the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoTokenizer

from cfdna_interp.errors import InputError
from cfdna_interp.models.rendering import NEUTRAL, Rendered, Rendering

_PIECE = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]")  # texts that are meant as one token: <m>, <chr1>, [CLS]
_REMEDY = "correct rendering.yaml, or take the tokenizer that the model was trained with"
_LISTED = 6  # largest word size for which all words are checked at the start


@dataclass(frozen=True, eq=False)
class Tokens:
    """Token numbers of n texts.

    Attributes
    ----------
    ids
        For each text an int32 array.
    types
        For each text an int8 array of token types, one per id, or None.
    counts
        (n,) tokens of each text.
    """

    ids: list[np.ndarray]
    types: list[np.ndarray] | None
    counts: np.ndarray


class TextTokenizer:
    """The tokenizer of a checkpoint, for the texts of one rendering.

    Parameters
    ----------
    folder
        Checked model folder (:func:`cfdna_interp.models.adapters.checkpoint.check_folder`).
    rendering
        How fragments are written.

    Raises
    ------
    InputError
        The tokenizer can't be read, or its vocabulary lacks a text that the rendering writes.
    """

    def __init__(self, folder: Path, rendering: Rendering) -> None:
        self._who = f"model {folder}"
        self._rendering = rendering
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # the library of fast tokenizers raises no narrower class
            raise InputError(
                f"{self._who}: the tokenizer cannot be loaded: {' '.join(str(error).split())}"
            ) from None
        try:
            tokenizer = self._tokenizer
            # Byte-level vocabularies cover every text. They name the end-of-text token as the unknown one.
            ends = (tokenizer.bos_token_id, tokenizer.eos_token_id)
            self._unknown = None if tokenizer.unk_token_id in ends else tokenizer.unk_token_id
            padding = tokenizer.pad_token_id
        except Exception as error:  # settings of wrong types show up where they are used
            raise self._unusable(error) from None
        # The padding id only matters to models that derive positions from it, and their tokenizers name it.
        self.padding: int = 0 if padding is None else padding
        self._whole: set[str] = set()
        self._check()

    def _check(self) -> None:
        how = self._rendering
        if how.methylation == "token_type" and not self._tokenizer.is_fast:
            raise InputError(
                f"{self._who}: token types need a tokenizer.json, which gives the positions of tokens"
            )
        words = ["".join(word) for word in product("ACGT", repeat=how.kmer)] if how.kmer <= _LISTED else []
        said = [text for text in (how.methylated, how.unmethylated) if text]
        before, after = "C" * how.middle, "C" * (how.kmer - 1 - how.middle)
        letters = [f"{before}{text}{after}" for text in said] if how.methylation == "letter" else []
        for text in [*words, "N" * how.kmer, *letters]:
            ids = self._plain(text)
            if not ids or (self._unknown in ids and "N" not in text):
                raise InputError(
                    f"{self._who}: {text!r}, which the rendering writes, is not in its vocabulary; {_REMEDY}"
                )
        for text in said if how.methylation == "token" else []:
            word = "C" * how.kmer
            around = how.separator.join([word, text, word])  # as it will be in a text
            if self._plain(around).count(self._one(text)) != 1:
                raise InputError(f"{self._who}: {text!r} is not a separate token in {around!r}; {_REMEDY}")

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self._call(text, add_special_tokens=False)["input_ids"]
        return ids

    def _call(self, texts: str | list[str], **how: bool) -> Any:
        try:
            return self._tokenizer(texts, **how)
        except Exception as error:  # settings of wrong types show up where they are used
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> InputError:
        return InputError(
            f"{self._who}: the tokenizer cannot be used ({type(error).__name__}: "
            f"{' '.join(str(error).split())}); save the model's own there"
        )

    def _one(self, text: str) -> int:
        """Return the number of the single token of a text."""
        ids = self._plain(text)
        if len(ids) != 1 or ids[0] == self._unknown:
            unknown = self._unknown is not None and self._unknown in ids
            became = "unknown" if unknown else f"{len(ids)} tokens"
            raise InputError(
                f"{self._who}: {text!r}, which the rendering writes, is {became} to its vocabulary; {_REMEDY}"
            )
        return ids[0]

    def tokenize(self, rendered: Rendered) -> Tokens:
        """Return the tokens of n texts.

        Raises
        ------
        InputError
            The vocabulary doesn't cover a text, or token types can't be matched to tokens.
        """
        coded = self._call(
            rendered.texts,
            add_special_tokens=self._rendering.special_tokens,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            return_offsets_mapping=rendered.token_types is not None,
        )
        ids = [np.array(row, dtype=np.int32) for row in coded["input_ids"]]
        for text, row in zip(rendered.texts, ids, strict=True):
            self._check_text(text, row)
        types = None
        if rendered.token_types is not None:
            spans = [np.array(row).reshape(-1, 2) for row in coded["offset_mapping"]]
            types = [
                self._spread(*row) for row in zip(spans, rendered.begins, rendered.token_types, strict=True)
            ]
        return Tokens(ids, types, np.array([len(row) for row in ids], dtype=np.int64))

    def _check_text(self, text: str, ids: np.ndarray) -> None:
        for piece in _PIECE.findall(text):
            if piece not in self._whole:
                self._one(piece)
                self._whole.add(piece)
        # Only an unknown base of the reference may be an unknown token.
        if not len(ids) or (self._unknown is not None and self._unknown in ids and "N" not in text):
            raise InputError(f"{self._who}: its vocabulary doesn't know all of {text[:60]!r}; {_REMEDY}")

    def _spread(self, spans: np.ndarray, begin: int, types: np.ndarray) -> np.ndarray:
        """Return (tokens,) token types: those of the words, and neutral for wrappers."""
        step = self._rendering.kmer + len(self._rendering.separator)
        start = spans[:, 0] - begin
        words = (spans[:, 1] > spans[:, 0]) & (start >= 0) & (start < step * len(types))
        if not np.array_equal(start[words], step * np.arange(len(types))):
            raise InputError(
                f"{self._who}: token types need one token for each word of {self._rendering.kmer} bases, the "
                f"tokenizer makes {words.sum()} of {len(types)} words; correct kmer and separator in "
                "rendering.yaml"
            )
        spread = np.full(len(spans), NEUTRAL, dtype=np.int8)
        spread[words] = types
        return spread
