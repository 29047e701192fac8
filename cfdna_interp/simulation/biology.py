"""Effects of a sample's latents on its fragments: lengths, methylation, and cells of origin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.simulation.genome import Genome, build_genome
from cfdna_interp.simulation.tilt import Tilt
from cfdna_interp.stats.resampling import stream

LENGTHS = np.arange(70, 1_001)  # bp

# Methylation patterns of a fragment outside marker blocks: unmethylated, discordant, methylated.
PATTERN_LEVELS = np.array([0.03, 0.50, 0.95])
_SEA = np.array([0.12, 0.23, 0.65])
ISLAND_PATTERNS = np.array([0.88, 0.08, 0.04])

# Methylation levels of fragments in the two marker states, with some noise as in real data.
_STATE_LEVELS = np.array([0.02, 0.97])  # unmethylated, methylated

# Cell mixture of plasma: blood near 90 %, endothelium and liver some %, brain below 1 %, after the
# healthy averages of Moss et al., Nature Communications 9:5068 (2018) without red-cell precursors.
CELL_TYPES = (
    "granulocyte", "monocyte", "B_lymphocyte", "T_NK_lymphocyte",
    "liver", "endothelium", "neuron", "oligodendrocyte",
)  # fmt: skip
_MIXTURE = np.array([0.52, 0.16, 0.05, 0.155, 0.03, 0.078, 0.004, 0.003])
_TISSUE_SCORE = np.array([-1.0, 0, 0, 0, 1.0, 1.0, 0, 0])  # liver, endothelium up; granulocytes down
_MARKERS = np.array([0.22, 0.08, 0.08, 0.08, 0.18, 0.20, 0.08, 0.08])  # share of blocks per cell type
_MARKED_HIGH = 0.10  # share of blocks whose target is methylated (direction M)

_LENGTH_STRENGTH = 0.10
_METHYLATION_STRENGTH = 0.16
_TISSUE_STRENGTH = 0.17
_DINUCLEOSOME_SPREAD = 0.08


@dataclass(frozen=True, eq=False)
class Biology:
    """Genome, atlas and the distributions that the latents tilt.

    Attributes
    ----------
    lengths
        Tilt over ``LENGTHS``; the statistic is shortness.
    patterns
        Tilt over the three methylation patterns of the open sea; the statistic is lack of methylation.
    cells
        Tilt over ``CELL_TYPES``.
    dinucleosome
        (lengths,) score of the di-nucleosomal range, uncorrelated with shortness at z = 0.
    """

    genome: Genome
    atlas: Atlas
    lengths: Tilt
    patterns: Tilt
    cells: Tilt
    dinucleosome: np.ndarray

    def tilt(self, group: str) -> Tilt:
        """Return the tilt that a group's latent moves."""
        return {
            "fragment_length": self.lengths,
            "methylation": self.patterns,
            "tissue_of_origin": self.cells,
        }[group]


@dataclass(frozen=True, eq=False)
class Molecules:
    """Double-stranded fragments before the library, with the CpGs of one strand in compressed-row form.

    Attributes
    ----------
    starts, lengths
        (n,) position on the genome's line; bp.
    strands
        (n,) +1 or -1: strand of the sequenced molecule.
    blocks
        (n,) marker block that the fragment touches, -1 for none.
    first_cpg
        (n,) genome-wide rank of the first CpG whose C or G lies in the fragment.
    splits
        (n + 1,) CpG ``j`` of fragment ``i`` has rank ``first_cpg[i] + j`` and its state at ``splits[i] + j``.
    states
        (CpGs,) 1 methylated, 0 not.
    """

    starts: np.ndarray
    lengths: np.ndarray
    strands: np.ndarray
    blocks: np.ndarray
    first_cpg: np.ndarray
    splits: np.ndarray
    states: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)


def shortness(lengths: np.ndarray) -> np.ndarray:
    """Return the shortness of a length: 1 well below 160 bp, -1 well above, and 0 from 260 bp on."""
    return np.asarray(-np.tanh((lengths - 160) / 25) / (1 + np.exp((lengths - 260) / 12)))


def length_law() -> np.ndarray:
    """Return (lengths,) weights of plasma cfDNA lengths over ``LENGTHS``.

    Mono-nucleosomes peak at 167 bp with a 10.4-bp ladder below (steps at 144, 133.6, 123.2, ...: Snyder et
    al., Cell 164:57, 2016), di-nucleosomes near 332, tri-nucleosomes near 500, and a long tail.
    """
    x = LENGTHS.astype(float)

    def peak(centre: float, left: float, right: float) -> np.ndarray:
        shape = np.exp(-0.5 * ((x - centre) / np.where(x < centre, left, right)) ** 2)
        return np.asarray(shape / shape.sum())

    ladder = peak(146, 27, 8) * (1 + 0.55 * np.cos(2 * np.pi * (x - 144) / 10.4))
    tail = np.exp(-(x - 250) / 250) * (x >= 250)
    law = (
        0.61 * peak(167.5, 9, 15)
        + 0.21 * ladder / ladder.sum()
        + 0.11 * peak(332, 27, 27)
        + 0.035 * peak(500, 34, 34)
        + 0.035 * tail / tail.sum()
    )
    return np.asarray(law)


