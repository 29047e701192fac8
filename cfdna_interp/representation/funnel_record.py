"""Results of the funnel as the record for the report and as a table of features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from cfdna_interp.records.funnel import (
    NO_CARRIER,
    CarrierCount,
    FeatureFunnel,
    FeaturePartners,
    FeatureProfile,
    FunnelStep,
    MatchedShare,
    PermutedCounts,
    SeedCounts,
    Survivor,
)
from cfdna_interp.records.values import known
from cfdna_interp.representation.carried import carried_share, signed_shares
from cfdna_interp.representation.curve_coverage import length_classes
from cfdna_interp.representation.dictionary_matching import MATCHED
from cfdna_interp.representation.feature_contrast import LEVEL
from cfdna_interp.representation.material import Material, Part

if TYPE_CHECKING:
    from cfdna_interp.representation.funnel import DictionaryJudgement, Funnel

_LEVELS = 10  # steps of a profile


def record_of(material: Material, funnel: Funnel) -> FeatureFunnel:
    """Return the content of ``funnel.json``, with counts and survivors of the first seed."""
    first = funnel.judged[0]
    test, null = first.test, first.null
    families = Counter(first.carrier[test.survived].tolist())
    shares = purity(test.share, test.survived, first.carrier)
    permuted = PermutedCounts(
        passed_mean=float(null.passed.mean()),
        passed_high=float(np.quantile(null.passed, LEVEL)),
        survived_mean=float(null.survived.mean()),
        survived_high=float(np.quantile(null.survived, LEVEL)),
    )
    return FeatureFunnel(
        subjects=len(np.unique(material.codes)),
        samples=len(material.samples),
        fragments=len(funnel.part),
        permuted_heads=len(null.passed),
        features=first.dictionary.features,
        first=0,
        seeds=tuple(_seed(number, each) for number, each in enumerate(funnel.judged)),
        funnel=tuple(_steps(first, permuted, families)),
        null=permuted,
        survivors=tuple(_survivor(funnel, int(place)) for place in np.flatnonzero(test.survived)),
        matched=_matched(funnel),
        completeness=funnel.gap,
        error_share=test.error_share,
        curve=funnel.curve,
        carried=carried_share(first.carried, test.share, test.survived),
        carriers={name: CarrierCount(count=families[name], share=share) for name, share in shares.items()},
        purity=purity(test.share, test.survived, first.annotation.family),
    )


def _steps(first: DictionaryJudgement, null: PermutedCounts, families: Counter[str]) -> Iterator[FunnelStep]:
    """Yield the number of remaining features by step, from all to those of the leading family."""
    test = first.test
    yield FunnelStep(stage="features", count=first.dictionary.features)
    yield FunnelStep(stage="alive", count=int((first.active > 0).sum()))
    yield FunnelStep(
        stage="beat the null",
        count=int(test.passed.sum()),
        null_mean=null.passed_mean,
        null_high=null.passed_high,
    )
    yield FunnelStep(
        stage="survive resampling",
        count=int(test.survived.sum()),
        null_mean=null.survived_mean,
        null_high=null.survived_high,
    )
    leading = leading_family(families)
    if leading is not None:
        yield FunnelStep(stage="differ with the family", family=leading, count=families[leading])


def leading_family(families: Counter[str]) -> str | None:
    """Return the family that carries most features, or None; ties go to the first name."""
    named = sorted((-count, family) for family, count in families.items() if family != NO_CARRIER)
    return named[0][1] if named else None


def purity(share: np.ndarray, survived: np.ndarray, family: np.ndarray) -> dict[str, float]:
    """Return the share of each family, including none, in the contrast that survivors carry."""
    total = float(share[survived].sum())
    return {
        name: float(share[survived & (family == name)].sum()) / total
        for name in sorted(set(family[survived].tolist()))
    }


def feature_table(funnel: Funnel, number: int) -> pd.DataFrame:
    """Return one seed's features, one row per feature."""
    each = funnel.judged[number]
    test, annotation = each.test, each.annotation
    return pd.DataFrame(
        {
            "seed": number,
            "feature": np.arange(each.dictionary.features),
            "active": each.active,
            "t": test.t,
            "threshold": test.threshold,
            "difference": test.difference,
            "share": test.share,
            "passed": test.passed,
            "kept": test.kept,
            "survived": test.survived,
            "family": annotation.family,
            "carrier": each.carrier.astype(str),
            "explained": annotation.explained,
            **{f"unique_{family}": values for family, values in annotation.unique.items()},
            **{f"q_{family}": values for family, values in annotation.q.items()},
            "cosine": np.delete(funnel.cosines[number], number, axis=0).mean(axis=0),
        }
    )


