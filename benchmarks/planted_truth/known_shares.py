"""Shares of known models by each route, beside the shares that they must have."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from known_cohorts import HEADS, Cohort, Setting, make_cohort, population_of
from known_model import KnownModel, draw_weights, shares
from known_peers import peer_shares

from cfdna_interp.attribution.agreement import filled
from cfdna_interp.attribution.coalition_values import values_of_versions, values_of_weights
from cfdna_interp.attribution.contributions import Contributions

Row = dict[str, Any]


def measure(setting: Setting, *, heads: int = HEADS, peers: bool = True) -> list[Row]:
    """Return, for each head on one cohort, its shares by each route beside the true ones."""
    torch.set_num_threads(1)
    cohort = make_cohort(setting)
    labels, population = population_of(setting)
    anchor = population[labels == 0] if setting.reference == "controls" else population
    summaries = cohort.versions[:, 0].double().mean(dim=2).numpy()  # (subjects, donors, 3)
    rows = []
    for number in range(heads):
        rng = setting.stream("head", number)
        pairwise = bool(number % 2)
        model = KnownModel(*draw_weights(pairwise, rng), population.mean(axis=0), population.std(axis=0))
        z = model.standardised(summaries)
        parts = np.array([z[list(part)].mean(axis=(0, 1)) for part in cohort.members])
        row = {
            **asdict(setting),
            "head": number,
            "kind": "pairwise" if pairwise else "additive",
            "linear": model.linear.tolist(),
            "pairs": model.pairs.tolist(),
            "realised": shares(model.contributions(z, parts).mean(axis=1)).tolist(),
            "population": shares(
                model.contributions(model.standardised(population), model.standardised(anchor).mean(axis=0))
            ).tolist(),
            "routes": interventions(cohort, model),
        }
        if peers:
            row["peers"] = peer_shares([mine[0].fragments for mine in cohort.bags], model, rng)
        rows.append(row)
    return rows


def interventions(cohort: Cohort, model: KnownModel) -> dict[str, Row]:
    """Return intervention -> its shares, what is context and joint, completeness, bags with values."""
    head = model.head()
    anchors = head(cohort.reference).double().numpy()  # (donors,)
    swapped = values_of_versions(head, cohort.versions, cohort.touches)
    weighed = np.stack(
        [
            values_of_weights(head, bags, weights)
            for bags, weights in zip(cohort.versions[:, 0], cohort.weights, strict=True)
        ]
    )
    found = {}
    for name, values in (("swap", swapped), ("reweight", weighed)):
        # A bag counts with all its coalitions, a subject with half of its bags: as in attribution.agreement.
        bags = np.isfinite(values).all(axis=1)
        valued = bags.sum(axis=1) >= (bags.shape[1] + 1) // 2
        people = filled(values[valued], bags[valued])
        contributions = Contributions.of_values(people, np.tile(anchors, (len(people), 1)))
        result = contributions.shares()
        found[name] = {
            "shares": result.share.tolist(),
            "context": float(result.context),
            "completeness": float(contributions.completeness),
            "bags": float(bags.mean()),
        }
    return found


def error(row: Row, route: str, truth: str) -> float:
    """Return the mean absolute error of the three shares; peers' realised truth is that of their bags."""
    if route in row["routes"]:
        given, wanted = row["routes"][route]["shares"], row[truth]
    else:
        given = row["peers"][route]["shares"]
        wanted = row["peers"][route]["realised"] if truth == "realised" else row[truth]
    return float(np.mean(np.abs(np.subtract(given, wanted))))
