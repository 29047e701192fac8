"""The rule that names a group: cell by cell, on figures of known worlds, and on noise."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cfdna_interp.attribution.judge import Ruling, judge
from cfdna_interp.attribution.lead import lead_of
from cfdna_interp.attribution.roles import Evidence, null_ceiling, separation
from cfdna_interp.config.settings import Validation
from cfdna_interp.verdict.reliance_words import finding_sentence

GROUPS = ("fragment_length", "methylation", "tissue_of_origin")
LENGTH, METHYLATION, TISSUE = GROUPS
PAIRS = ((LENGTH, METHYLATION), (LENGTH, TISSUE), (METHYLATION, TISSUE))
APART = dict.fromkeys(PAIRS, 0.0)  # within classes what one group says follows no other
COPIES = APART | {(LENGTH, METHYLATION): 0.8}


def aurocs(model: float, costs: tuple[float, ...], alone: tuple[float, ...]) -> dict[str, float]:
    """Return cross-fitted AUROCs from what leaving each group out costs and what each reaches alone."""
    result = {"model": model}
    for group, cost, value in zip(GROUPS, costs, alone, strict=True):
        result |= {f"model_without_{group}": model - cost, f"model_only_{group}": value}
    return result


def ruling(share: list[float], **changes: object) -> Ruling:
    """Judge shares that every bootstrap refit repeats.

    Unless told otherwise length carries a signal that nothing else has, and each group contributes to the
    prediction what its share says, up to half a nat; with permuted labels none more than a hundredth.
    """
    given_share = np.array(share)
    figures: dict[str, object] = {
        "groups": GROUPS,
        "share": given_share,
        "covariance": given_share,
        "bootstrap": np.tile(share, (20, 1)),
        "permuted": np.tile([0.4, 0.3, 0.3], (19, 1)),
        "performance": given_share / 2,
        "permuted_performance": np.tile([0.01, 0.0, -0.01], (19, 1)),
        "context": 0.1,
        "subjects": 100,
        "cross_fitted": aurocs(0.9, (0.4, 0.0, 0.0), (0.9, 0.5, 0.5)),
        "margins": Validation(),
        "alike": APART,
    }
    return judge(Evidence(**{**figures, **changes}))  # type: ignore[arg-type]


def said(result: Ruling) -> str:
    """Return the finding in words."""
    return finding_sentence(result.finding)


def test_a_clear_leader_above_its_null_is_dominant() -> None:
    result = ruling([0.8, 0.15, 0.05])
    assert (result.outcome, result.group) == ("dominant", "fragment_length")
    assert ruling([0.1, 0.2, 0.7]).group == "tissue_of_origin"


def test_a_group_without_another_to_lead_is_no_finding() -> None:
    # Alignments without methylation leave lengths alone in the bags: the share is 1 whatever the labels.
    alone = ruling([1.0, 0.0, 0.0], permuted=np.tile([1.0, 0.0, 1e-9], (19, 1)))
    assert (alone.outcome, alone.group) == ("can't tell", None)
    assert "Only fragment length varies" in said(alone)
    # Without an atlas two groups are left, and one can lead the other.
    two = ruling([0.9, 0.1, 0.0], permuted=np.tile([0.6, 0.4, 0.0], (19, 1)))
    assert (two.outcome, two.group) == ("dominant", "fragment_length")


def test_a_lead_of_a_tenth_is_not_enough() -> None:
    # .5 − .4 = .10 is not above .10.
    assert ruling([0.5, 0.4, 0.1], permuted=np.tile([0.3, 0.3, 0.3], (19, 1))).outcome == "none"
    assert ruling([0.51, 0.4, 0.09], permuted=np.tile([0.3, 0.3, 0.3], (19, 1))).outcome == "dominant"


def test_one_bad_bootstrap_in_twenty_is_too_many_two_in_forty_are_not_better() -> None:
    # The 1 % quantile of 20 margins lies .19 of the way from the lowest to the next: one margin of −.9 drags
    # it down to .65 - .81 · 1.55.
    refits = np.tile([0.8, 0.15, 0.05], (20, 1))
    refits[0] = [0.05, 0.95, 0.0]
    low = lead_of(GROUPS, np.array([0.8, 0.15, 0.05]), refits).low
    assert low[LENGTH] == pytest.approx(0.65 - 0.81 * (0.65 + 0.9))
    refits[1] = refits[0]
    assert ruling([0.8, 0.15, 0.05], bootstrap=refits).outcome == "none"


def test_with_nineteen_permutations_the_leader_must_exceed_all_of_them() -> None:
    # A share of .8 contributes .4 nats.
    permuted = np.tile([0.01, 0.0, 0.0], (19, 1))
    permuted[7] = [0.0, 0.41, 0.0]  # whichever group it is
    assert null_ceiling(permuted) == 0.41
    assert ruling([0.8, 0.15, 0.05], permuted_performance=permuted).outcome == "none"
    # Of 99, the five largest may exceed it: the 95 % quantile is the 95th of 99 in order.
    many = np.tile([0.01, 0.0, 0.0], (99, 1))
    many[:4] = [0.0, 0.41, 0.0]
    assert null_ceiling(many) == 0.01
    assert ruling([0.8, 0.15, 0.05], permuted_performance=many).outcome == "dominant"


def test_a_share_is_a_finding_by_what_it_contributes_not_by_how_pure_chance_is() -> None:
    # Heads of permuted labels rest on one group nearly alone as well, and predict nothing with it.
    pure = np.tile([0.9, 0.05, 0.05], (19, 1))
    assert ruling([0.8, 0.15, 0.05], permuted=pure).outcome == "dominant"
    # A head that rests on length firmly and predicts nothing with it: no finding, however firm.
    assert ruling([0.8, 0.15, 0.05], performance=np.array([-0.02, 0.0, 0.0])).outcome == "none"


def test_context_above_a_fifth_is_cannot_tell() -> None:
    result = ruling([0.8, 0.15, 0.05], context=0.21)
    assert (result.outcome, result.group) == ("can't tell", None)
    assert "21%" in said(result)
    assert ruling([0.8, 0.15, 0.05], context=0.20).outcome == "dominant"


def test_two_leaders_of_which_neither_is_needed_are_redundant() -> None:
    free = aurocs(0.9, (0.0, 0.0, 0.0), (0.9, 0.9, 0.5))
    assert ruling([0.48, 0.47, 0.05], cross_fitted=free, alike=COPIES).outcome == "redundant"
    # Nothing costs anything where there is no signal: that is not redundancy.
    nothing = aurocs(0.52, (0.0, 0.0, 0.0), (0.52, 0.52, 0.5))
    assert ruling([0.48, 0.47, 0.05], cross_fitted=nothing).outcome == "none"
    # Two that both have signal and both cost are two carriers, of which none leads.
    both = ruling([0.48, 0.47, 0.05], cross_fitted=aurocs(0.92, (0.08, 0.07, 0.0), (0.85, 0.84, 0.5)))
    assert (both.outcome, both.group) == ("none", None)
    assert "Fragment length and methylation have signal alone" in said(both)


def test_two_independent_groups_near_an_auroc_of_one_do_not_replace_each_other() -> None:
    # Independent d' of 2.3 and 2.5 reach AUROC .948 and .961 (Φ(d'/√2)), together √(2.3² + 2.5²) = 3.4: .992.
    # Leaving one out costs .03 or .04 AUROC, below the margin of .05, and yet all that it has.
    both = aurocs(0.992, (0.031, 0.044, 0.0), (0.948, 0.961, 0.5))
    result = ruling([0.48, 0.47, 0.05], cross_fitted=both)
    assert (result.outcome, result.roles[LENGTH], result.roles[METHYLATION]) == ("none", "carrier", "carrier")
    # Copies of .961 that win .01 with one another (d' 2.67 for 2.50, less than .36): replaceable.
    copies = aurocs(0.971, (0.01, 0.01, 0.0), (0.961, 0.961, 0.5))
    assert ruling([0.48, 0.47, 0.05], cross_fitted=copies, alike=COPIES).outcome == "redundant"


def test_nothing_is_dominant_in_a_model_without_signal_to_divide() -> None:
    weak = aurocs(0.62, (0.05, 0.0, 0.0), (0.62, 0.60, 0.5))
    result = ruling([0.8, 0.15, 0.05], cross_fitted=weak)
    assert (result.outcome, result.group) == ("can't tell", None)
    assert "cross-fitted AUROC of 0.62, below 0.65" in said(result)
    # At the ceiling there is something to divide.
    assert (
        ruling([0.8, 0.15, 0.05], cross_fitted=aurocs(0.65, (0.15, 0, 0), (0.65, 0.5, 0.5))).group == LENGTH
    )


def test_undefined_shares_are_cannot_tell() -> None:
    refits = np.tile([0.8, 0.15, 0.05], (20, 1))
    refits[3] = np.nan
    assert ruling([0.8, 0.15, 0.05], bootstrap=refits).outcome == "can't tell"
    gains = np.tile([0.01, 0.0, -0.01], (19, 1))
    gains[7, 1] = np.nan
    undefined = ruling([0.8, 0.15, 0.05], permuted_performance=gains)
    assert (undefined.outcome, undefined.group) == ("can't tell", None)


# The planted worlds that a sceptic asks for: shares and what retraining says, measured on 480 subjects
# (length / methylation / tissue), and the answer that each should have. Covariance shares, and half of them
# as contributions in nats, follow from the worlds: all for a single carrier, halves for two that are alike,
# 0 for a suppressor.
WORLDS = {
    "length only": (
        [0.85, 0.08, 0.07], [1.0, 0.0, 0.0], aurocs(0.92, (0.42, 0.0, 0.0), (0.92, 0.50, 0.50)),
        "dominant", LENGTH, ("carrier", "unused", "unused"),
    ),
    "redundant": (
        [0.45, 0.51, 0.04], [0.47, 0.53, 0.0], aurocs(0.92, (0.00, 0.01, 0.0), (0.92, 0.92, 0.51)),
        "redundant", None, ("redundant", "redundant", "unused"),
    ),
    "suppressor": (
        [0.36, 0.59, 0.05], [0.0, 1.0, 0.0], aurocs(1.00, (0.08, 0.49, 0.0), (0.50, 0.92, 0.50)),
        "suppressor", METHYLATION, ("suppressor", "carrier", "unused"),
    ),
    "site-confounded": (
        [0.68, 0.26, 0.06], [0.85, 0.15, 0.0], aurocs(0.78, (0.17, 0.01, 0.0), (0.77, 0.61, 0.52)),
        "dominant", LENGTH, ("carrier", "unclear", "unused"),
    ),
    "interaction": (
        [0.45, 0.46, 0.09], [0.5, 0.5, 0.0], aurocs(0.96, (0.45, 0.48, 0.0), (0.51, 0.51, 0.52)),
        "interaction", None, ("partner", "partner", "unused"),
    ),
    "null labels": (
        [0.32, 0.34, 0.34], [0.3, 0.4, 0.3], aurocs(0.51, (0.0, 0.0, 0.0), (0.50, 0.50, 0.50)),
        "none", None, ("unclear", "unclear", "unclear"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_worlds_of_a_sceptic_whichever_groups_they_concern(world: str, order: tuple[int, ...]) -> None:
    share, covariance, cross_fitted, outcome, group, roles = WORLDS[world]
    alike = COPIES if outcome == "redundant" else APART
    renamed = dict(zip(GROUPS, (GROUPS[place] for place in order), strict=True))
    back = np.argsort(order)
    result = ruling(
        [share[place] for place in back],
        covariance=np.array(covariance)[back],
        performance=np.array(covariance)[back] / 2,
        cross_fitted={rename(name, renamed): value for name, value in cross_fitted.items()},
        alike={(renamed[a], renamed[b]): value for (a, b), value in alike.items()},
    )
    assert (result.outcome, result.group) == (outcome, renamed.get(group) if group else None)
    assert result.roles == {renamed[name]: role for name, role in zip(GROUPS, roles, strict=True)}
    assert said(result).endswith(".") and "\n" not in said(result)


def rename(name: str, names: dict[str, str]) -> str:
    for prefix in ("model_without_", "model_only_"):
        if name.startswith(prefix):
            return prefix + names[name.removeprefix(prefix)]
    return name


SUPPRESSOR = aurocs(0.99, (0.08, 0.49, 0.0), (0.50, 0.92, 0.50))


def test_a_suppressor_is_never_the_group_however_large_its_share() -> None:
    share = [0.75, 0.20, 0.05]
    result = ruling(share, performance=np.array([-0.3, 1.0, 0.0]), cross_fitted=SUPPRESSOR)
    assert (result.outcome, result.group) == ("suppressor", None)
    assert result.roles[LENGTH] == "suppressor"
    assert "remove noise from methylation that both groups share" in said(result)


def test_the_carrier_beside_a_suppressor_is_named_only_if_it_passes_the_rule() -> None:
    share, gains = [0.36, 0.59, 0.05], np.array([-0.1, 1.0, 0.0])
    ruled = {"performance": gains, "cross_fitted": SUPPRESSOR}
    assert ruling(share, **ruled).group == METHYLATION
    # .50 - .42 = .08 is no lead; nor does one count that contributes what permuted labels do.
    unsure = np.tile([0.42, 0.50, 0.08], (20, 1))
    assert ruling(share, **ruled, bootstrap=unsure).group is None
    high = np.tile([0.1, 1.1, 0.1], (19, 1))
    assert ruling(share, **ruled, permuted_performance=high).group is None
    assert ruling(share, **ruled, ranks={"reweight": (LENGTH, METHYLATION, TISSUE)}).group is None
    assert {ruling(share, **ruled, bootstrap=unsure).outcome, ruling(share, **ruled).outcome} == {
        "suppressor"
    }


def test_a_second_carrier_without_signal_of_its_own_is_no_suppressor() -> None:
    # It has its part in what the heads get right, .15 nats: it adds, it does not take off.
    share = [0.3, 0.6, 0.1]
    result = ruling(share, cross_fitted=SUPPRESSOR)
    assert (result.outcome, result.group) == ("dominant", METHYLATION)
    assert result.roles[LENGTH] == "partner"
    # And what costs no more than an unused group may by chance is not needed by anybody: from AUROC .93 to
    # .90 d' falls by .28, of 100 subjects .36 is asked for.
    for cost in (0.01, 0.03):
        free = aurocs(0.93, (cost, 0.43, 0.0), (0.50, 0.92, 0.50))
        result = ruling(share, performance=np.array([-0.1, 1.0, 0.0]), cross_fitted=free)
        assert (result.outcome, result.roles[LENGTH]) == ("dominant", "unclear")  # its share is .3


def test_a_cost_is_sure_by_distance_and_by_how_many_subjects_it_rests_on() -> None:
    # d' of .99, .96 and .92 is 3.29, 2.48 and 1.99 (normal tables): .03 of AUROC is a step of .81 up there,
    # while .92 to .89, 1.99 to 1.73, is within the scatter of 100 subjects and beyond that of 400.
    carrier = {"performance": np.array([-0.1, 1.0, 0.0])}
    share = [0.3, 0.6, 0.1]
    high = aurocs(0.99, (0.03, 0.49, 0.0), (0.50, 0.96, 0.50))
    assert ruling(share, **carrier, cross_fitted=high).roles[LENGTH] == "suppressor"
    low = aurocs(0.92, (0.03, 0.42, 0.0), (0.50, 0.89, 0.50))
    assert ruling(share, **carrier, cross_fitted=low).roles[LENGTH] == "unclear"
    assert ruling(share, **carrier, cross_fitted=low, subjects=400).roles[LENGTH] == "suppressor"
    # Without any error, and of an AUROC of 1 that distance has no end to.
    assert separation(0.5) == 0 and separation(1.0) == pytest.approx(4.37, abs=0.005)


def test_two_weak_groups_that_add_up_do_not_interact() -> None:
    # AUROC .64 each is d = .51, together d = .72 and .69: leaving one out costs .05 without any interaction.
    # That is .20 of d', more than an unused group costs with 400 subjects.
    weak = aurocs(0.69, (0.05, 0.05, 0.0), (0.64, 0.64, 0.50))
    result = ruling([0.47, 0.48, 0.05], cross_fitted=weak, subjects=400)
    assert (result.outcome, result.roles[LENGTH]) == ("none", "partner")


def test_an_interaction_that_lies_elsewhere_is_not_theirs() -> None:
    xor = {"cross_fitted": aurocs(0.96, (0.45, 0.48, 0.0), (0.51, 0.51, 0.52))}
    share = [0.45, 0.46, 0.09]
    measured = {(LENGTH, METHYLATION): 0.5, (LENGTH, TISSUE): 0.1, (METHYLATION, TISSUE): 0.1}
    assert ruling(share, **xor, interactions=measured).outcome == "interaction"
    turned = {(METHYLATION, LENGTH): 0.5, (LENGTH, TISSUE): 0.1, (METHYLATION, TISSUE): 0.1}
    assert ruling(share, **xor, interactions=turned).outcome == "interaction"
    assert ruling(share, **xor, interactions={**measured, (LENGTH, TISSUE): 0.6}).outcome == "none"


def test_groups_that_count_only_together_without_interacting_are_told_so() -> None:
    # Two groups with a nuisance in common, each of which takes it off the other: a sum, in which none counts.
    xor = {"cross_fitted": aurocs(0.96, (0.45, 0.48, 0.0), (0.51, 0.51, 0.52))}
    share = [0.45, 0.46, 0.09]
    pairs = [(LENGTH, METHYLATION), (LENGTH, TISSUE), (METHYLATION, TISSUE)]
    additive = ruling(share, **xor, interactions=dict.fromkeys(pairs, 0.0))
    assert additive.outcome == "interaction"
    assert "the measured interaction is 0% of the attribution" in said(additive)
    product = ruling(share, **xor, interactions=dict(zip(pairs, (0.9, 0.1, 0.1), strict=True)))
    assert "add up" not in said(product)


def test_the_leader_must_come_first_under_every_other_intervention() -> None:
    share = [0.8, 0.15, 0.05]
    agreeing = {"reweight": GROUPS, "edit": (LENGTH, TISSUE, METHYLATION)}
    assert ruling(share, ranks=agreeing).group == LENGTH
    result = ruling(share, ranks={**agreeing, "reweight": (METHYLATION, LENGTH, TISSUE)})
    assert (result.outcome, result.group) == ("can't tell", None)
    assert "reweight ranks methylation first" in said(result) and "edit" not in said(result)


def test_a_surrogate_of_low_fidelity_names_nothing() -> None:
    share = [0.8, 0.15, 0.05]
    assert ruling(share, fidelity=0.95).outcome == "dominant"
    for fidelity in (0.89, float("nan")):
        result = ruling(share, fidelity=fidelity)
        assert (result.outcome, result.group) == ("can't tell", None)
        assert set(result.roles.values()) == {"unclear"}
        assert "correlation" in said(result)


def test_groups_of_feature_tables_have_their_own_names() -> None:
    names = ("end_motif", "coverage")
    cross_fitted = {"model": 0.9, "model_without_end_motif": 0.5, "model_only_end_motif": 0.9}
    cross_fitted |= {"model_without_coverage": 0.9, "model_only_coverage": 0.5}
    result = ruling(
        [0.92, 0.08],
        permuted=np.tile([0.6, 0.4], (19, 1)),
        cross_fitted=cross_fitted,
        groups=names,
        alike={names: 0.0},
    )
    assert (result.outcome, result.group) == ("dominant", "end_motif")
    assert result.roles == {"end_motif": "carrier", "coverage": "unused"}


share_rows = arrays(float, (19, 3), elements=st.floats(0.01, 1.0))
unit = st.tuples(*[st.floats(0.0, 1.0)] * 3)


@given(
    shares=share_rows,
    permuted=share_rows,
    covariance=unit,
    costs=st.tuples(*[st.floats(-0.05, 0.4)] * 3),
    alone=unit,
    model=st.floats(0.4, 1.0),
    order=st.permutations(range(3)),
)
@settings(max_examples=200, deadline=None)
def test_relabelling_the_groups_permutes_the_answer(
    shares: np.ndarray,
    permuted: np.ndarray,
    covariance: tuple[float, ...],
    costs: tuple[float, ...],
    alone: tuple[float, ...],
    model: float,
    order: list[int],
) -> None:
    shares, permuted = (rows / rows.sum(axis=1, keepdims=True) for rows in (shares, permuted))
    share = shares.mean(axis=0)
    if len(np.unique(np.round(share, 9))) < 3:
        return  # of equal shares no order is the right one
    names = [GROUPS[place] for place in order]
    renamed = dict(zip(GROUPS, names, strict=True))
    cross_fitted = aurocs(model, costs, alone)
    first = ruling(
        share.tolist(), bootstrap=shares, permuted=permuted,
        covariance=np.array(covariance), cross_fitted=cross_fitted,
    )  # fmt: skip
    back = np.argsort(order)
    second = ruling(
        share[back].tolist(), bootstrap=shares[:, back], permuted=permuted[:, back],
        covariance=np.array(covariance)[back],
        cross_fitted={rename(name, renamed): value for name, value in cross_fitted.items()},
    )  # fmt: skip
    assert second.outcome == first.outcome
    assert second.group == (renamed[first.group] if first.group else None)
    assert second.roles == {renamed[name]: role for name, role in first.roles.items()}
    if first.group:
        assert first.roles[first.group] != "suppressor"


def test_shares_of_noise_are_hardly_ever_named() -> None:
    # Model, refits and permuted heads all divide their attribution at random (Dirichlet 8, 8, 8: a third
    # each, SD .09), AUROCs scatter about .5 as those of 100 subjects do (SD .06).
    rng = np.random.default_rng(0)
    outcomes = []
    for _ in range(300):
        share = rng.dirichlet([8, 8, 8])
        values = rng.normal(0.5, 0.06, size=7)
        cross_fitted = aurocs(values[0], tuple(values[0] - values[1:4]), tuple(values[4:]))
        outcomes.append(
            ruling(
                share.tolist(),
                bootstrap=rng.dirichlet(share * 24, size=20),
                permuted=rng.dirichlet([8, 8, 8], size=19),
                performance=rng.normal(0, 0.01, size=3),
                permuted_performance=rng.normal(0, 0.01, size=(19, 3)),
                covariance=rng.normal(share, 0.1),
                cross_fitted=cross_fitted,
            )
        )
    assert np.mean([result.group is not None for result in outcomes]) <= 0.05
    assert np.mean([result.outcome != "none" for result in outcomes]) <= 0.05


def test_a_suppressor_may_add_a_little_beside_what_it_takes_off() -> None:
    # Tissue costs .06 and has nothing alone, so that beside others it adds more than it holds: of 1.81² for
    # AUROC .90 it leaves 1.41² for .84. It contributes .10 nats where groups reach .01 with permuted labels,
    # within three tenths of .4; .13 is beyond.
    figures: dict[str, object] = {
        "cross_fitted": aurocs(0.9, (0.4, 0.0, 0.06), (0.84, 0.5, 0.5)),
        "performance": np.array([0.4, 0.0, 0.10]),
        "subjects": 400,
    }
    assert ruling([0.7, 0.05, 0.25], **figures).roles[TISSUE] == "suppressor"
    figures["performance"] = np.array([0.4, 0.0, 0.13])
    assert ruling([0.7, 0.05, 0.25], **figures).roles[TISSUE] == "partner"
    # What it has alone, .64 or d' .51, twice over in squares (.52) is still less than 1.81² - 1.41² = 1.29.
    figures |= {"performance": np.array([0.4, 0.0, 0.10])}
    held = figures | {"cross_fitted": aurocs(0.9, (0.4, 0.0, 0.06), (0.84, 0.5, 0.64))}
    assert ruling([0.7, 0.05, 0.25], **held).roles[TISSUE] == "suppressor"
    # Where it adds but .8 of what it has, as an independent group does, it takes nothing off: from .90 to .87
    # 1.81² - 1.59² = .75, of .65 alone .545² = .30 and of .72 .824² = .68, twice which is above.
    own = figures | {"cross_fitted": aurocs(0.9, (0.4, 0.0, 0.03), (0.87, 0.5, 0.72))}
    assert ruling([0.7, 0.05, 0.25], **own).roles[TISSUE] == "carrier"


def test_what_does_harm_by_itself_and_is_missed_suppresses_however_little_auroc_that_is() -> None:
    # .976 to .957 is a cost of .019, and of d' 2.80 less 2.43 = .37; length alone takes .3 nats of .9 away.
    figures: dict[str, object] = {"cross_fitted": aurocs(0.976, (0.019, 0.4, 0.0), (0.60, 0.95, 0.50))}
    share = [0.25, 0.66, 0.09]
    harmful = ruling(share, performance=np.array([-0.3, 0.9, 0.0]), **figures)
    assert (harmful.outcome, harmful.group, harmful.roles[LENGTH]) == (
        "suppressor",
        METHYLATION,
        "suppressor",
    )
    # An overfitted group does harm too, but the model is better without it.
    figures = {"cross_fitted": aurocs(0.90, (-0.01, 0.4, 0.0), (0.5, 0.90, 0.50))}
    overfitted = ruling(share, performance=np.array([-0.3, 0.9, 0.0]), **figures)
    assert (overfitted.outcome, overfitted.roles[LENGTH]) == ("dominant", "unclear")


def test_what_makes_predictions_worse_by_itself_suppresses_whatever_it_reached_alone() -> None:
    # Length alone .66, by chance above the ceiling of .65; by itself it takes .18 nats from the prediction.
    figures: dict[str, object] = {"cross_fitted": aurocs(0.98, (0.05, 0.45, 0.0), (0.66, 0.93, 0.50))}
    share = [0.25, 0.66, 0.09]
    result = ruling(share, performance=np.array([-0.18, 0.83, 0.0]), **figures)
    assert (result.outcome, result.group, result.roles[LENGTH]) == ("suppressor", METHYLATION, "suppressor")
    # The same that adds to the prediction is one more carrier.
    result = ruling(share, performance=np.array([0.28, 0.83, 0.0]), **figures)
    assert result.roles[LENGTH] == "carrier"


def test_a_leader_that_the_second_replaces_is_not_named() -> None:
    # It leads firmly, but either alone reaches .89 and leaving out either costs .01.
    both = aurocs(0.90, (0.01, 0.01, 0.0), (0.89, 0.89, 0.50))
    result = ruling([0.7, 0.2, 0.1], cross_fitted=both, alike=COPIES)
    assert (result.outcome, result.group) == ("redundant", None)
    # Where leaving out the leader costs, it is the finding, and the second only tells some of the same.
    leads = aurocs(0.90, (0.10, 0.01, 0.0), (0.89, 0.80, 0.50))
    assert ruling([0.7, 0.2, 0.1], cross_fitted=leads).group == LENGTH


def test_groups_that_share_nothing_are_not_redundant_for_costing_little_by_chance() -> None:
    # Two weak groups, .66 each and .69 together: leaving out either costs .03. Where within classes neither
    # follows the other they are two carriers of which too few subjects are there; as copies, redundant.
    weak = aurocs(0.69, (0.03, 0.03, 0.0), (0.66, 0.66, 0.50))
    result = ruling([0.48, 0.47, 0.05], cross_fitted=weak)
    assert (result.outcome, result.roles[LENGTH]) == ("none", "unclear")
    assert ruling([0.48, 0.47, 0.05], cross_fitted=weak, alike=COPIES).outcome == "redundant"
    # Of 100 subjects a correlation of .233 is sure (2.33 / 10), of 49 one of .333.
    for subjects, correlation, outcome in ((100, 0.23, "none"), (100, 0.24, "redundant"), (49, 0.3, "none")):
        alike = APART | {(LENGTH, METHYLATION): correlation}
        told = ruling([0.48, 0.47, 0.05], cross_fitted=weak, alike=alike, subjects=subjects)
        assert told.outcome == outcome


def test_redundant_needs_a_share_of_both_and_unused_a_small_one() -> None:
    both = {"cross_fitted": aurocs(0.90, (0.01, 0.01, 0.0), (0.89, 0.89, 0.50)), "alike": COPIES}
    for second, role in ((0.10, "redundant"), (0.09, "unused")):
        result = ruling([0.85, second, 0.15 - second], **both)
        assert result.roles[METHYLATION] == role
    assert result.outcome == "dominant"  # the model rests on it; whether it needs it is what L2 asks
    assert result.roles[LENGTH] == "unclear"
    # A group that tells nothing and costs nothing is not used only where it has next to no share.
    for share, role in ((0.10, "unclear"), (0.09, "unused")):
        assert ruling([0.85, 0.15 - share, share]).roles[TISSUE] == role


def test_a_leader_is_excluded_by_what_refits_allow_not_by_what_the_model_shows() -> None:
    equal = {"cross_fitted": aurocs(0.92, (0.08, 0.07, 0.07), (0.80, 0.79, 0.79))}
    # Shares of .36, .33, .31 in every refit: no lead above .03.
    firm = ruling([0.36, 0.33, 0.31], **equal)
    assert (firm.outcome, firm.excluded) == ("none", True)
    # One refit in ten has a lead of .2: the 95 % quantile is not below .10.
    refits = np.tile([0.36, 0.33, 0.31], (20, 1))
    refits[:2] = [0.33, 0.24, 0.43]
    refits[:2, 2] += 0.01
    loose = ruling([0.36, 0.33, 0.31], **equal, bootstrap=refits)
    assert (loose.outcome, loose.excluded) == ("none", False)
    assert "doesn't exclude a leader" in said(loose)
    # Whichever group it is: leads that change hands are leads.
    turns = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]] * 10)
    assert not ruling([0.36, 0.33, 0.31], **equal, bootstrap=turns).excluded


def test_the_only_carrier_is_not_refused_for_the_noise_of_many_groups() -> None:
    # It alone tells anything, and the others' noise takes so much that it leads by .07.
    alone = aurocs(0.8, (0.3, 0.0, 0.0), (0.8, 0.5, 0.5))
    result = ruling([0.38, 0.31, 0.31], cross_fitted=alone)
    assert (result.outcome, result.roles[LENGTH], result.excluded) == ("none", "carrier", False)


# A foreign model: correlations of the surrogate's scores with the model's.
def followed(model: float, without: tuple[float, ...], alone: tuple[float, ...]) -> dict[str, float]:
    result = {"model": model}
    for group, left, value in zip(GROUPS, without, alone, strict=True):
        result |= {f"model_without_{group}": left, f"model_only_{group}": value}
    return result


def test_roles_of_a_foreign_model_are_of_its_score_whatever_tells_the_label() -> None:
    # The score reads length. Methylation tells the label better, .95 to .75: what is retrained without length
    # says the label better than the score does, and no longer says what the score says.
    labels = aurocs(0.80, (-0.15, 0.04, 0.0), (0.75, 0.95, 0.50))
    told = followed(0.98, (0.35, 0.98, 0.98), (0.98, 0.35, 0.02))
    result = ruling([0.95, 0.04, 0.01], cross_fitted=labels, followed=told, fidelity=0.95)
    assert (result.outcome, result.group) == ("dominant", LENGTH)
    assert result.roles == {LENGTH: "carrier", METHYLATION: "unused", TISSUE: "unused"}
    assert result.costs[LENGTH] == pytest.approx(0.98**2 - 0.35**2)
    # The same figures of the label, were they a model's of our own, say the opposite of length.
    assert ruling([0.95, 0.04, 0.01], cross_fitted=labels).roles[LENGTH] != "carrier"
    # A score that tells no label rests on its groups all the same.
    noise = aurocs(0.5, (0.0, 0.0, 0.0), (0.5, 0.5, 0.5))
    assert ruling([0.95, 0.04, 0.01], cross_fitted=noise, followed=told, fidelity=0.95).group == LENGTH


def test_a_foreign_model_can_read_two_groups_two_copies_or_a_difference() -> None:
    labels = aurocs(0.80, (0.0, 0.0, 0.0), (0.7, 0.7, 0.5))
    # The sum of two independent groups: half of the variance goes with each.
    two = followed(0.98, (0.69, 0.69, 0.98), (0.69, 0.69, 0.0))
    result = ruling([0.5, 0.48, 0.02], cross_fitted=labels, followed=two, fidelity=0.95)
    assert (result.outcome, result.roles[LENGTH], result.roles[METHYLATION]) == ("none", "carrier", "carrier")
    # Copies: nothing goes. R² of .97 less .965 squared is .0098.
    copies = followed(0.97, (0.965, 0.965, 0.97), (0.965, 0.965, 0.0))
    result = ruling([0.5, 0.48, 0.02], cross_fitted=labels, followed=copies, fidelity=0.95)
    assert (result.outcome, result.roles[TISSUE]) == ("redundant", "unused")
    assert "R² with the model's score" in said(result) and "correlation of 0.96" in said(result)


def test_a_loss_of_r2_has_its_bounds() -> None:
    # Length carries; of methylation alone the correlation of the ceiling, .263 (d' .545), is not reached.
    labels = aurocs(0.80, (0.1, 0.0, 0.0), (0.7, 0.6, 0.5))
    for left, role in ((0.923, "partner"), (0.925, "unclear")):  # .95² - .923² = .0506, .95² - .925² = .0469
        told = followed(0.95, (0.2, left, 0.95), (0.9, 0.2, 0.0))
        result = ruling([0.7, 0.25, 0.05], cross_fitted=labels, followed=told, fidelity=0.92)
        assert result.roles[METHYLATION] == role
