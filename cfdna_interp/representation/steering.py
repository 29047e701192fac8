"""Steering: moving short fragments to longer lengths along the curve or along the straight line.

Linear steering of length follows the straight line between two points of the curve. Where the curve bends,
the line leaves the data. Three quantities are measured along both: the prediction of a length probe, the
distance of moved embeddings from real ones, and the logits of the heads.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import Ridge

from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.records.geometry import Steering, SteeringPath
from cfdna_interp.records.values import KnownInterval
from cfdna_interp.representation.curve import CurveComponents
from cfdna_interp.representation.length_fragments import LengthFragments
from cfdna_interp.representation.material import Material
from cfdna_interp.representation.steering_paths import AROUND, Paths, distances
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.subjects import by_subject

SHORT, LONG = 0.10, 0.90  # quantiles of lengths between which fragments are moved
_PENALTY = 1.0  # penalty of the probe, in units of one fragment


def steer(
    fragments: LengthFragments,
    directions: CurveComponents,
    curve: np.ndarray,
    material: Material,
    fitted: CrossFit,
    *,
    known: np.ndarray,
    resamples: np.ndarray,
) -> Steering | None:
    """Move the shortest tenth of fragments to the 90 % quantile of lengths, in steps, on both paths.

    Parameters
    ----------
    fragments
        Fragments within the range of lengths.
    directions, curve
        Components, and the (lengths, components) curve along them.
    material, fitted
        The cohort and its heads.
    known
        (subjects,) True for subjects on which the probe and the distances are fitted. Fragments of the others
        are moved.
    resamples
        (draws, subjects) multiplicity of each subject in a resample.

    Returns
    -------
    None if lengths hardly differ or a step has no real fragments.
    """
    lengths = fragments.lengths[fragments.rows]
    start, stop = (int(v) for v in np.quantile(lengths, [SHORT, LONG]).round())
    paths = Paths.of(fragments.lengths, curve, start, stop)
    if len(paths.steps) < 3:
        return None
    points = (fragments.embeddings - directions.centre.astype(np.float32)) @ directions.axes.astype(
        np.float32
    )
    rng = stream(material.seed, "geometry", "steering")
    apart = distances(paths, points, lengths, fragments.subject, known, resamples, rng)
    if apart is None:
        return None
    readings, real = _readings(fragments, paths, directions.axes, lengths, known)
    logit = logits(paths, directions.axes, material, fitted)
    logit = by_subject(material.codes, logit.transpose(2, 0, 1)).mean(axis=0)  # (2, steps)
    low, high = np.quantile(apart.draws, [0.025, 0.975])
    curve_path, line_path = (
        SteeringPath(
            probe_slope=float(np.polyfit(paths.steps, readings[row], 1)[0]),
            probe_error=float(np.abs(readings[row] - real).mean()),
            distance=float(apart.steps[row, 1:-1].mean()),
            distances=tuple(apart.steps[row].tolist()),
            logit=tuple(logit[row].tolist()),
        )
        for row in range(2)
    )
    return Steering(
        start=start,
        stop=stop,
        steps=tuple(paths.steps.tolist()),
        curve=curve_path,
        line=line_path,
        ratio=KnownInterval(
            value=apart.ratio, low=min(float(low), apart.ratio), high=max(float(high), apart.ratio)
        ),
    )


def _readings(
    fragments: LengthFragments, paths: Paths, axes: np.ndarray, lengths: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions of a linear length probe in bp: (2, steps) on paths, (steps,) of real fragments.

    The probe is linear. The mean prediction for moved fragments is that of their new place plus that of their
    deviation from the curve.
    """
    learnt = known[fragments.subject]
    probe = Ridge(alpha=_PENALTY).fit(fragments.embeddings[learnt], lengths[learnt].astype(np.float32))
    reading = probe.predict(fragments.embeddings)
    handle = axes.T @ probe.coef_  # (components,)
    real = [reading[~learnt & (np.abs(lengths - step) <= AROUND)].mean() for step in paths.steps]
    short = ~learnt & (lengths <= paths.steps[0])
    apart = (reading[short] - paths.places(lengths[short]) @ handle).mean()
    return apart + paths.along @ handle, np.array(real)


def logits(paths: Paths, axes: np.ndarray, material: Material, fitted: CrossFit) -> np.ndarray:
    """Return (2, steps, samples) cross-fitted logits with each bag's short fragments moved to both paths.

    Parameters
    ----------
    paths
        From :meth:`Paths.of`. Fragments up to its first step are short.
    axes
        (dim, components) axes of the curve.
    material, fitted
        The cohort and its heads.
    """
    steps = len(paths.steps)
    result = np.zeros((2, steps, len(material.samples)))
    for place in range(len(material.samples)):
        part = material.load(place)
        short = np.flatnonzero(part.fragments.length <= paths.steps[0])
        shift = paths.along[:, :, None] - paths.places(part.fragments.length[short])
        ensemble = fitted.heads[fitted.fold[place]]
        rows = torch.from_numpy(short)
        for path, step in np.ndindex(2, steps):
            if path and step in (0, steps - 1):  # both paths start and end at the same places
                result[path, step, place] = result[0, step, place]
                continue
            moved = part.embeddings.clone()
            moved[rows] += torch.from_numpy(shift[path, step] @ axes.T).float()
            bags = moved.unflatten(0, (material.bags, -1))  # (bags, fragments, dim)
            with torch.inference_mode():
                result[path, step, place] = float(torch.stack([head(bags) for head in ensemble]).mean())
    return result
