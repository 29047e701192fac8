"""Samples of different subjects with the same molecules, that is the same contig, start and length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import poisson

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.subjects import Subjects

# Fragments compared per sample, so that a share of 2 % is 40 of them.
COMPARED = 2_000
KEPT = 4 * COMPARED
FEWEST = 200
# Smallest shared share of a named pair. Two subsamples of one library share about the sampling fraction.
SMALLEST = 0.02
# Allowed excess over the median. Unrelated people share fragments because nucleosomes lead to cuts at the
# same bases, some pairs more than others.
EXCESS = 3.0
# Samples per block of pairs, which bounds memory and doesn't change results.
BLOCK = 256
SIGNIFICANT = 0.01


@dataclass(frozen=True)
class SharedPair:
    """Two samples of different subjects: share of the smaller sample's fragments in the other, and p."""

    a: str
    b: str
    share: float
    p: float


@dataclass(frozen=True)
class SharedFragments:
    """All named pairs; ``expected`` is the median share over all pairs of different subjects."""

    pairs: tuple[SharedPair, ...]
    expected: float
    samples: int
    missing: Missing | None


def keys(table: FragmentTable, name: Callable[[str], str] = str) -> np.ndarray:
    """Return an ascending number per distinct fragment, equal if contig, start and length are equal.

    Parameters
    ----------
    table
        The stored fragments.
    name
        Maps a contig's name to the name that all samples share.
    """
    contigs = np.array([_word(name(contig)) for contig in table.contig_names], dtype=np.uint64)
    if len(table) == 0:
        return np.zeros(0, dtype=np.uint64)
    place = (table.start.astype(np.uint64) << np.uint64(20)) + table.length.astype(np.uint64)
    return np.unique(_mixed(contigs[table.contig] ^ _mixed(place)))


def shared_fragments(
    hashed: Iterable[np.ndarray], samples: Sequence[str], subjects: Sequence[str]
) -> SharedFragments:
    """Find pairs of samples that share more fragments than those of unrelated people.

    A pair is named if at least 2 % of the smaller sample's fragments are in the other, and their number
    exceeds a Poisson law with three times the median share of all pairs (.01, Bonferroni over pairs). Read
    names are not stored, so a library that was sequenced twice is recognised by its molecules.

    Parameters
    ----------
    hashed
        The numbers of :func:`keys` for each sample.
    samples, subjects
        (samples,) names.
    """
    # Samples are read one at a time. Only the smallest numbers of deep samples stay in memory.
    everything, lengths, last = [], [], np.uint64(2**64 - 1)
    for part in hashed:
        lengths.append(len(part))
        everything.append(part[:KEPT].copy())
        if len(part) > KEPT:
            last = min(last, part[KEPT - 1])
    sizes = np.array(lengths)
    read = [i for i, size in enumerate(sizes) if size >= FEWEST]
    owners = np.asarray(subjects, dtype=object)
    if len({owners[i] for i in read}) < 2:
        few = Missing(why=Cause.FEW_FRAGMENTS, needed=FEWEST)
        return SharedFragments((), np.nan, len(read), few)
    # The numbers are hashes: the smallest of them are the same random selection in all samples.
    limit = np.uint64(min(1.0, COMPARED / float(np.median(sizes[read]))) * float(2**64 - 2**11))
    limit = min(limit, last)  # all samples are complete up to here
    chosen = [everything[i][everything[i] <= limit] for i in read]
    flat, places = np.unique(np.concatenate(chosen), return_inverse=True)
    counts = np.array([len(part) for part in chosen])
    rows = np.repeat(np.arange(len(read)), counts)
    matrix = csr_matrix((np.ones(len(rows), dtype=np.int32), (rows, places)), shape=(len(read), len(flat)))
    who = Subjects(owners[read].astype(str)).index
    rates, seen, possible = [], [], 0
    for a, b, both in _pairs(matrix, who):
        smaller, larger = np.minimum(counts[a], counts[b]), np.maximum(counts[a], counts[b])
        # The share expected by chance is proportional to the size of the larger sample.
        rates.append(both / np.maximum(smaller * larger, 1.0))
        seen.append(both / np.maximum(smaller, 1))
        possible += int((smaller * larger).sum())
    expected, share = float(np.median(np.concatenate(rates))), float(np.median(np.concatenate(seen)))
    rate = EXCESS * max(expected, 1.0 / possible if possible else 0.0)
    tests = sum(len(part) for part in seen)
    found = []
    for (a, b, both), shares in zip(_pairs(matrix, who), seen, strict=True):
        p = np.minimum(1.0, poisson.sf(both - 1, rate * counts[a] * counts[b]) * tests)
        found += [
            SharedPair(samples[read[a[i]]], samples[read[b[i]]], float(shares[i]), float(p[i]))
            for i in np.flatnonzero((p <= SIGNIFICANT) & (shares >= SMALLEST))
        ]
    return SharedFragments(tuple(found), share, len(read), None)


def _pairs(matrix: csr_matrix, who: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield blocks of pairs of samples of different subjects, a < b, and their counts of shared fragments."""
    for start in range(0, len(who), BLOCK):
        common = (matrix[start : start + BLOCK] @ matrix.T).toarray()  # (block, samples)
        places = np.arange(start, start + len(common))[:, None]
        wanted = (places < np.arange(len(who))) & (who[places] != who)
        a, b = np.nonzero(wanted)
        yield a + start, b, common[a, b]


def _mixed(numbers: np.ndarray) -> np.ndarray:
    # This is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    with np.errstate(over="ignore"):
        x = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def _word(name: str) -> int:
    import hashlib

    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
