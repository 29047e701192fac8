"""A causal model that reads <m> after a methylated C: heads are told apart whatever they do to token counts.

A text has a token for each base and each methylated call, so length and methylation both make it longer.
Three heads on the same embeddings learn planted targets: a subject's mean length, its share of methylated
calls, and its mean number of tokens, which is what a head would have that took one for the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pysam
import pytest
import torch
from msgspec import structs
from scipy.special import expit
from toys import toy_study

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.contributions import Contributions, Shares
from cfdna_interp.attribution.embed import EmbeddedSample, embed_bags
from cfdna_interp.attribution.interventions.margins import ReferenceMargins
from cfdna_interp.attribution.study import Bag, Study
from cfdna_interp.attribution.values import INTERVENTIONS, MAIN, DonorReference, Target
from cfdna_interp.config.settings import Attribution
from cfdna_interp.config.settings import Reference as Genome
from cfdna_interp.models import causal
from cfdna_interp.models.adapters.transformers import TransformersEncoder
from cfdna_interp.models.causal import pretrain_causal
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs
from cfdna_interp.models.crossfit import crossfit
from cfdna_interp.models.embedding_cache import cached
from cfdna_interp.models.rendering import Renderer, Rendering
from cfdna_interp.models.whitening import fit_whitening
from cfdna_interp.records.encoder import CausalPretraining

SUBJECTS, FRAGMENTS, BAG, DONORS, DIM = 24, 400, 160, 2, 16
BASES = 60_000
MEAN, SPREAD = 70.0, 6.0  # bp; short fragments make short texts
HIGH, LOW = 0.95, 0.05  # share of methylated calls on the two kinds of fragments
# How far subjects reach to either side: of the mean length (bp), of the chance that a fragment is methylated.
LENGTH, METHYLATION = 2.5, 0.25
LENGTH_GROUP, METHYLATION_GROUP, TISSUE_GROUP = range(len(BAG_GROUPS))
RENDERING = Rendering(methylation="token", methylated="<m>", prefix="<frag>", suffix="</frag>")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Embedded subjects, who donates to them, and what pre-training says of tokens."""

    study: Study
    bags: list[list[Bag]]
    embedded: list[EmbeddedSample]
    reference: DonorReference
    pretrained: FragmentInputs
    reached: CausalPretraining

    def truth(self, of: str) -> np.ndarray:
        """(subjects,) what the head named so is to read."""
        inputs = self.study.inputs
        length = np.array([own.length.mean() for own in inputs])
        methylated = np.array([(own.states == 1).sum(axis=1).mean() for own in inputs])
        calls = np.array([own.counts.mean() for own in inputs])
        return {"length": length, "methylation": methylated / calls, "tokens": length + methylated}[of]


@dataclass(frozen=True)
class Explained:
    """Correlation of a head's cross-fitted logits with what it was to read, and shares by intervention."""

    correlation: float
    shares: dict[str, Shares]
    subjects: dict[str, int]


def genome(rng: np.random.Generator) -> str:
    """A tenth of the bases are the C of a CpG: then calls move the number of tokens as much as lengths do.

    Of words CG, C and G with chances .08, .18 and .18 among words of 1.08 bases on average, CG is one and C
    before G makes another: (.08 + .18²) / 1.08 = .104 a base.
    """
    words = rng.choice(["CG", "A", "C", "G", "T"], p=[0.08, 0.28, 0.18, 0.18, 0.28], size=BASES)
    return "".join(words)[:BASES]


