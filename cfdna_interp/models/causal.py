"""Pre-training of a small causal language model on rendered fragments: next-token prediction, no labels.

It writes a Hugging Face folder like that of a large foundation model, which is read back through the same
adapter. Positions are rotary, so the model has no position table and reads only the tokens of a text.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from cfdna_interp.errors import InputError
from cfdna_interp.models.causal_losses import correlations, losses, predict
from cfdna_interp.models.causal_texts import TokenTexts, build_tokenizer, tokenize
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.rendering import Renderer
from cfdna_interp.records.encoder import CausalPretraining
from cfdna_interp.stats.resampling import stream

WIDTH, HEADS, INNER, LAYERS = 48, 3, 96, 2  # about 47,000 parameters
POSITIONS = 2_048  # tokens of the longest text
RATE = 4e-3
BATCH_TOKENS = 8_192  # padding counted
TESTED = 20  # one of this many fragments is left out of training, for the reported losses

logger = logging.getLogger(__name__)


def pretrain_causal(
    fragments: FragmentInputs, renderer: Renderer, folder: Path, *, epochs: int, seed: int
) -> CausalPretraining:
    """Pre-train a causal model and write it as a Hugging Face folder.

    Parameters
    ----------
    fragments
        Discovery fragments, pooled over samples, with their ``place`` on the reference.
    renderer
        Turns them into texts; its rendering goes into the folder.
    folder
        Folder for config.json, tokenizer.json, tokenizer_config.json, model.safetensors and rendering.yaml.
        An existing folder is replaced at the end.
    epochs
        Passes over the fragments.
    seed
        The run's seed.

    Raises
    ------
    InputError
        There are too few fragments to leave some for testing, one is too long for the model, or the rendering
        uses more than single bases.
    """
    if len(fragments) < 2 * TESTED:
        raise InputError(
            f"{len(fragments)} discovery fragments are too few to pre-train a model on; raise "
            "model.pretrain_fragments or extract.fragments_per_sample"
        )
    tokenizer = build_tokenizer(renderer.rendering, POSITIONS)
    texts = tokenize(fragments, renderer, tokenizer)
    order = stream(seed, "causal-test").permutation(len(fragments))
    test, train = np.split(order, [len(order) // TESTED])
    model = _fit(texts, train, epochs=epochs, seed=seed)
    with _replaced(folder) as temporary:
        model.config.save_pretrained(temporary)
        # The output layer shares its weights with the embedding table. They are written once, under the
        # table's name, where readers of the bare model look for them.
        weights = {name: tensor for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
        save_file(weights, temporary / "model.safetensors", metadata={"format": "pt"})
        tokenizer.save_pretrained(temporary)
        settings = yaml.safe_dump(asdict(renderer.rendering), sort_keys=False, allow_unicode=True)
        (temporary / "rendering.yaml").write_text(settings, encoding="utf-8")
    methylated = renderer.rendering.methylated
    token = None if methylated is None else tokenizer.get_vocab()[methylated]
    reached = losses(model, texts, train=train, test=test, methylated=token, budget=BATCH_TOKENS)
    return CausalPretraining(
        **asdict(reached),
        **asdict(correlations(fragments, texts.lengths)),
        tokens=float(texts.lengths.mean()),
        parameters=sum(weight.numel() for weight in model.parameters()),
        vocabulary=len(tokenizer),
        fragments=len(train),
    )


def _fit(texts: TokenTexts, rows: np.ndarray, *, epochs: int, seed: int) -> LlamaForCausalLM:
    rng = stream(seed, "causal")
    torch.manual_seed(int(rng.integers(2**31)))
    model = LlamaForCausalLM(
        LlamaConfig(
            architectures=["LlamaForCausalLM"],
            vocab_size=texts.vocabulary,
            hidden_size=WIDTH,
            intermediate_size=INNER,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=POSITIONS,
            tie_word_embeddings=True,
            pad_token_id=texts.padding,
            bos_token_id=None,
            eos_token_id=None,
        )
    )
    # Texts of equal length get another order each time, so that batches differ between epochs.
    batches = [texts.batches(rng.permutation(rows), BATCH_TOKENS) for _ in range(epochs)]
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=sum(map(len, batches)) + 1, pct_start=0.1
    )
    model.train()
    for epoch, of_epoch in enumerate(batches, start=1):
        start, summed, tokens = time.monotonic(), 0.0, 0
        for number in rng.permutation(len(of_epoch)):
            logits, targets = predict(model, texts.padded(of_epoch[number]))
            loss = functional.cross_entropy(logits, targets)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            summed, tokens = summed + loss.item() * len(targets), tokens + len(targets)
        seconds = time.monotonic() - start
        logger.info(
            "epoch %d/%d: next token %.4f nats, %.0f tokens a second, %.0f s left",
            epoch,
            epochs,
            summed / tokens,
            tokens / seconds,
            seconds * (epochs - epoch),
        )
    model.train(False)
    return model


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces ``folder`` on success and is deleted on failure."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".tmp-{folder.name}-", dir=folder.parent))
    try:
        yield temporary
        # mkdtemp gives access to the owner only. Results get the permissions of the parent folder.
        temporary.chmod(folder.parent.stat().st_mode & 0o777)
        # A rename can't replace a folder that isn't empty.
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