def profile(part: Part, activation: np.ndarray) -> FeatureProfile:
    """Return mean activations by length, by level outside atlas blocks, and by class of locus.

    Parameters
    ----------
    part
        n fragments.
    activation
        (n,).
    """
    fragments = part.fragments
    outside = (fragments.locus == 0) & (fragments.counts > 0)
    level = np.minimum((fragments.level * _LEVELS).astype(np.int64), _LEVELS - 1)
    locus = fragments.locus.astype(np.int64)
    names = ["outside blocks" if number == 0 else f"class {number}" for number in np.unique(locus)]
    return FeatureProfile(
        length=_points(length_classes(fragments.length), fragments.length, activation),
        level=_points(level[outside], fragments.level[outside], activation[outside]),
        locus=tuple(zip(names, _means(locus, activation), strict=True)),
    )


def _points(
    classes: np.ndarray, values: np.ndarray, activation: np.ndarray
) -> tuple[tuple[float, float], ...]:
    """Return pairs of mean value and mean activation of the classes that occur, in ascending order."""
    return tuple(zip(_means(classes, values), _means(classes, activation), strict=True))


def _means(classes: np.ndarray, values: np.ndarray) -> list[float]:
    """Return mean values of the classes that occur, in ascending order."""
    _, place, counts = np.unique(classes, return_inverse=True, return_counts=True)
    means: list[float] = (np.bincount(place, values) / counts).tolist()
    return means


def _survivor(funnel: Funnel, feature: int) -> Survivor:
    each = funnel.judged[0]
    test, annotation = each.test, each.annotation
    unique = {family: float(values[feature]) for family, values in annotation.unique.items()}
    shares = signed_shares(each.carried)
    # This is the difference of the activation. That of the logit also has the sign of the head's weight.
    difference = sum(float(parts[feature]) for parts in each.carried.values())
    cosine = funnel.cosines[0, 1:, feature]
    column: csr_array = each.codes[:, [feature]]
    return Survivor(
        feature=feature,
        family=str(annotation.family[feature]),
        carrier=str(each.carrier[feature]),
        carried={family: float(values[feature]) for family, values in shares.items()},
        unique=unique,
        q=known(annotation.q[max(unique, key=unique.__getitem__)][feature]),
        t=float(test.t[feature]),
        threshold=test.threshold,
        share=float(test.share[feature]),
        kept=float(test.kept[feature]),
        direction="higher in cases" if difference > 0 else "lower in cases",
        matched=FeaturePartners(cosine=float(cosine.mean()), share=float((cosine > MATCHED).mean())),
        profile=profile(funnel.part, column.toarray()[:, 0].astype(np.float64)),
    )


def _seed(number: int, each: DictionaryJudgement) -> SeedCounts:
    return SeedCounts(
        number=number,
        alive=int((each.active > 0).sum()),
        passed=int(each.test.passed.sum()),
        survived=int(each.test.survived.sum()),
        by_family=dict(Counter(each.annotation.family[each.test.survived].tolist())),
    )


def _matched(funnel: Funnel) -> MatchedShare:
    """Return the share of active features with a partner in another seed, over pairs, and by chance."""
    living = [each.active > 0 for each in funnel.judged]
    shares = [
        float((funnel.cosines[one, other, living[one]] > MATCHED).mean())
        for one, other in combinations(range(len(living)), 2)
    ]
    return MatchedShare(
        mean=float(np.mean(shares)), low=min(shares), high=max(shares), null=funnel.matched_by_chance
    )