def fragments_of(bases: np.ndarray, rng: np.random.Generator, mean: float, chance: float) -> FragmentInputs:
    """Draw a subject's fragments: anywhere, no atlas block, every CpG called, each of one of two levels."""
    length = np.clip(np.rint(rng.normal(mean, SPREAD, FRAGMENTS)), 40, 100).astype(np.int32)
    place = rng.integers(0, len(bases) - 100, FRAGMENTS)
    cpgs = np.flatnonzero((bases[:-1] == ord("C")) & (bases[1:] == ord("G")))
    offsets = np.full((FRAGMENTS, MAX_CALLS), -1, dtype=np.int16)
    for row in range(FRAGMENTS):
        inside = cpgs[(cpgs >= place[row]) & (cpgs < place[row] + length[row])][:MAX_CALLS]
        offsets[row, : len(inside)] = inside - place[row]
    level = np.where(rng.random(FRAGMENTS) < chance, HIGH, LOW)[:, None]
    return FragmentInputs(
        length=length,
        offsets=offsets,
        states=np.where(offsets >= 0, rng.random(offsets.shape) < level, -1).astype(np.int8),
        locus=np.zeros(FRAGMENTS, dtype=np.int16),
        region=rng.integers(0, 8, FRAGMENTS).astype(np.int16),
        place=place,
        strand=np.ones(FRAGMENTS, dtype=np.int8),
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder, rng = tmp_path_factory.mktemp("sequence"), np.random.default_rng(1)
    text = genome(rng)
    fasta = folder / "genome.fa"
    fasta.write_text(f">chr1\n{text}\n")
    pysam.faidx(str(fasta))
    bases = np.frombuffer(text.encode(), dtype=np.uint8)
    # Latents on a circle: equally spread, and without correlation.
    angle = 2 * np.pi * np.arange(SUBJECTS) / SUBJECTS
    means, chances = MEAN + LENGTH * np.cos(angle), 0.5 + METHYLATION * np.sin(angle)
    inputs = [fragments_of(bases, rng, *latents) for latents in zip(means, chances, strict=True)]
    pool = FragmentInputs.concatenate(inputs)
    some = pool.take(rng.permutation(len(pool))[:1_500])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(causal, "BATCH_TOKENS", 1_024)  # small batches: some hundred steps within seconds
        renderer = Renderer(RENDERING, str(fasta))
        # After half of these epochs the components that are kept may hold little of length: a head that can't
        # read its target can't show what it reads.
        reached = pretrain_causal(some, renderer, folder / "encoder", epochs=4, seed=1)
    raw = TransformersEncoder.load(folder / "encoder", fasta=str(fasta), device="cpu", precision="float32")
    # Edited molecules are the same for all heads: the cache reads them once.
    encoder = fit_whitening(cached(raw, folder / "cache"), some, DIM)
    study = toy_study(inputs, np.arange(SUBJECTS) % 2, encoder, bag_size=BAG, seed=1, folder=folder)
    config = structs.replace(
        study.config, reference=Genome(fasta=str(fasta)), attribution=Attribution(donors=DONORS)
    )
    study = replace(study, config=config)
    banks = study.banks()
    bags = [study.bags(sample.sample, own) for sample, own in zip(study.samples, inputs, strict=True)]
    return Cohort(
        study=study,
        bags=bags,
        embedded=[embed_bags(encoder, drawn, banks) for drawn in bags],
        reference=DonorReference(
            kind=MAIN[1],
            banks=banks,
            bags=torch.stack([encoder.encode(bag) for bag in study.reference_bags(banks)]),
            margins=[ReferenceMargins(bank.fragments, bag_size=BAG) for bank in banks],
        ),
        pretrained=some,
        reached=reached,
    )


def explain(cohort: Cohort, of: str) -> Explained:
    """Fit heads to a truth, each without the subjects it is asked about, and ask all interventions."""
    wanted = cohort.truth(of)
    targets = expit(2 * (wanted - wanted.mean()) / wanted.std())
    own = torch.stack([item.versions[0] for item in cohort.embedded])  # (subjects, bags, fragments, dim)
    high, subjects = (targets > 0.5).astype(int), np.arange(SUBJECTS)
    fitted = crossfit(own, high, subjects, folds=4, rng=np.random.default_rng(2), targets=targets)
    heads = [fitted.heads[fold] for fold in fitted.fold]
    with torch.inference_mode():
        anchors = np.array([[head(cohort.reference.bags).numpy() for head in one] for one in heads])
    shares, answered = {}, {}
    for name, ask in INTERVENTIONS.items():
        values = np.stack(
            [
                ask(cohort.study, Target(sample.sample, heads[row], embedded, bags), cohort.reference).values
                for row, (sample, embedded, bags) in enumerate(
                    zip(cohort.study.samples, cohort.embedded, cohort.bags, strict=True)
                )
            ]
        )  # (subjects, coalitions, donors)
        valued = np.isfinite(values).all(axis=(1, 2))
        contributions = Contributions.of_values(values[valued], anchors.mean(axis=1)[valued])
        assert contributions.completeness < 1e-5
        shares[name] = contributions.shares()
        answered[name] = int(valued.sum())
    return Explained(np.corrcoef(fitted.logits(own).mean(axis=1), wanted)[0, 1], shares, answered)


@pytest.fixture(scope="module")
def explained(cohort: Cohort) -> dict[str, Explained]:
    return {of: explain(cohort, of) for of in ("length", "methylation", "tokens")}


def test_length_and_methylation_both_move_the_number_of_tokens(cohort: Cohort) -> None:
    # What the tokenizer counted: a token a base, one a methylated call, and two wrappers.
    methylated = (cohort.pretrained.states == 1).sum(axis=1)
    assert cohort.reached.tokens == pytest.approx((cohort.pretrained.length + methylated).mean() + 2)
    # Over fragments, length L has variance 6² + 2.5²/2 = 39. A fragment has .104 x 70 = 7.3 calls with
    # variance 5.5 (less than Poisson's, since of two neighbours one at most is a CpG) and a level of .95 or
    # .05, mean square .4525, so that methylated calls M have variance
    # (5.5 + 7.3²) x .4525 - (7.3 / 2)² + .95 x .05 x 7.3 = 13.6.
    # A bp brings .104 calls, half of them methylated: covariance .052 x 39 = 2. Tokens L + M + 2 have
    # 39 + 13.6 + 2 x 2 = 56.6.
    assert cohort.reached.length_tokens == pytest.approx(41 / np.sqrt(39 * 56.6), abs=0.06)
    assert cohort.reached.methylated_tokens == pytest.approx(15.6 / np.sqrt(13.6 * 56.6), abs=0.06)
    # So also over subjects, where each moves tokens with the other held.
    length, level, tokens = (cohort.truth(of) for of in ("length", "methylation", "tokens"))
    for moving, held in ((length, level), (level, length)):
        assert np.corrcoef(moving, tokens)[0, 1] > 0.4
        beyond = [item - np.polyval(np.polyfit(held, item, 1), held) for item in (moving, tokens)]
        assert np.corrcoef(*beyond)[0, 1] > 0.8


def test_heads_read_what_they_were_to_read(explained: dict[str, Explained]) -> None:
    for head in explained.values():
        assert head.correlation > 0.9
        # The interventions have an answer for nearly all subjects.
        assert all(count >= 0.75 * SUBJECTS for count in head.subjects.values())
        for found in head.shares.values():
            assert found.share[TISSUE_GROUP] < 1e-5  # no fragment touches a block


@pytest.mark.parametrize("intervention", ["swap", "reweight", "edit"])
def test_heads_of_one_group_are_told_apart(explained: dict[str, Explained], intervention: str) -> None:
    # The right group's share is 1 but for what the head's noise moves: Σ|φ| counts it, whatever its sign.
    # In the covariance share it cancels, so that this is 1 for the right group and 0 for the wrong one.
    for of, right, wrong in (
        ("length", LENGTH_GROUP, METHYLATION_GROUP),
        ("methylation", METHYLATION_GROUP, LENGTH_GROUP),
    ):
        found = explained[of].shares[intervention]
        assert found.share.argmax() == right
        assert found.share[right] > 0.75
        assert found.share[wrong] < 0.25
        assert found.covariance[right] > 0.7
        assert abs(found.covariance[wrong]) < 0.15


@pytest.mark.parametrize("intervention", ["swap", "reweight", "edit"])
def test_a_head_that_counts_tokens_has_both(
    cohort: Cohort, explained: dict[str, Explained], intervention: str
) -> None:
    # Length moves tokens by up to 2.5 bp, the level by up to (.95 - .05) x .25 of 7.3 calls, 1.6 tokens. Both
    # latents are equally spread, so that mean sizes are in the ratio of these: .6 and .4.
    found = explained["tokens"].shares[intervention].share
    expected = LENGTH / (LENGTH + (HIGH - LOW) * METHYLATION * 0.104 * MEAN)
    assert found[LENGTH_GROUP] == pytest.approx(expected, abs=0.12)
    for of, group in (("length", LENGTH_GROUP), ("methylation", METHYLATION_GROUP)):
        assert explained[of].shares[intervention].share[group] > found[group] + 0.15
