"""Losses of a causal model compared with token frequencies, and correlates of token counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from transformers import LlamaForCausalLM

from cfdna_interp.models.causal_texts import TokenTexts
from cfdna_interp.models.contract import FragmentInputs


@dataclass(frozen=True)
class Losses:
    """Mean cross-entropies in nats over texts that a model did not train on.

    Attributes
    ----------
    loss
        Loss of the next token. ``loss_unigram`` and ``loss_bigram`` are those of the training tokens'
        frequencies, alone and given the token before.
    methylation_loss
        Loss of "the next token says methylated", over the tokens after which such a token can follow (the
        C's, if methylation is a token after them). ``methylation_bigram`` is that of the frequencies. None if
        the rendering or the fragments have no methylation.
    """

    loss: float
    loss_unigram: float
    loss_bigram: float
    methylation_loss: float | None
    methylation_bigram: float | None


@dataclass(frozen=True)
class Correlations:
    """Correlations of length and methylation with the number of tokens.

    Attributes
    ----------
    length_tokens, methylated_tokens, length_methylated
        Pearson correlations over fragments between length, number of methylated calls and number of tokens.
        None if one of the two is constant.
    """

    length_tokens: float | None
    methylated_tokens: float | None
    length_methylated: float | None


def predict(model: LlamaForCausalLM, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (tokens, vocabulary) logits and (tokens,) ids of all tokens except the first of each text.

    Parameters
    ----------
    model
        The model.
    ids
        (texts, tokens) padded on the right. No token of a causal model sees that padding, so no mask is
        needed.
    """
    hidden = model.model(ids, use_cache=False).last_hidden_state  # (texts, tokens, width)
    there = ids[:, 1:] != model.config.pad_token_id
    logits: torch.Tensor = model.lm_head(hidden[:, :-1][there])
    return logits, ids[:, 1:][there]


@torch.inference_mode()
def losses(
    model: LlamaForCausalLM,
    texts: TokenTexts,
    *,
    train: np.ndarray,
    test: np.ndarray,
    methylated: int | None,
    budget: int,
) -> Losses:
    """Compare a model with the token frequencies of its training texts.

    Parameters
    ----------
    model
        The model, in evaluation mode.
    texts
        The texts that ``train`` and ``test`` number.
    train, test
        Texts for the frequencies, and texts on which all losses are computed.
    methylated
        Token id of a methylated call, or None if the rendering has none.
    budget
        Tokens per batch.
    """
    known, seen = _pairs(texts, train), _pairs(texts, test)
    # Each count is raised by one, so that no pair has probability zero.
    after = (known + 1) / (known + 1).sum(axis=1, keepdims=True)  # (before, next)
    alone = (known.sum(axis=0) + 1) / (known.sum() + len(known))
    possible = np.zeros(len(known), dtype=bool) if methylated is None else known[:, methylated] > 0
    guesses, calls = 0.0, 0.0
    for batch in texts.batches(test, budget):
        ids = texts.padded(batch)
        logits, targets = predict(model, ids)
        guesses += float(functional.cross_entropy(logits, targets, reduction="sum"))
        if methylated is not None:
            before = ids[:, :-1][ids[:, 1:] != texts.padding]
            eligible = torch.from_numpy(possible)[before]
            others = logits[eligible].clone()
            others[:, methylated] = -torch.inf
            odds = logits[eligible, methylated] - others.logsumexp(dim=1)
            said = (targets[eligible] == methylated).to(odds.dtype)
            calls += float(functional.binary_cross_entropy_with_logits(odds, said, reduction="sum"))
    places = seen[possible].sum()
    call_loss, call_bigram = None, None
    if places > 0:
        counts, chance = seen[possible, methylated], after[possible, methylated]
        others_seen = seen[possible].sum(axis=1) - counts
        call_loss = float(calls / places)
        call_bigram = float(-(counts * np.log(chance) + others_seen * np.log(1 - chance)).sum() / places)
    return Losses(
        loss=float(guesses / seen.sum()),
        loss_unigram=float(-(seen.sum(axis=0) * np.log(alone)).sum() / seen.sum()),
        loss_bigram=float(-(seen * np.log(after)).sum() / seen.sum()),
        methylation_loss=call_loss,
        methylation_bigram=call_bigram,
    )


def _pairs(texts: TokenTexts, rows: np.ndarray) -> np.ndarray:
    """Return (vocabulary, vocabulary) how often one token follows another in the texts at ``rows``."""
    counts = np.zeros((texts.vocabulary, texts.vocabulary))
    for row in rows:
        ids = texts.ids[texts.splits[row] : texts.splits[row + 1]]
        np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return counts


def correlations(fragments: FragmentInputs, tokens: np.ndarray) -> Correlations:
    """Correlate length, methylated calls and ``tokens``, the (n,) token count of each fragment."""
    methylated = (fragments.states == 1).sum(axis=1)

    def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
        return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else None

    return Correlations(
        length_tokens=correlation(fragments.length, tokens),
        methylated_tokens=correlation(methylated, tokens),
        length_methylated=correlation(fragments.length, methylated),
    )
