"""Cross-fitting by subject (Chernozhukov et al., Econometrics J 21:C1, 2018).

Every subject's logit comes from heads that never saw the subject.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError
from cfdna_interp.models.fitting import fit_heads
from cfdna_interp.models.folds import folds_of
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.stats.subjects import Subjects

_SAMPLES = "samples"  # key in a file's metadata


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Heads of all folds.

    Attributes
    ----------
    fold
        (samples,) the fold in which a sample is tested.
    heads
        heads[fold] is the ensemble (one or more heads) trained without that fold's subjects.
    """

    fold: np.ndarray
    heads: list[list[AttentionHead]]

    def logits(self, bags: torch.Tensor) -> np.ndarray:
        """Return (samples, bags) logits of the training cohort, from heads that never saw the subject."""
        result = np.zeros(tuple(bags.shape[:2]))
        for fold, ensemble in enumerate(self.heads):
            rows = np.flatnonzero(self.fold == fold)
            result[rows] = _ensemble_logits(ensemble, bags[torch.from_numpy(rows)])
        return result

    def ensemble_logits(self, bags: torch.Tensor) -> np.ndarray:
        """Return (samples, bags) logits of other subjects' samples: the mean over all heads."""
        return _ensemble_logits([head for ensemble in self.heads for head in ensemble], bags)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return folds and heads as named tensors: ``fold``, and ``{fold}/{member}/{name}`` of each head."""
        tensors = {"fold": torch.from_numpy(self.fold)}
        for fold, ensemble in enumerate(self.heads):
            for member, head in enumerate(ensemble):
                for name, tensor in head.state_dict().items():
                    tensors[f"{fold}/{member}/{name}"] = tensor.contiguous()
        return tensors

    @classmethod
    def of_tensors(cls, tensors: dict[str, torch.Tensor]) -> CrossFit:
        """Return the heads of which :meth:`tensors` returned the tensors.

        Raises
        ------
        KeyError, ValueError, RuntimeError
            A tensor is missing or of another name or shape.
        """
        states: dict[int, dict[int, dict[str, torch.Tensor]]] = {}
        for key, tensor in tensors.items():
            if key != "fold":
                number, member, name = key.split("/")
                states.setdefault(int(number), {}).setdefault(int(member), {})[name] = tensor
        heads = [[_head(states[f][m]) for m in sorted(states[f])] for f in sorted(states)]
        return cls(tensors["fold"].numpy(), heads)

    def save(self, path: Path, samples: Sequence[str]) -> None:
        """Write folds and heads with the names of the samples as safetensors, atomically."""
        with atomic_path(path) as temporary:
            save_file(self.tensors(), temporary, metadata={_SAMPLES: json.dumps(list(samples))})

    @classmethod
    def load(cls, path: Path, samples: Sequence[str] | None = None) -> CrossFit:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path
            The file.
        samples
            The cohort that the folds have to belong to, in this order. None if no subject is scored.

        Raises
        ------
        InputError
            The file is missing or damaged, or its folds are of other samples.
        """
        try:
            fitted = cls.of_tensors(load_file(path))
            with safe_open(path, "pt") as handle:
                known = json.loads((handle.metadata() or {}).get(_SAMPLES, "null"))
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise InputError(f"heads {path} cannot be loaded ({error}); run the train stage again") from None
        # Names are compared, because with the folds of another cohort heads would score subjects that they
        # saw.
        if samples is not None and (known != list(samples) or len(fitted.fold) != len(samples)):
            raise InputError(f"{path} belongs to another cohort; run the train stage again")
        return fitted


def subject_weights(subjects: np.ndarray) -> np.ndarray:
    """Return (samples,) weights that give every subject a total of 1."""
    return Subjects(subjects).weights


def crossfit(
    bags: torch.Tensor,
    labels: np.ndarray,
    subjects: np.ndarray,
    *,
    folds: int,
    rng: np.random.Generator,
    weights: np.ndarray | None = None,
    ensemble: int = 1,
    targets: np.ndarray | None = None,
) -> CrossFit:
    """Fit ``ensemble`` heads per fold.

    Parameters
    ----------
    bags
        (samples, bags, fragments, dim) whitened embeddings.
    labels, subjects
        (samples,) label and subject code.
    folds
        Number of folds.
    rng
        Source of randomness of folds and heads.
    weights
        (samples,) weight of each sample, e.g. bootstrap multiplicities; by default 1 per subject.
    ensemble
        Heads per fold, which differ in their start and inner folds.
    targets
        (samples,) probabilities that the heads are to reproduce; by default the labels.
    """
    weights = subject_weights(subjects) if weights is None else weights
    fold = folds_of(subjects, labels, folds, rng)
    members = np.repeat(np.arange(folds), ensemble)
    fitted = fit_heads(
        bags, labels if targets is None else targets, subjects, weights * (fold != members[:, None]), rng
    )
    heads = [fitted[number * ensemble : (number + 1) * ensemble] for number in range(folds)]
    return CrossFit(fold, heads)


def _head(state: dict[str, torch.Tensor]) -> AttentionHead:
    head = AttentionHead(state["query"].shape[1], scale=1.0)
    head.load_state_dict(state)
    return head.requires_grad_(False)


@torch.inference_mode()
def _ensemble_logits(heads: list[AttentionHead], bags: torch.Tensor) -> np.ndarray:
    samples, per_sample = bags.shape[:2]
    flat = bags.reshape(samples * per_sample, *bags.shape[2:])
    logits = torch.stack([head(flat) for head in heads]).double().mean(dim=0)
    result: np.ndarray = logits.reshape(samples, per_sample).numpy()
    return result
