"""Who is compared with whom: batches, however small, and sites where a batch has one class."""

import numpy as np
import pandas as pd
import pytest

from cfdna_interp.audit.comparison_strata import comparison_strata


def of(labels, **columns):
    return comparison_strata(
        np.array(labels), pd.DataFrame({name: list(cells) for name, cells in columns.items()})
    )


def test_small_batches_count():
    got = of([1, 0, 1, 0], batch="aabb", site="XXXX")
    assert got.codes.tolist() == [0, 0, 1, 1]
    assert (got.places.finest, got.places.nested, got.places.coarse) == ("batch", False, 0.0)
    assert not got.several  # neither holds five subjects


def test_batches_of_one_class_are_compared_within_their_site():
    # Site X: batch a holds both, b and c one each; their subjects are compared with each other.
    got = of([1, 0, 1, 1, 0], batch="aabbc", site="XXXXX")
    assert got.codes[0] == got.codes[1] != got.codes[2] == got.codes[3] == got.codes[4]
    # Weights n1 n0 / (n1 + n0): 1/2 in the batch, 2/3 in the rest of the site.
    assert got.places.coarse == pytest.approx((2 / 3) / (2 / 3 + 1 / 2))
    assert not got.places.nested
    assert (got.places.count, got.places.mixed) == (3, 1)


def test_a_batch_that_runs_over_sites_is_held_within_each():
    got = of([1, 0, 1, 0], batch="aaaa", site="XXYY")
    assert got.codes.tolist() == [0, 0, 1, 1]


def test_nested_labels_are_told_and_the_site_still_compares():
    got = of([1, 1, 0, 0], batch="aabb", site="XXXX")
    assert got.places.nested and got.places.coarse == 1.0
    assert len(set(got.codes.tolist())) == 1
    without_sites = of([1, 1, 0, 0], batch="aabb", site=["", "", "", ""])
    assert without_sites.places.nested and len(set(without_sites.codes.tolist())) == 2


def test_unknown_places_are_not_compared_and_no_places_are_one():
    assert of([1, 0, 1, 0], batch=["a", "a", "", ""], site=["X", "X", "", ""]).codes.tolist() == [
        0,
        0,
        -1,
        -1,
    ]
    nowhere = of([1, 0], site=["", ""])
    assert (nowhere.codes.tolist(), nowhere.places.finest, nowhere.several) == ([0, 0], "", False)
    assert comparison_strata(np.array([1, 0]), pd.DataFrame({"age": [1, 2]})).places.finest == ""


def test_sites_alone_are_batches_and_several_of_them_could_have_told():
    got = of([1, 0] * 10, site="X" * 10 + "Y" * 10, batch="X" * 10 + "Y" * 10)
    assert (got.places.finest, got.several) == ("site", True)
    # A second place with four subjects compares nothing.
    assert not of([1, 0] * 7, site="X" * 10 + "Y" * 4).several
