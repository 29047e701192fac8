"""What a user would do today: attribution routes that name the group with the largest share.

All of them explain the same cross-fitted heads, each subject by a head that never saw the subject, through
the encoder's input channels: the embedded length, the embedded calls (methylation outside atlas blocks,
tissue of origin inside) and the context.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from captum.attr import IntegratedGradients, KernelShap
from cohorts import PlantedCohort
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.inspection import permutation_importance

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.reference_encoder import CHANNELS, ReferenceEncoder
from cfdna_interp.stats.resampling import stream

# shap is in no requirement of the package; make puts it here.
SHAP = Path(__file__).parents[1] / "out" / "shap"

EXPLAINED = 24  # subjects a route explains
STEPS = 16  # of integrated gradients
COALITIONS = 32  # that KernelShap draws
BACKGROUND = 4  # subjects that stand in for absent groups in shap
REPEATS = 5  # of permutation importance
CONTEXT = len(BAG_GROUPS)  # number of the part that is no group

Shares = dict[str, float]


class Peers:
    """A cohort's bags as input channels, its heads, and the routes over them.

    Parameters
    ----------
    planted
        The cohort.
    encoder
        The encoder of its embeddings.
    fitted
        Cross-fitted heads of the cohort.
    seed
        Seed of whatever a route draws.
    """

    def __init__(
        self, planted: PlantedCohort, encoder: ReferenceEncoder, fitted: CrossFit, seed: int
    ) -> None:
        self.encoder, self.fitted, self.seed = encoder, fitted, seed
        self.labels = planted.cohort.labels
        with torch.no_grad():
            self.channels = torch.stack([encoder.channels(bag) for bag in planted.bags])
        touches = torch.stack([torch.from_numpy(bag.locus > 0) for bag in planted.bags])
        self.parts = _parts(touches, self.channels.shape[2])  # (subjects, fragments, channels)
        # As many cases as controls, in the order of the cohort.
        self.explained = np.sort(
            np.concatenate([np.flatnonzero(self.labels == label)[: EXPLAINED // 2] for label in (0, 1)])
        )

    def shares(self) -> dict[str, Shares]:
        """Return route -> group -> share of the attribution."""
        routes = {
            "Captum IntegratedGradients, baseline 0": self.integrated_gradients,
            "Captum KernelShap, baseline 0": self.kernel_shap,
            "permutation importance": self.permutation,
        }
        if SHAP.is_dir():
            routes["shap, background of subjects"] = self.shap
        return {name: _normalised(route()) for name, route in routes.items()}

    def integrated_gradients(self) -> np.ndarray:
        """Return (groups,) Σ_i |attribution| summed over a group's channels."""
        totals = np.zeros(CONTEXT + 1)
        for subject, model in self._explained():
            route = IntegratedGradients(model)
            found = route.attribute(self.channels[[subject]], n_steps=STEPS, internal_batch_size=8)
            sums = torch.zeros(CONTEXT + 1, dtype=found.dtype)
            sums.index_add_(0, self.parts[subject].flatten(), found.detach().flatten())
            totals += np.abs(sums.double().numpy())
        return totals[:CONTEXT]

    def kernel_shap(self) -> np.ndarray:
        """Return (groups,) Σ_i |φ_ig| of sampled coalitions, absent channels at 0."""
        torch.manual_seed(self.seed)
        totals = np.zeros(CONTEXT)
        for subject, model in self._explained():
            mask = self.parts[[subject]]
            found = KernelShap(model).attribute(
                self.channels[[subject]], feature_mask=mask, n_samples=COALITIONS, perturbations_per_eval=8
            )[0]
            for group in range(CONTEXT):
                inside = mask[0] == group
                if bool(inside.any()):
                    totals[group] += abs(float(found[inside][0]))  # one value, repeated over the group
        return totals

    def shap(self) -> np.ndarray:
        """Return (groups,) Σ_i |φ_ig|, absent groups taken from background subjects as they are."""
        if str(SHAP) not in sys.path:
            sys.path.append(str(SHAP))
        import shap

        totals = np.zeros(CONTEXT)
        rng = stream(self.seed, "shap-background")
        for fold, ensemble in enumerate(self.fitted.heads):
            mine = self.explained[self.fitted.fold[self.explained] == fold]
            if len(mine) == 0:
                continue
            others = rng.choice(np.flatnonzero(self.fitted.fold != fold), BACKGROUND, replace=False)
            masker = shap.maskers.Independent(_rows(others), max_samples=BACKGROUND)
            explainer = shap.PermutationExplainer(partial(self.mixed, ensemble), masker, seed=self.seed)
            found = explainer(_rows(mine), max_evals=2 * (CONTEXT + 1) + 1, silent=True)
            totals += np.abs(found.values[:, :CONTEXT]).sum(axis=0)
        return totals

    def permutation(self) -> np.ndarray:
        """Return (groups,) loss of AUROC when a group's channels are dealt out among a fold's subjects."""
        totals = np.zeros(CONTEXT)
        for fold, ensemble in enumerate(self.fitted.heads):
            mine = np.flatnonzero(self.fitted.fold == fold)
            found = permutation_importance(
                _Mixed(self, ensemble),
                _rows(mine),
                self.labels[mine],
                scoring="roc_auc",
                n_repeats=REPEATS,
                random_state=self.seed,
            )
            totals += found.importances_mean[:CONTEXT]
        return np.clip(totals, 0, None)

    def _explained(self) -> list[tuple[int, Callable[[torch.Tensor], torch.Tensor]]]:
        """Return subjects to explain, each with the logit from heads that never saw the subject."""
        heads = self.fitted.heads
        return [(int(row), partial(self._logit, heads[self.fitted.fold[row]])) for row in self.explained]

    def _logit(self, heads: list[AttentionHead], channels: torch.Tensor) -> torch.Tensor:
        """Return (bags,) logits of (bags, fragments, channels)."""
        embedded = self.encoder.from_channels(channels.flatten(0, 1)).unflatten(0, channels.shape[:2])
        logit: torch.Tensor = torch.stack([head(embedded) for head in heads]).mean(dim=0)
        return logit

    @torch.no_grad()
    def mixed(self, heads: list[AttentionHead], rows: np.ndarray) -> np.ndarray:
        """Return (n,) logits of bags put together from channels of several subjects.

        ``rows`` is (n, groups + 1): which subject gives each group's channels, and the context.
        """
        sources = torch.from_numpy(np.asarray(rows).astype(np.int64))
        logits = []
        for source in sources.split(32):
            # A fragment is in a block or not as its context says; so are its calls.
            parts = self.parts[source[:, CONTEXT]]
            mixed = self.channels[source[:, CONTEXT]]
            for group in range(CONTEXT):
                mixed = torch.where(parts == group, self.channels[source[:, group]], mixed)
            logits.append(self._logit(heads, mixed))
        return torch.cat(logits).double().numpy()


