"""Stage ``refit``: the shares of refits over bootstraps of subjects and over permuted labels.

Encoders never saw a label, so all refits use the same embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.refit_plan import save_table
from cfdna_interp.attribution.route import RefitStack, load_route
from cfdna_interp.config import Config


def run_refit(config: Config, chunk: int) -> None:
    """Stage ``refit``: write the shares of one chunk of refits."""
    stacks = load_route(config).refits(chunk)
    save_table(refit_table(stacks, seed=config.seed), Layout.of(config.outdir).refits(chunk))


def refit_table(stacks: Sequence[RefitStack], *, seed: int) -> pd.DataFrame:
    """Summarise what the predictions of refits rest on.

    Parameters
    ----------
    stacks
        The refits.
    seed
        The run's seed.

    Returns
    -------
    A row for each refit and group: kind, number, group, share, covariance_share, context_and_joint,
    completeness, performance.
    """
    return pd.concat([_rows(stack, seed) for stack in stacks], ignore_index=True)


def _rows(stack: RefitStack, seed: int) -> pd.DataFrame:
    contributions = stack.contributions
    shares = contributions.shares(stack.weights)
    performance = contributions.performance(stack.targets, stack.weights, seed=seed)
    groups = len(contributions.groups)
    return pd.DataFrame(
        {
            "kind": stack.kind,
            "number": np.repeat(stack.numbers, groups),
            "group": np.tile(contributions.groups, len(stack.numbers)),
            "share": shares.share.ravel(),
            "covariance_share": shares.covariance.ravel(),
            "context_and_joint": np.repeat(shares.context, groups),
            "completeness": np.repeat(contributions.completeness, groups),
            "performance": performance.ravel(),
        }
    )
