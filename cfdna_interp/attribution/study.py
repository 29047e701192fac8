"""The inputs of attribution: encoder, discovery fragments, and the drawing of bags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.exclusions import kept_samples
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.attribution.interventions.donors import DonorBank
from cfdna_interp.attribution.references import pools
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.adapters.load_encoder import load_encoder
from cfdna_interp.models.bags import ContextMix, inputs_of, locus_classes, starts_of
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.stats.resampling import stream

BANK_FRAGMENTS = 60_000  # per donor part
REFERENCE_FRAGMENTS = 16_384  # per donor part


@dataclass(frozen=True, eq=False)
class Bag:
    """One of a sample's bags.

    Attributes
    ----------
    fragments
        The fragments, in the order of their genomic windows.
    uniform
        (n, 2) numbers in [0, 1) that choose donors, the same in every coalition and intervention.
    """

    fragments: FragmentInputs
    uniform: np.ndarray


@dataclass(frozen=True, eq=False)
class Study:
    """The discovery cohort without its labels.

    Attributes
    ----------
    config, layout
        Settings and paths of the run.
    encoder
        The frozen encoder.
    samples
        Discovery samples that were not excluded, in the order of the sheet.
    inputs
        Fragments of each sample.
    mix
        The pool's mix of contexts, with which every bag is drawn.
    """

    config: Config
    layout: Layout
    encoder: Encoder
    samples: tuple[Sample, ...]
    inputs: list[FragmentInputs]
    mix: ContextMix

    def fragments(self, sample: Sample) -> FragmentInputs:
        """Return the fragments of a sample of either role."""
        known = {item.sample: place for place, item in enumerate(self.samples)}
        if sample.sample in known:
            return self.inputs[known[sample.sample]]
        return _read(self.config, self.layout, [sample])[0]

    def bag_rows(self, sample: str, fragments: FragmentInputs) -> tuple[np.ndarray, np.ndarray]:
        """Draw the bags of a sample. Every stage draws the same ones.

        Returns
        -------
        (donors, size) rows of its fragments, each bag in the order of its windows, and (donors, size, 2)
        numbers in [0, 1).
        """
        size, donors = self.config.model.bag_size, self.config.attribution.donors
        rng = stream(self.config.seed, "bags", sample)
        rows = self.mix.bag_rows(fragments, donors, size, rng, sample=sample)
        ordered = np.stack([in_region_order(fragments, row) for row in rows])
        return ordered, np.stack([rng.random((size, 2)) for _ in rows])

    def bags(self, sample: str, fragments: FragmentInputs) -> list[Bag]:
        """Return the bags of a sample, one for each donor part."""
        rows, uniform = self.bag_rows(sample, fragments)
        return [Bag(fragments.take(row), numbers) for row, numbers in zip(rows, uniform, strict=True)]

    def banks(self) -> list[DonorBank]:
        """Return the donor pools of the main reference: random parts of the discovery subjects."""
        return [
            bank_of(self.inputs, np.array(rows), stream(self.config.seed, "donor-bank", place))
            for place, rows in enumerate(self.parts())
        ]

    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Return the rows of ``samples`` in each donor pool of the main reference."""
        donors, seed = self.config.attribution.donors, self.config.seed
        return pools("discovery", self.samples, self.samples[:1], donors=donors, seed=seed).members[0]

    def reference_bags(self, banks: list[DonorBank], *names: str) -> list[FragmentInputs]:
        """Draw a bag from each unchanged donor pool, the reference of attribution; ``names`` choose the draw.

        They are larger than a sample's bags, since their sampling noise shifts all samples alike. They are at
        most half of a pool, so that every context cell has enough fragments to draw from.
        """
        size = min(REFERENCE_FRAGMENTS, *(len(bank.fragments) // 2 for bank in banks))
        bags = []
        for number, bank in enumerate(banks):
            rng = stream(self.config.seed, "reference", *names, number)
            rows = self.mix.bag_rows(bank.fragments, 1, size, rng, sample=f"donor pool {number}")[0]
            bags.append(bank.fragments.take(in_region_order(bank.fragments, rows)))
        return bags


def load_study(config: Config) -> Study:
    """Read encoder and discovery fragments.

    Raises
    ------
    InputError
        A file is missing or damaged, or the encoder was pre-trained with another atlas.
    """
    layout = Layout.of(config.outdir)
    encoder = load_encoder(config, layout)
    _, loci = locus_classes(Atlas.load(config.atlas) if config.atlas else None)
    if isinstance(encoder, ReferenceEncoder) and loci != encoder.loci:
        raise InputError(
            f"encoder {layout.file('encoder.safetensors')} knows {encoder.loci} locus classes, the atlas has "
            f"{loci}; run the pretrain stage again"
        )
    samples = tuple(kept_samples(layout, "discovery"))
    inputs = _read(config, layout, samples)
    return Study(config, layout, encoder, samples, inputs, ContextMix(inputs))


def bank_of(inputs: list[FragmentInputs], rows: np.ndarray, rng: np.random.Generator) -> DonorBank:
    """Pool the fragments of some discovery samples, the same number from each, in random order."""
    share = -(-BANK_FRAGMENTS // len(rows))
    drawn = [inputs[row].take(rng.permutation(len(inputs[row]))[:share]) for row in rows]
    pool = FragmentInputs.concatenate(drawn)
    return DonorBank(pool.take(rng.permutation(len(pool))), role="discovery")


def in_region_order(fragments: FragmentInputs, rows: np.ndarray) -> np.ndarray:
    """Return the rows of a bag in the order of their genomic windows, as heads expect them."""
    return rows[np.argsort(fragments.region[rows], kind="stable")]


def _read(config: Config, layout: Layout, samples: tuple[Sample, ...] | list[Sample]) -> list[FragmentInputs]:
    classes, _ = locus_classes(Atlas.load(config.atlas) if config.atlas else None)
    starts = starts_of(config)
    return [
        inputs_of(FragmentTable.load(layout.fragments(sample.sample)), classes, starts) for sample in samples
    ]
