"""What the funnel found, as the record that the report reads and as a table of features."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from cfdna_interp.representation.carried import NO_CARRIER, carried_share, signed_shares
from cfdna_interp.representation.contrast_test import LEVEL
from cfdna_interp.representation.coverage import length_classes
from cfdna_interp.representation.matching import MATCHED
from cfdna_interp.representation.material import Material, Part

if TYPE_CHECKING:
    from cfdna_interp.representation.funnel import Funnel, Judged

_LEVELS = 10  # steps of a profile


def record_of(material: Material, funnel: Funnel) -> dict[str, Any]:
    """Return the content of ``funnel.json``; counts and survivors are those of the first seed."""
    first = funnel.judged[0]
    test, null = first.test, first.null
    families = Counter(first.carrier[test.survived].tolist())
    leading = leading_family(families)
    stages: list[dict[str, Any]] = [
        {"stage": "features", "count": first.dictionary.features},
        {"stage": "alive", "count": int((first.active > 0).sum())},
        {"stage": "beat the null", "count": int(test.passed.sum())} | _null(null.passed),
        {"stage": "survive resampling", "count": int(test.survived.sum())} | _null(null.survived),
    ]
    if leading is not None:
        stages.append({"stage": f"differ with {leading.replace('_', ' ')}", "count": families[leading]})
    return {
        "subjects": len(np.unique(material.codes)),
        "samples": len(material.samples),
        "fragments": len(funnel.part),
        "permuted_heads": len(null.passed),
        "features": first.dictionary.features,
        "first": 0,
        "seeds": [_seed(number, each) for number, each in enumerate(funnel.judged)],
        "funnel": stages,
        "null": {
            f"{name}_{key.removeprefix('null_')}": value
            for name, counts in (("passed", null.passed), ("survived", null.survived))
            for key, value in _null(counts).items()
        },
        "survivors": [_survivor(funnel, int(place)) for place in np.flatnonzero(test.survived)],
        "matched": _matched(funnel),
        "completeness": funnel.gap,
        "error_share": test.error_share,
        "curve": {name: found.needed for name, found in funnel.curve.items()}
        | {f"{name}_explained": found.explained for name, found in funnel.curve.items()}
        | {
            "variance": funnel.curve["features"].variance,
            "null_variance": funnel.curve["null_features"].variance,
        },
        "carried": carried_share(first.carried, test.share, test.survived),
        "carriers": {
            family: {"count": families[family], "share": share}
            for family, share in purity(test.share, test.survived, first.carrier).items()
        },
        "purity": purity(test.share, test.survived, first.annotation.family),
    }


def leading_family(families: Counter[str]) -> str | None:
    """Return the family that carries most features, None where none does; of equals the first by name."""
    named = sorted((-count, family) for family, count in families.items() if family != NO_CARRIER)
    return named[0][1] if named else None


def purity(share: np.ndarray, survived: np.ndarray, family: np.ndarray) -> dict[str, float]:
    """Return the share of each of (features,) families, also none, in the contrast that survivors carry."""
    total = float(share[survived].sum())
    return {
        name: float(share[survived & (family == name)].sum()) / total
        for name in sorted(set(family[survived].tolist()))
    }


def feature_table(funnel: Funnel, number: int) -> pd.DataFrame:
    """Return one seed's features, a row each."""
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


def profile(part: Part, activation: np.ndarray) -> dict[str, list[list[float | str]]]:
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
    names = ["outside blocks" if found == 0 else f"class {found}" for found in np.unique(locus)]
    by_locus = _means(locus, activation)
    return {
        "length": _points(length_classes(fragments.length), fragments.length, activation),
        "level": _points(level[outside], fragments.level[outside], activation[outside]),
        "locus": [[name, mean] for name, mean in zip(names, by_locus.tolist(), strict=True)],
    }


def _points(classes: np.ndarray, values: np.ndarray, activation: np.ndarray) -> list[list[float | str]]:
    pairs = zip(_means(classes, values).tolist(), _means(classes, activation).tolist(), strict=True)
    return [[value, mean] for value, mean in pairs]


def _means(classes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return mean values of the classes that occur, in ascending order."""
    _, place, counts = np.unique(classes, return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(place, values) / counts)


def _survivor(funnel: Funnel, feature: int) -> dict[str, Any]:
    each = funnel.judged[0]
    test, annotation = each.test, each.annotation
    unique = {family: float(values[feature]) for family, values in annotation.unique.items()}
    shares = signed_shares(each.carried)
    # Of the activation itself: a contribution to the logit has the sign of the head's weight in it.
    difference = sum(float(parts[feature]) for parts in each.carried.values())
    cosine = funnel.cosines[0, 1:, feature]
    column: csr_array = each.codes[:, [feature]]
    return {
        "feature": feature,
        "family": str(annotation.family[feature]),
        "carrier": str(each.carrier[feature]),
        "carried": {family: float(values[feature]) for family, values in shares.items()},
        "unique": unique,
        "q": float(annotation.q[max(unique, key=unique.__getitem__)][feature]),
        "t": float(test.t[feature]),
        "threshold": test.threshold,
        "share": float(test.share[feature]),
        "kept": float(test.kept[feature]),
        "direction": "higher in cases" if difference > 0 else "lower in cases",
        "matched": {"cosine": float(cosine.mean()), "share": float((cosine > MATCHED).mean())},
        "profile": profile(funnel.part, column.toarray()[:, 0].astype(np.float64)),
    }


def _seed(number: int, each: Judged) -> dict[str, Any]:
    return {
        "number": number,
        "alive": int((each.active > 0).sum()),
        "passed": int(each.test.passed.sum()),
        "survived": int(each.test.survived.sum()),
        "by_family": dict(Counter(each.annotation.family[each.test.survived].tolist())),
    }


def _matched(funnel: Funnel) -> dict[str, float]:
    """Return the share of living features with a partner in another seed, over pairs, and by chance."""
    living = [each.active > 0 for each in funnel.judged]
    shares = [
        float((funnel.cosines[one, other, living[one]] > MATCHED).mean())
        for one, other in combinations(range(len(living)), 2)
    ]
    return {
        "mean": float(np.mean(shares)),
        "low": min(shares),
        "high": max(shares),
        "null": funnel.matched_by_chance,
    }


def _null(counts: np.ndarray) -> dict[str, float]:
    return {"null_mean": float(counts.mean()), "null_high": float(np.quantile(counts, LEVEL))}
