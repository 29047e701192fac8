"""Shares of a model stand inside their intervals, where all refits lie on one side of them too."""

import numpy as np

from cfdna_interp.attribution.record import group_attributions
from cfdna_interp.attribution.roles import Evidence
from cfdna_interp.config.settings import Validation


def test_refits_below_the_largest_share_leave_it_in_its_interval():
    # The share .945 with refits from .883 to .943, as a bootstrap of shares of |φ| gives them.
    draws = np.linspace(0.883, 0.943, 101)[:, None]
    both = np.hstack([draws, 1 - draws])
    evidence = Evidence(
        subjects=4,
        context=0.0,
        cross_fitted={},
        alike={},
        margins=Validation(),
        groups=("length", "motif"),
        share=np.array([0.945, 0.055]),
        covariance=np.array([0.96, 0.04]),
        bootstrap=both,
        permuted=both,
        permuted_performance=both,
        performance=np.array([0.2, 0.0]),
    )
    roles = {"length": "carrier", "motif": "unused"}
    found = group_attributions(evidence, both, roles, np.zeros((4, 2)), np.array([1, 0, 1, 0]))
    # 2.5 % of the way from .883 to .943 lies .8845.
    for group, low, high in (("length", 0.8845, 0.945), ("motif", 0.055, 0.1155)):
        share = found[group].share
        np.testing.assert_allclose([share.low, share.high], [low, high])
    assert found["length"].covariance_share.high == 0.96
