"""Stage ``funnel``: from the features of all dictionaries to those that carry the contrast of classes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array
from scipy.stats import ortho_group

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.dataset import load_heads
from cfdna_interp.attribution.head_refits import PermutedHeads, permuted_heads
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.records.base import save_record
from cfdna_interp.records.funnel import CurveCoverages, FeatureFunnel
from cfdna_interp.representation.carried import carried, carriers
from cfdna_interp.representation.curve_coverage import cover, length_classes
from cfdna_interp.representation.dictionary_matching import match, matched_share
from cfdna_interp.representation.feature_annotation import Annotation, annotate
from cfdna_interp.representation.feature_attribution import attribute_codes, origin_of, sparse_codes
from cfdna_interp.representation.feature_contrast import FeatureTest, NullCounts, judge_features
from cfdna_interp.representation.funnel_record import feature_table, record_of
from cfdna_interp.representation.material import Material, Part, load_material
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder
from cfdna_interp.stats.resampling import stream


@dataclass(frozen=True, eq=False)
class DictionaryJudgement:
    """The judged features of one dictionary.

    Attributes
    ----------
    dictionary
        The dictionary.
    codes
        (n, features) codes of the fragments of the funnel.
    test, null
        Results under the run's heads, and counts under permuted heads.
    annotation
        Names of the features.
    carried
        Family -> (features,) its part of the difference between classes, from :func:`carried`.
    """

    dictionary: SparseAutoencoder
    codes: csr_array
    test: FeatureTest
    null: NullCounts
    annotation: Annotation
    carried: dict[str, np.ndarray]

    @property
    def carrier(self) -> np.ndarray:
        """(features,) the family with most of the difference, or ``NO_CARRIER``."""
        return carriers(self.carried)

    @property
    def active(self) -> np.ndarray:
        """(features,) share of fragments for which a feature is active."""
        return np.asarray(self.codes.count_nonzero(axis=0) / self.codes.shape[0])


@dataclass(frozen=True, eq=False)
class Funnel:
    """All results of the funnel.

    Attributes
    ----------
    part
        The fragments for codes, names and profiles.
    judged
        One entry per seed.
    curve
        Coverage of the length curve by the first dictionary, also with permuted lengths, and by its blocks.
    cosines
        (seeds, seeds, features) cosine of each feature of one seed with its partner in another; 0 for
        features that are never active or have no partner.
    matched_by_chance
        Share of features with a partner if the second dictionary is rotated at random.
    gap
        The largest |sum of attributions − difference of logits|.
    """

    part: Part
    judged: list[DictionaryJudgement]
    curve: CurveCoverages
    cosines: np.ndarray
    matched_by_chance: float
    gap: float


def run_funnel(config: Config) -> None:
    """Stage ``funnel``: judge the features of all dictionaries; write a record and a table of them.

    Raises
    ------
    InputError
        A file is missing or damaged, dictionaries or heads belong to other embeddings, or attributions don't
        add up.
    """
    torch.set_num_threads(1)
    layout, settings = Layout.of(config.outdir), config.representation
    material = load_material(config)
    numbers = range(settings.seeds)
    plain = [load_dictionary(layout, number, "plain", material.encoder.dim) for number in numbers]
    funnel = find_features(
        material,
        plain,
        load_dictionary(layout, 0, "blocks", material.encoder.dim),
        load_heads(layout, material.samples),
        permuted_heads(layout, config.attribution.chunks),
        fragments=settings.fragments,
        resamples=settings.resamples,
    )
    with atomic_path(layout.file("sparse_features.parquet")) as temporary:
        table = pd.concat([feature_table(funnel, number) for number in numbers])
        table.to_parquet(temporary, index=False, compression="zstd")
    save_record(record_of(material, funnel), layout.file(FeatureFunnel.FILE))


def load_dictionary(layout: Layout, number: int, kind: str, dim: int) -> SparseAutoencoder:
    """Read one seed's dictionary, ``plain`` or ``blocks``; raise ``InputError`` if it doesn't fit."""
    path: Path = layout.dictionary(number).with_name(f"{number}.{kind}.safetensors")
    dictionary = SparseAutoencoder.load(path)
    if dictionary.dim != dim:
        raise InputError(
            f"dictionary {path} is of embeddings of {dictionary.dim} dimensions, the run has {dim}; "
            "run the dictionary stage again"
        )
    return dictionary


def find_features(
    material: Material,
    plain: Sequence[SparseAutoencoder],
    blocks: SparseAutoencoder,
    fitted: CrossFit,
    permuted: Sequence[PermutedHeads],
    *,
    fragments: int,
    resamples: int,
) -> Funnel:
    """Attribute, test and name the features of dictionaries.

    Parameters
    ----------
    material
        The discovery cohort.
    plain
        A dictionary of single features for each seed.
    blocks
        A dictionary in blocks, for its coverage of the length curve.
    fitted, permuted
        The run's heads, and those fitted to permuted labels.
    fragments
        Largest number of fragments for names, profiles and curves, equally many per sample.
    resamples
        Bootstrap draws of subjects.
    """
    part, place = material.draw(fragments, "features")
    codes = [sparse_codes(dictionary, part.embeddings) for dictionary in plain]
    origin = origin_of(part.embeddings, codes)
    models = [fitted, *(heads.fitted for heads in permuted)]
    attributed = attribute_codes(material, plain, origin, models)
    labels = np.stack([material.labels, *(heads.labels for heads in permuted)])
    judged = []
    annotations = annotate(part, place, material.codes, codes, material.seed)
    parts = carried(material, part, codes, attributed.means)
    for number, (dictionary, attribution) in enumerate(zip(plain, attributed.dictionaries, strict=True)):
        test, null = judge_features(
            attribution, labels, material.codes, resamples=resamples, seed=material.seed
        )
        judged.append(
            DictionaryJudgement(dictionary, codes[number], test, null, annotations[number], parts[number])
        )
    rotated = copy.copy(plain[-1])
    turn = ortho_group.rvs(rotated.dim, random_state=stream(material.seed, "rotated dictionary"))
    rotated.decoder = rotated.decoder @ torch.from_numpy(turn).float()
    return Funnel(
        part,
        judged,
        _curve(part, plain[0], blocks, codes[0], material.seed),
        partner_cosines(judged),
        matched_share(plain[0], rotated),
        attributed.gap,
    )


def partner_cosines(judged: Sequence[DictionaryJudgement]) -> np.ndarray:
    """Return the (seeds, seeds, features) cosine of each active feature with its partner in another seed."""
    features = judged[0].dictionary.features
    result = np.zeros((len(judged), len(judged), features))
    for one, other in combinations(range(len(judged)), 2):
        living = [np.flatnonzero(judged[number].active > 0) for number in (one, other)]
        matches = match(judged[one].dictionary, judged[other].dictionary, of_a=living[0], of_b=living[1])
        result[one, other, matches.own] = matches.cosine
        result[other, one, matches.partner] = matches.cosine
    return result


def _curve(
    part: Part, plain: SparseAutoencoder, blocks: SparseAutoencoder, codes: csr_array, seed: int
) -> CurveCoverages:
    """Return the coverage of the length curve by features and blocks, and of that of permuted lengths."""
    classes = length_classes(part.fragments.length)
    shuffled = stream(seed, "permuted lengths").permutation(classes)
    return CurveCoverages(
        features=cover(plain, part.embeddings, codes, classes),
        blocks=cover(blocks, part.embeddings, sparse_codes(blocks, part.embeddings), classes),
        permuted=cover(plain, part.embeddings, codes, shuffled),
    )
