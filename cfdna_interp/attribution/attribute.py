"""Stage ``attribute``: each discovery sample's coalition values under every intervention and reference.

The stored embeddings hold ``swap`` with the main reference, which the refits need. All other combinations are
computed here, sample by sample, and only their values are stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.coalitions import COALITION_NAMES
from cfdna_interp.attribution.dataset import load_heads
from cfdna_interp.attribution.embed import finite, load_embedded
from cfdna_interp.attribution.gradients import crossed, gradients_of_bag
from cfdna_interp.attribution.interventions.edit import why_not
from cfdna_interp.attribution.interventions.margins import ReferenceMargins
from cfdna_interp.attribution.interventions.swap import swap
from cfdna_interp.attribution.maps import map_rows, mean_map
from cfdna_interp.attribution.randomised import randomised_shares
from cfdna_interp.attribution.references import pools
from cfdna_interp.attribution.refit_plan import MAIN, save_table
from cfdna_interp.attribution.study import Study, bank_of, load_study
from cfdna_interp.attribution.values import INTERVENTIONS, DonorReference, Target, swap_shapley
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.progress import Progress
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.records.attribution_notes import (
    AttributionNotes,
    InterventionName,
    Matching,
    RandomisedDepth,
    ReferenceName,
    SampleDiagnostics,
    SampleGradients,
)
from cfdna_interp.records.base import save_record
from cfdna_interp.records.values import known
from cfdna_interp.stats.resampling import stream

RANDOMISED_SAMPLES = 12  # one bag each
RANDOMISED_DRAWS = 10


@dataclass(eq=False)
class Notes:
    """Notes collected sample by sample; fields as in ``AttributionNotes``."""

    not_applicable: dict[InterventionName | ReferenceName, str] = field(default_factory=dict)
    matching: Matching | None = None
    diagnostics: list[SampleDiagnostics] = field(default_factory=list)
    gradients: list[SampleGradients] = field(default_factory=list)

    def record(self, randomised: tuple[RandomisedDepth, ...]) -> AttributionNotes:
        """Return the notes as a record."""
        return AttributionNotes(
            not_applicable=self.not_applicable,
            matching=self.matching,
            diagnostics=tuple(self.diagnostics),
            gradients=tuple(self.gradients),
            randomised=randomised,
        )


def run_attribute(config: Config, chunk: int) -> None:
    """Write values and maps of every ``chunks``-th discovery sample, starting with number ``chunk``.

    Raises
    ------
    InputError
        A file is missing or belongs to another cohort, or gradients are not complete.
    """
    torch.set_num_threads(1)
    study = load_study(config)
    fitted = load_heads(study.layout, study.samples)
    rows = range(chunk, len(study.samples), config.attribution.chunks)
    if not rows:
        raise InputError(
            f"attribution.chunks is {config.attribution.chunks}, but {len(study.samples)} discovery samples "
            "are left after exclusions; lower it"
        )
    notes = Notes()
    values: list[pd.DataFrame] = []
    maps: list[pd.DataFrame] = []
    progress = Progress("attribution", len(rows), "samples")
    donors = _Donors(study, notes)
    for row in rows:
        name = study.samples[row].sample
        target = Target(
            name=name,
            heads=fitted.heads[int(fitted.fold[row])],
            embedded=load_embedded(study.layout.embeddings("discovery", name)),
            bags=study.bags(name, study.inputs[row]),
        )
        for reference in donors.of(row):
            values += _values(study, target, reference, notes)
            if reference.kind == MAIN[1]:
                maps.append(_gradients(study, target, reference, notes))
        progress.add(1, 1)
    progress.done()
    save_table(pd.concat(values, ignore_index=True), study.layout.attributed(chunk))
    save_table(pd.concat(maps, ignore_index=True), study.layout.gradients(chunk))
    record = notes.record(_randomised(study, fitted) if chunk == 0 else ())
    save_record(record, study.layout.attribution_notes(chunk))


class _Donors:
    """The donors of each sample. Donors that are the same for all samples are made once."""

    def __init__(self, study: Study, notes: Notes) -> None:
        self.study = study
        self.members: dict[ReferenceName, tuple[tuple[tuple[int, ...], ...], ...]] = {}
        self.shared: dict[ReferenceName, DonorReference] = {}
        attribution = study.config.attribution
        for kind in attribution.references:
            # This is for all samples of all chunks, since a reference applies to all of them or to none.
            chosen = pools(
                kind, study.samples, study.samples, donors=attribution.donors, seed=study.config.seed
            )
            if chosen.reason:
                notes.not_applicable[kind] = chosen.reason
                continue
            if kind == "matched":
                notes.matching = chosen.matching
            self.members[kind] = chosen.members
            if len(set(chosen.members)) == 1:
                self.shared[kind] = _reference(study, kind, chosen.members[0])

    def of(self, row: int) -> Iterator[DonorReference]:
        """Yield the references of a sample."""
        for kind, members in self.members.items():
            yield self.shared.get(kind) or _reference(self.study, kind, members[row])


def _reference(study: Study, kind: ReferenceName, members: tuple[tuple[int, ...], ...]) -> DonorReference:
    config = study.config
    if kind == MAIN[1]:
        banks = study.banks()
        bags = study.reference_bags(banks)
    else:
        names = [("donor-bank", kind, *(study.samples[row].sample for row in part)) for part in members]
        banks = [
            bank_of(study.inputs, np.array(part), stream(config.seed, *name))
            for part, name in zip(members, names, strict=True)
        ]
        bags = study.reference_bags(banks, kind)
    wanted = "reweight" in config.attribution.interventions
    return DonorReference(
        kind=kind,
        banks=banks,
        bags=finite(torch.stack([study.encoder.encode(bag) for bag in bags]), f"reference {kind}"),
        margins=[ReferenceMargins(bank.fragments, bag_size=config.model.bag_size) for bank in banks]
        if wanted
        else [],
    )


def _values(study: Study, target: Target, reference: DonorReference, notes: Notes) -> Iterator[pd.DataFrame]:
    """Yield the coalition values of one sample under each intervention with one reference."""
    with torch.inference_mode():
        anchors = np.mean([head(reference.bags).double().numpy() for head in target.heads], axis=0)
    for intervention in study.config.attribution.interventions:
        if intervention == "edit":
            reason = why_not(study.config.reference.fasta)
            if reason:
                notes.not_applicable[intervention] = reason
                continue
        result = INTERVENTIONS[intervention](study, target, reference)
        notes.diagnostics.append(
            SampleDiagnostics(
                sample=target.name,
                intervention=intervention,
                reference=reference.kind,
                values={name: known(value) for name, value in result.diagnostics.items()},
            )
        )
        yield pd.DataFrame(
            {
                "sample": target.name,
                "intervention": intervention,
                "reference": reference.kind,
                "coalition": np.repeat(COALITION_NAMES, result.values.shape[1]),
                "donor": np.tile(np.arange(result.values.shape[1]), len(COALITION_NAMES)),
                "value": result.values.reshape(-1),
                "reference_value": np.tile(anchors, len(COALITION_NAMES)),
            }
        )


def _randomised(study: Study, fitted: CrossFit) -> tuple[RandomisedDepth, ...]:
    """Repeat the main attribution of a few bags with weights randomised from the read-out down."""
    rows = range(min(RANDOMISED_SAMPLES, len(study.samples)))
    banks = study.banks()
    versions, heads = [], []
    for row in rows:
        bag = study.bags(study.samples[row].sample, study.inputs[row])[0]
        versions.append(swap(banks[0], bag.fragments, bag.uniform).versions)
        heads.append(fitted.heads[int(fitted.fold[row])])
    depths = randomised_shares(
        study.encoder, heads, versions, swap_shapley, draws=RANDOMISED_DRAWS, seed=study.config.seed
    )
    return tuple(
        RandomisedDepth(
            depth=item.depth,
            draws=RANDOMISED_DRAWS,
            samples=len(rows),
            share=dict(zip(BAG_GROUPS, map(known, item.shares.mean(axis=0)), strict=True)),
            cosine=known(item.cosine.mean()),
            cosine_low=known(item.cosine.min()),
            cosine_high=known(item.cosine.max()),
        )
        for item in depths
    )


def _gradients(study: Study, target: Target, reference: DonorReference, notes: Notes) -> pd.DataFrame:
    """Return the maps of one sample: integrated gradients from its donors, averaged over bags."""
    config, bags, tables = study.config, [], []
    for number, (bank, bag) in enumerate(zip(reference.banks, target.bags, strict=True)):
        fragments, _, _, donors = swap(bank, bag.fragments, bag.uniform).versions
        gradients = gradients_of_bag(
            study.encoder,
            target.heads,
            crossed(fragments, donors),
            steps=config.attribution.gradient_steps,
            seed=config.seed,
            sample=target.name,
            donor=number,
        )
        bags.append(gradients)
        tables.append(map_rows(fragments, gradients.per_fragment))
    notes.gradients.append(
        SampleGradients(
            sample=target.name,
            groups={group: float(np.mean([item.groups[group] for item in bags])) for group in BAG_GROUPS},
            completeness=float(np.mean([item.completeness for item in bags])),
            infidelity=float(np.mean([item.infidelity for item in bags])),
            infidelity_null=float(np.mean([item.infidelity_null for item in bags])),
        )
    )
    return mean_map(tables).assign(sample=target.name)
