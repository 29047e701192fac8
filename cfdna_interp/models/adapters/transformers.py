"""Foreign foundation models from a local Hugging Face folder, as encoders of fragments."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.progress import Progress
from cfdna_interp.models.adapters.checkpoint import (
    check_folder,
    check_token_types,
    digest_folder,
    load_model,
    looks_back_only,
    positions_of,
)
from cfdna_interp.models.adapters.tokens import TextTokenizer, Tokens
from cfdna_interp.models.batching import batches, distinct, pad
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.device import resolve_device, resolve_precision
from cfdna_interp.models.estimate import Estimate, peak_gb
from cfdna_interp.models.rendering import NEUTRAL, Renderer, Rendering

POOLINGS = ("mean", "last", "cls")
# Largest number of tokens in a batch on a CPU, since larger batches don't fit its caches. 16,384 took 1.7
# times the time of 4,096 at hidden size 768, and 1.3 times at 48. At 1,024 the small model was a fifth slower
# again.
CPU_TOKENS = 2_048
WINDOW = 8_192  # fragments rendered, tokenised and sorted by length at a time, which bounds memory


class TransformersEncoder:
    """A frozen transformer that reads fragments as text (see ``contract.Encoder``).

    Hidden states of the last layer are pooled in single precision: ``mean`` over all tokens except padding,
    wrappers included; ``last`` is the last token that isn't padding; ``cls`` the first one. Padding is on the
    right, where causal models don't see it, and is masked for others. It changes no embedding.

    Attributes
    ----------
    dim
        Length of an embedding: the model's hidden size.
    consumes
        Feature groups that the rendering writes.
    digest
        SHA-256 over weights, config, vocabulary, rendering, pooling, precision and the reference's bases.
    rounding
        Relative spacing of the hidden states' number format.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: TextTokenizer,
        renderer: Renderer,
        *,
        pooling: str,
        token_budget: int,
        digest: str,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._renderer = renderer
        self._pooling = pooling
        on_cpu = model.device.type == "cpu"
        self._token_budget = min(token_budget, CPU_TOKENS) if on_cpu else token_budget
        self._positions = positions_of(model)
        self._vocabulary = int(model.config.vocab_size)
        # Padding is masked, so any number in the model's vocabulary will do.
        self._padding = tokenizer.padding if tokenizer.padding < self._vocabulary else 0
        self._mask = not looks_back_only(model)
        self.digest = digest
        self.dim = int(model.config.hidden_size)
        self.consumes = renderer.rendering.consumes
        # Hidden states have the format of the weights, whatever format pooling uses.
        self.rounding = float(torch.finfo(model.dtype).eps)

    @classmethod
    def load(
        cls,
        folder: Path | str,
        *,
        fasta: str,
        rendering: Path | str | None = None,
        pooling: str = "mean",
        device: str = "auto",
        precision: str = "auto",
        token_budget: int = 16_384,
        build: str | None = None,
    ) -> TransformersEncoder:
        """Read a model from a local folder. Nothing is fetched, and no code of the folder is run.

        Parameters
        ----------
        folder
            Holds config.json, the tokenizer and ``*.safetensors``.
        fasta
            Indexed reference on which fragments have their places.
        rendering
            YAML file; ``rendering.yaml`` in the folder unless given.
        pooling
            ``mean``, ``last`` or ``cls``.
        device, precision
            See :mod:`cfdna_interp.models.device`.
        token_budget
            Tokens per batch, padding counted; on a CPU at most ``CPU_TOKENS``.
        build
            The run's genome build, which has to equal that of the rendering.

        Raises
        ------
        InputError
            The folder has code or pickles or lacks a file, its vocabulary doesn't fit the rendering, or the
            rendering doesn't fit the build.
        """
        folder = Path(folder)
        check_folder(folder)
        if pooling not in POOLINGS:
            raise InputError(f"model.pooling: {pooling} is not one of {', '.join(POOLINGS)}")
        spelling = Rendering.load(folder / "rendering.yaml" if rendering is None else rendering)
        renderer = Renderer(spelling, fasta, build)
        tokenizer = TextTokenizer(folder, spelling)
        where = resolve_device(device)
        dtype = resolve_precision(precision, where)
        model = load_model(folder, where, dtype)
        if spelling.methylation == "token_type":
            check_token_types(model, folder)
        # The digest includes the bases, since a masked genome has the same index.
        parts = [digest_folder(folder), spelling.digest, pooling, str(dtype), digest_file(fasta)]
        return cls(
            model,
            tokenizer,
            renderer,
            pooling=pooling,
            token_budget=token_budget,
            digest=hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
        )

    def untrained(self, rng: np.random.Generator) -> TransformersEncoder:
        """Return an encoder of the same architecture with random initial weights.

        Parameters
        ----------
        rng
            Source of the weights. They are drawn on the CPU, so that they are the same on every device.
        """
        with torch.random.fork_rng(devices=[]):
            seed = int(rng.integers(2**31))
            torch.manual_seed(seed)
            fresh = type(self._model)(self._model.config).eval().requires_grad_(False)
        result = copy.copy(self)
        result._model = fresh.to(device=self._model.device, dtype=self._model.dtype)
        result.digest = hashlib.sha256(f"{self.digest} untrained {seed}".encode()).hexdigest()
        return result

    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        """Return (n, dim) float32 embeddings on the CPU.

        Fragments with equal text are encoded once. Apart from the result, memory is bounded by ``WINDOW``
        fragments and one batch.

        Raises
        ------
        InputError
            A fragment has more tokens than the model has positions, lies outside the reference, or gets an
            embedding that is not finite.
        """
        first, inverse = distinct(fragments)
        result = np.empty((len(first), self.dim), dtype=np.float32)
        if len(first):
            # The longest fragment is checked first, because the others may take hours.
            self._tokens(fragments.take(first[[fragments.length[first].argmax()]]))
        progress = Progress("encoder", len(first), "fragments")
        progress.add(0, 0)
        for start in range(0, len(first), WINDOW):
            tokens = self._tokens(fragments.take(first[start : start + WINDOW]))
            for rows in batches(tokens.counts, self._token_budget):
                result[start + rows] = self._forward(tokens, rows)
                progress.add(len(rows), len(rows))
        progress.done()
        return torch.from_numpy(result if len(first) == len(fragments) else result[inverse])

    def estimate(self, fragments: FragmentInputs, total: int) -> Estimate:
        """Time two batches, of short and of long fragments, and scale them up.

        Parameters
        ----------
        fragments
            A sample of the fragments to encode; ``WINDOW`` of them are more than enough.
        total
            Number of fragments to encode.
        """
        begin = time.perf_counter()
        tokens = self._tokens(fragments)
        text = (time.perf_counter() - begin) / len(fragments)  # seconds per fragment
        plan = list(batches(tokens.counts, self._token_budget))
        self._forward(tokens, plan[0][:1])  # the first call has start-up costs
        probes = [plan[0], plan[-1]]
        begin = time.perf_counter()
        for rows in probes:
            self._forward(tokens, rows)
        model = (time.perf_counter() - begin) / sum(tokens.counts[rows].sum() for rows in probes)  # per token
        count = round(float(tokens.counts.mean()) * total)
        return Estimate(
            fragments=total,
            tokens=count,
            minutes=(text * total + model * count) / 60,
            memory_gb=peak_gb(self._model.device),
            result_gb=total * self.dim * 4 / 1e9,
        )

    def _tokens(self, fragments: FragmentInputs) -> Tokens:
        tokens = self._tokenizer.tokenize(self._renderer.render(fragments))
        longest = int(tokens.counts.argmax()) if len(fragments) else 0
        if len(fragments) and tokens.counts[longest] > self._positions:
            count, length = int(tokens.counts[longest]), int(fragments.length[longest])
            raise InputError(
                f"a fragment of {length} bp has {count} tokens, the model's positions end at "
                f"{self._positions}; set extract.max_length to about {length * self._positions // count}, or "
                "take a model with more positions"
            )
        if len(fragments) and max(int(row.max()) for row in tokens.ids) >= self._vocabulary:
            raise InputError(
                f"the tokenizer makes token numbers beyond the model's {self._vocabulary}; take the one that "
                "the model was trained with"
            )
        return tokens

    def _forward(self, tokens: Tokens, rows: np.ndarray) -> np.ndarray:
        """Return (rows, dim) float32 embeddings of one batch."""
        device = self._model.device
        ids = torch.from_numpy(pad([tokens.ids[row] for row in rows], self._padding))
        counts = torch.from_numpy(tokens.counts[rows])  # (rows,)
        mask = torch.arange(ids.shape[1]) < counts[:, None]  # (rows, tokens)
        more: dict[str, Any] = {}
        if tokens.types is not None:
            types = pad([tokens.types[row] for row in rows], NEUTRAL)
            more["token_type_ids"] = torch.from_numpy(types).to(device)
        try:
            with torch.inference_mode():
                mask = mask.to(device)
                if self._mask:
                    more["attention_mask"] = mask.long()
                hidden = self._model(
                    input_ids=ids.to(device), return_dict=True, **more
                ).last_hidden_state  # (rows, tokens, dim)
                pooled = self._pool(hidden, mask, counts.to(device)).cpu().numpy()
        except torch.OutOfMemoryError:
            raise InputError(
                f"a batch of {ids.numel():,} tokens is too large for {device}; lower model.token_budget "
                f"(now {self._token_budget:,})"
            ) from None
        if not np.isfinite(pooled).all():
            raise InputError(
                f"the model gives embeddings that are not finite in {self._model.dtype}; set model.precision "
                "to float32, or take other weights"
            )
        result: np.ndarray = pooled
        return result

    def _pool(self, hidden: torch.Tensor, mask: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """Return (rows, dim) float32 of (rows, tokens, dim) hidden states."""
        if self._pooling == "mean":
            unpadded = hidden.float().masked_fill(~mask[:, :, None], 0.0)  # (rows, tokens, dim)
            return unpadded.sum(dim=1) / counts[:, None]
        place = counts - 1 if self._pooling == "last" else torch.zeros_like(counts)
        return hidden[torch.arange(len(hidden), device=hidden.device), place].float()