class _Mixed(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fitted heads as scikit-learn sees a classifier; a row says whose channels a bag is made of."""

    def __init__(self, peers: Peers, heads: list[AttentionHead]) -> None:
        self.peers, self.heads = peers, heads
        self.classes_ = np.array([0, 1])

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> _Mixed:
        """Return the model as it is: its heads were fitted before."""
        return self

    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        """Return (n,) logits."""
        return self.peers.mixed(self.heads, rows)


def _parts(touches: torch.Tensor, width: int) -> torch.Tensor:
    """Return (subjects, fragments, width): the number of the group that a channel belongs to, or CONTEXT."""
    parts = torch.full((*touches.shape, width), CONTEXT)
    parts[..., CHANNELS["length"]] = BAG_GROUPS.index("fragment_length")
    calls = torch.where(touches, BAG_GROUPS.index("tissue_of_origin"), BAG_GROUPS.index("methylation"))
    for name in ("calls", "level", "markers"):
        parts[..., CHANNELS[name]] = calls[..., None]
    return parts


def _rows(subjects: np.ndarray) -> np.ndarray:
    return np.repeat(subjects[:, None], CONTEXT + 1, axis=1).astype(float)


def _normalised(totals: np.ndarray) -> Shares:
    total = max(float(totals.sum()), np.finfo(float).tiny)
    return {group: float(value / total) for group, value in zip(BAG_GROUPS, totals, strict=True)}
