"""Stage ``probe``: concepts decoded from embeddings, and the loss of the heads without them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.dataset import load_heads
from cfdna_interp.config import Config
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.records.base import save_record
from cfdna_interp.records.probes import ConceptProbe, Erasure, NotProbed, Probes
from cfdna_interp.records.values import interval_of
from cfdna_interp.representation.concepts import Concept, fragment_concepts, sample_concepts
from cfdna_interp.representation.control_task import fragment_control, sample_control
from cfdna_interp.representation.erased_concepts import Costs, erase_concepts
from cfdna_interp.representation.linear_probes import Task, Vectors, left_over, out_of_fold, score
from cfdna_interp.representation.material import Material, Part, load_material
from cfdna_interp.representation.sightings import Codings, Sums, usable
from cfdna_interp.representation.untrained import untrained
from cfdna_interp.representation.use import status_of
from cfdna_interp.stats.estimates import IntervalEstimate
from cfdna_interp.stats.resampling import stream

logger = logging.getLogger(__name__)


def run_probe(config: Config) -> None:
    """Stage ``probe``: write probes.json."""
    torch.set_num_threads(1)
    layout, settings = Layout.of(config.outdir), config.representation
    material = load_material(config)
    fitted = load_heads(layout, material.samples)
    record = probe_material(material, fitted, fragments=settings.fragments, resamples=settings.resamples)
    save_record(record, layout.file(Probes.FILE))


def probe_material(material: Material, fitted: CrossFit, *, fragments: int, resamples: int) -> Probes:
    """Probe and erase every concept.

    Parameters
    ----------
    material, fitted
        The cohort and the heads fitted on it. Probes have the folds of the heads.
    fragments
        Number of fragments for the probes. Moments and heads use all fragments.
    resamples
        Number of bootstraps over subjects for each interval.
    """
    part, place = material.draw(fragments, "probes")
    codes = material.codes
    concepts, left_out = usable(fragment_concepts(part), codes[place], fragments=True)
    fresh = untrained(material.encoder, _rng(material, "untrained"), part.fragments)
    if fresh is None:
        left_out["untrained encoder"] = NotProbed(why="unknown architecture")
    codings = Codings.fit(concepts, part)
    sums = Sums.of(material, codings, fresh)
    x = part.embeddings.numpy()
    before = None if fresh is None else fresh.encode(part.fragments).numpy()
    items = [
        _Asked(
            Task(concept, codes[place], fitted.fold[place], fragments=True),
            fragment_control(concept, part.fragments, _rng(material, "control", concept.name)),
            x,
            before,
            _raw_of(codings, part, concept.name),
        )
        for concept in concepts
    ]
    concepts, unusable = usable(sample_concepts(material.samples), codes, fragments=False)
    items += [
        _Asked(
            Task(concept, codes, fitted.fold, fragments=False),
            sample_control(concept, codes, _rng(material, "control", concept.name)),
            sums.means,
            sums.untrained,
            lambda: sums.raw,
        )
        for concept in concepts
    ]
    left_out |= unusable
    costs = erase_concepts(material, fitted, [item.task for item in items], codings, sums, resamples)
    probes = []
    for item in items:
        probe = _probe(item, costs, _rng(material, "score", item.task.concept.name), resamples)
        if probe is None:
            left_out[item.task.concept.name] = NotProbed(why="few subjects")
        else:
            probes.append(probe)
    return Probes(
        subjects=len(np.unique(codes)),
        samples=len(material.samples),
        fragments=len(part),
        auroc=interval_of(costs.auroc),
        concepts=tuple(probes),
        left_out=left_out,
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    """A concept, its control task, and the vectors for its probes. Raw inputs are computed when needed."""

    task: Task
    control: Concept
    trained: np.ndarray
    untrained: np.ndarray | None
    raw: Callable[[], np.ndarray]


def _raw_of(codings: Codings, part: Part, concept: str) -> Callable[[], np.ndarray]:
    return lambda: codings.raw(part, without=concept)


def _probe(item: _Asked, costs: Costs, rng: np.random.Generator, resamples: int) -> ConceptProbe | None:
    task, name = item.task, item.task.concept.name

    def scored(vectors: np.ndarray | Vectors, of: Task, draws: int = 1) -> IntervalEstimate | None:
        return score(out_of_fold(vectors, of), of, rng, draws)

    def value(vectors: np.ndarray | Vectors | None, of: Task) -> float | None:
        estimate = None if vectors is None else scored(vectors, of)
        return None if estimate is None else estimate.value

    erasers, erased = costs.erasers[name], costs.erased[name]
    reached = scored(item.trained, task, resamples)
    if reached is None:
        return None
    control = value(item.trained, replace(task, concept=item.control))
    status, finding = status_of(task.metric, reached, control, costs.auroc, erased)
    logger.info("%s: %s: %s", name, status, finding)
    return ConceptProbe(
        concept=name,
        of="fragment" if task.fragments else "sample",
        kind=task.concept.kind,
        metric=task.metric,
        n=len(task.rows),
        score=interval_of(reached),
        control=control,
        selectivity=None if control is None else reached.value - control,
        untrained=value(item.untrained, task),
        raw=value(item.raw(), task),
        after_erasure=left_over(lambda fold: erasers[fold](item.trained), task),
        erasure=Erasure(
            rank=erased.rank,
            cost=interval_of(erased.cost),
            partial_cost=None if erased.partial_cost is None else interval_of(erased.partial_cost),
            null_high=erased.null_high,
        ),
        status=status,
        finding=finding,
    )


def _rng(material: Material, *names: str | int) -> np.random.Generator:
    return stream(material.seed, "probes", *names)