@lru_cache(maxsize=4)
def build_biology(seed: int) -> Biology:
    """Make genome, atlas and distributions. The same seed gives the same result."""
    genome = build_genome(seed)
    law = length_law()
    lengths = Tilt.of(law, shortness(LENGTHS), _LENGTH_STRENGTH)
    di = ((LENGTHS > 250) & (LENGTHS < 420)).astype(float)
    di = di - lengths.base @ di
    di = di - (lengths.base @ (di * lengths.statistic)) * lengths.statistic
    return Biology(
        genome=genome,
        atlas=_atlas(genome, seed),
        lengths=lengths,
        patterns=Tilt.of(_SEA, -PATTERN_LEVELS, _METHYLATION_STRENGTH),
        cells=Tilt.of(_MIXTURE, _TISSUE_SCORE, _TISSUE_STRENGTH),
        dinucleosome=di / np.sqrt(lengths.base @ di**2),
    )


def _atlas(genome: Genome, seed: int) -> Atlas:
    rng = stream(seed, "atlas")
    blocks = len(genome.block_starts)
    target = rng.choice(len(CELL_TYPES), size=blocks, p=_MARKERS)
    fractions = rng.beta(1.5, 40, size=(blocks, len(CELL_TYPES)))
    fractions[np.arange(blocks), target] = rng.uniform(0.85, 0.98, size=blocks)
    contig = genome.contig_of(genome.block_starts)
    starts = genome.block_starts - genome.offsets[contig]
    return Atlas(
        contigs=tuple(genome.names[i] for i in contig),
        starts=starts,
        ends=starts + genome.block_ends - genome.block_starts,
        names=tuple(f"marker{i:04d}" for i in range(blocks)),
        targets=tuple(CELL_TYPES[i] for i in target),
        directions=tuple("M" if high else "U" for high in rng.random(blocks) < _MARKED_HIGH),
        cell_types=CELL_TYPES,
        fractions=np.round(fractions, 3),
    )


def draw_molecules(
    biology: Biology,
    latents: tuple[float, float, float],
    dinucleosome: float,
    fragments: int,
    rng: np.random.Generator,
) -> Molecules:
    """Draw the fragments of one sample.

    Parameters
    ----------
    biology
        From :func:`build_biology`.
    latents
        Latents of fragment_length, methylation and tissue_of_origin, in this order.
    dinucleosome
        Standard normal number of the person for its share of di-nucleosomes, independent of the label.
    fragments
        Number of fragments.
    rng
        Source of randomness.
    """
    genome, atlas = biology.genome, biology.atlas
    own = biology.lengths.base * np.exp(_DINUCLEOSOME_SPREAD * dinucleosome * biology.dinucleosome)
    lengths = _draw(biology.lengths.probabilities(latents[0], own / own.sum()), fragments, rng)
    lengths = LENGTHS[lengths]
    starts = _place(genome, lengths, rng)
    strands = np.where(rng.random(fragments) < 0.5, 1, -1)
    blocks = genome.touched_block(starts, starts + lengths)

    sea = biology.patterns.probabilities(latents[1])
    on_island = genome.island[starts + lengths // 2]
    edges = np.cumsum(np.where(on_island[:, None], ISLAND_PATTERNS, sea), axis=1)
    pattern = (rng.random(fragments)[:, None] > edges[:, :-1]).sum(axis=1)
    levels = PATTERN_LEVELS[pattern]

    # A fragment that touches a marker block takes its whole pattern from its cell, so the methylation latent
    # doesn't affect tissue_of_origin.
    touching = np.flatnonzero(blocks >= 0)
    cells = _draw(biology.cells.probabilities(latents[2]), len(touching), rng)
    marked = rng.random(len(touching)) < atlas.fractions[blocks[touching], cells]
    high = np.array([direction == "M" for direction in atlas.directions])[blocks[touching]]
    levels[touching] = _STATE_LEVELS[np.where(marked == high, 1, 0)]

    first = np.searchsorted(genome.cpgs, starts - 1)
    counts = np.searchsorted(genome.cpgs, starts + lengths) - first
    splits = np.concatenate([[0], np.cumsum(counts)])
    states = (rng.random(splits[-1]) < np.repeat(levels, counts)).astype(np.int8)
    return Molecules(
        starts=starts,
        lengths=lengths,
        strands=strands,
        blocks=blocks,
        first_cpg=first,
        splits=splits,
        states=states,
    )


def _draw(probabilities: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    drawn = np.searchsorted(np.cumsum(probabilities), rng.random(size), side="right")
    return np.minimum(drawn, len(probabilities) - 1)  # the last edge may round below 1


def _place(genome: Genome, lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Centre fragments of one or three nucleosomes near a dyad, of two near a linker, a fifth anywhere."""
    dyads = genome.dyads[rng.integers(0, len(genome.dyads), size=len(lengths))]
    linker = np.where((lengths > 250) & (lengths < 420), 95, 0)
    near = rng.normal(0.0, 14.0, size=len(lengths))
    anywhere = rng.uniform(-95.0, 95.0, size=len(lengths))
    free = rng.random(len(lengths)) < 0.2
    centres = dyads + linker + np.where(free, anywhere, near).astype(np.int64)
    return np.asarray(centres - lengths // 2, dtype=np.int64)
