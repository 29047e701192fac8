"""``dictionaries/{number}.json``: how good the sparse autoencoders of one seed are."""

from __future__ import annotations

from typing import ClassVar

from cfdna_interp.records.base import Record, ResultFile


class DictionaryQuality(Record, frozen=True, kw_only=True):
    """How good a dictionary is on embeddings of subjects that it was not fitted to.

    Attributes
    ----------
    explained
        Share of the embeddings' variance that reconstructions hold; the mean embedding would have 0.
    l0
        Mean number of codes of an embedding that are not 0.
    dead
        Share of features that are 0 for every embedding.
    logit_recovered
        1 - mean squared error of the logits of reconstructed bags, in units of that of bags of the mean
        embedding. Null where the heads don't read these embeddings.
    """

    explained: float
    l0: float
    dead: float
    logit_recovered: float | None


class DictionaryControls(Record, frozen=True, kw_only=True):
    """Dictionaries of single features that can know nothing of the model.

    Attributes
    ----------
    shuffled
        Of embeddings whose dimensions were shuffled independently of each other.
    untrained
        Of an encoder with weights drawn anew; null where there is no such encoder.
    """

    shuffled: DictionaryQuality
    untrained: DictionaryQuality | None


class SparseDictionary(ResultFile, frozen=True, kw_only=True):
    """The two dictionaries of one seed: one of single features, one whose features come in blocks.

    Attributes
    ----------
    number
        Number of the seed, from 0.
    features
        Number of features of the plain dictionary; that in blocks has as many, down to whole blocks.
    active
        Number of features that may be active in an embedding; in blocks as many, up to whole blocks.
    block
        Number of features in a block.
    fragments, samples, subjects
        Number of those that the dictionaries were fitted to.
    plain
        Quality of the dictionary of single features.
    blocks
        Quality of the dictionary in blocks.
    controls
        Beside number 0; null beside the others.
    """

    FILE: ClassVar[str] = "dictionaries/{number}.json"
    STAGE: ClassVar[str] = "dictionary"

    number: int
    features: int
    active: int
    block: int
    fragments: int
    samples: int
    subjects: int
    plain: DictionaryQuality
    blocks: DictionaryQuality
    controls: DictionaryControls | None
