"""The model under study in words: what it is, what it reads, how well it was pre-trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cfdna_interp.attribution.judge import FIDELITY
from cfdna_interp.attribution.tabular.rivals import BEATEN, PLAIN, beaten_by
from cfdna_interp.attribution.tabular.weighting import STEPS
from cfdna_interp.cohort.table import CLIP
from cfdna_interp.records.encoder import CausalPretraining, FragmentEncoder
from cfdna_interp.records.model import TableModel
from cfdna_interp.records.retraining import Rival, SurrogateFidelity
from cfdna_interp.records.values import Interval
from cfdna_interp.report.words import group_name, group_rank, interval, number, percent, significant

KINDS = {
    "reference": (
        "The reference encoder: pre-trained here on discovery fragments by guessing hidden lengths and "
        "calls, without labels, then frozen."
    ),
    "causal": (
        "A small causal language model: pre-trained here to guess the next token of discovery fragments "
        "written as text, without labels, then frozen."
    ),
    "transformers": "A sequence model from a folder of weights, frozen.",
    "torch_module": "A torch module from a file of weights, frozen.",
    "table": (
        "A model of which only scores are known. A surrogate stands in for it: heads on the reference "
        "encoder, fitted to the scores instead of the labels."
    ),
}
TABLE_KINDS = {
    "logistic": (
        "No model was given, so the model under study is one made here: a logistic regression with an L2 "
        "penalty on all feature groups of the table, cross-fitted by subject."
    ),
    "scores": (
        "A foreign model of which only the scores are known, a column of the table. A surrogate stands in "
        "for it: a ridge regression of its logits on all feature groups, cross-fitted by subject."
    ),
}
READS = {
    "fragment_length": "fragment length",
    "methylation": "methylation outside atlas blocks",
    "tissue_of_origin": "methylation inside atlas blocks",
    "locus": "the class of locus",
    "sequence": "the bases",
}
GROUPS = ("fragment_length", "methylation", "tissue_of_origin")


@dataclass(frozen=True)
class ModelCard:
    """What a reader has to know of the model.

    Attributes
    ----------
    sentences
        In the order read.
    losses
        What pre-training was to guess, its cross-entropy in nats, and what is to be beaten, in words; empty
        for a model that came from elsewhere.
    """

    sentences: tuple[str, ...]
    losses: tuple[tuple[str, str, str], ...]


def describe_model(
    model: FragmentEncoder | TableModel, fidelity: SurrogateFidelity | None, rivals: Sequence[Rival] = ()
) -> ModelCard:
    """Describe the model.

    Parameters
    ----------
    model
        The frozen encoder of fragments, or the regression of a table.
    fidelity
        How well the surrogate follows a model that is known by its scores; None otherwise.
    rivals
        Plainer models beside that of a table; empty where there are none.
    """
    if isinstance(model, TableModel):
        return ModelCard(tuple(_of_table(model, fidelity, rivals)), ())
    reads = set(model.consumes)
    told = [
        KINDS[model.kind],
        f"Of a fragment it reads {_listed([READS[name] for name in READS if name in reads])}, and "
        f"gives {model.dim} numbers, its embedding.",
    ]
    blind = [READS[name] for name in GROUPS if name not in reads]
    if blind:
        told.append(f"It doesn't read {_listed(blind)}: what is put down to it is not from there.")
    if model.causal is not None:
        told += [_size(model.causal), _entanglement(model.causal)]
    elif "sequence" in reads:
        told.append(
            "The number of tokens of a fragment follows its length, and its methylation too where a "
            "methylated call is a token of its own: a model that counts tokens sees both. cfdna-interp "
            "models check shows through what length is visible."
        )
    if fidelity is not None:
        told.append(_surrogate(fidelity))
    return ModelCard(tuple(told), _losses(model))


def _of_table(model: TableModel, fidelity: SurrogateFidelity | None, rivals: Sequence[Rival]) -> list[str]:
    groups = [group_name(group).lower() for group in sorted(model.groups, key=group_rank)]
    features = sum(group.features for group in model.groups.values())
    penalties = ", ".join(significant(penalty) for penalty in model.penalty)
    whose = "surrogate" if model.kind == "scores" else "model"
    told = [
        TABLE_KINDS[model.kind],
        f"It reads {features:,} features of {_listed(groups)}. Inside each fold missing values take the "
        "median, values beyond the range of the training samples count as the furthest of them, features are "
        "standardised, and groups enter with the same total variance unless a fold chose otherwise; each is "
        "then replaced by its principal components, at most 128 and none of them seeing "
        f"a label: {model.dim} inputs.",
        _weighting_sentence(model.weighting),
        "The penalty on the squared coefficients is the largest whose leave-one-out squared error among a "
        f"fold's training subjects is within one standard error of the least; by fold: {penalties}.",
        basis_sentence(model.basis, whose),
        f"What groups contribute adds up, so the {whose} holds no interaction: where two groups count only "
        "together, it sees nothing.",
    ]
    if rivals:
        told.append(_rivals_sentence(rivals))
    return told if fidelity is None else [*told, _surrogate(fidelity)]


def _weighting_sentence(chosen: Sequence[str]) -> str:
    """Say how folds weigh groups."""
    steps = {"equal": "the same variance for each group", "by columns": "the same variance for each feature"}
    steps |= {
        name: f"{name} of the way from equal groups to equal features" for name in STEPS if " by " in name
    }
    counted = "; ".join(
        f"{steps.get(name) or f'{group_name(name).lower()} behind'} in {folds} of {len(chosen)} folds"
        for name, folds in Counter(chosen).most_common()
    )
    return (
        "Another weighting of groups is taken where it makes the leave-one-out errors of a fold's training "
        f"subjects smaller by more than one standard error of the paired difference. Chosen: {counted}."
    )


def basis_sentence(basis: Sequence[str], whose: str = "model") -> str:
    """Say whether features may bend, and what that means for a U-shape.

    Parameters
    ----------
    basis
        ``linear`` or ``splines``, by fold.
    whose
        What was fitted here: ``model``, or ``surrogate`` of one that is known by its scores.
    """
    bent = sum(one == "splines" for one in basis)
    rule = "by more than one standard error of the leave-one-out errors"
    if not bent:
        return (
            f"The {whose} is linear in every feature: natural cubic splines with three knots were tried, and "
            f"in none of {len(basis)} folds better than straight lines {rule}. A U-shape, cases at both ends "
            "of a feature, would not be seen where it is too weak to show there."
        )
    others = (
        "" if bent == len(basis) else " In the others a U-shape, cases at both ends of a feature, isn't seen."
    )
    return (
        f"In {bent} of {len(basis)} folds features enter as natural cubic splines with three knots, which "
        f"were better than straight lines {rule}: there the {whose} sees a U-shape, cases at both ends of a "
        f"feature.{others}"
    )


def _rivals_sentence(rivals: Sequence[Rival]) -> str:
    """Say how the model compares with each of its groups and with a plain regression."""
    listed = "; ".join(
        f"{_rival_name(rival.name)} {number(rival.auroc, 3)}, "
        f"{interval(Interval(value=rival.difference, low=rival.low, high=rival.high), 3)}"
        for rival in rivals
    )
    better = beaten_by(rivals)
    said = (
        f"None is surely better by more than {BEATEN:g}."
        if better is None
        else f"{_rival_name(better.name).capitalize()} is better, so it isn't explained what this "
        "model relies on."
    )
    return (
        f"Plainer models on the same n = {rivals[0].n} discovery subjects and folds, cross-fitted AUROC "
        f"and the difference to the model's [95 % for all together; no difference is 0]: {listed}. {said}"
    )


def _rival_name(name: str) -> str:
    if name == PLAIN:
        return "plain regression on all standardised features"
    return f"{group_name(name.removeprefix('model_only_')).lower()} alone"


def _listed(names: list[str]) -> str:
    if not names:
        return "nothing that is known here"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _size(reached: CausalPretraining) -> str:
    return (
        f"It has {reached.parameters:,} parameters and a vocabulary of {reached.vocabulary:,} tokens, "
        f"saw n = {reached.fragments:,} fragments, and reads {number(reached.tokens, 0)} tokens a "
        "fragment on average."
    )


def _entanglement(reached: CausalPretraining) -> str:
    """Say how far length and methylation are one thing to a model that counts tokens."""
    tokens, calls, both = reached.length_tokens, reached.methylated_tokens, reached.length_methylated
    if tokens is None:
        return "All fragments have the same length or the same number of tokens."
    text = (
        f"The number of tokens follows length (correlation {number(tokens)} over fragments: "
        f"{percent(tokens**2)} of its variance)"
    )
    if calls is None or both is None:
        return f"{text}; methylated calls don't vary."
    return (
        f"{text} and the number of methylated calls ({number(calls)}), which follows length by itself "
        f"({number(both)}). To a model that counts tokens the two are partly one thing, mechanically; what "
        "this does to shares is seen where swap, edit and reweight disagree."
    )


def _surrogate(fidelity: SurrogateFidelity) -> str:
    enough = fidelity.judged_low >= FIDELITY
    logits = Interval(value=fidelity.correlation, low=fidelity.low, high=fidelity.high)
    ranks = Interval(value=fidelity.rank, low=fidelity.rank_low, high=fidelity.rank_high)
    consequence = (
        "What carries the surrogate's scores may be read as carrying the model's, up to the part that it "
        "doesn't follow."
        if enough
        else "What carries the surrogate's scores needn't carry the model's, so no group is named."
    )
    return (
        f"Over n = {fidelity.n} discovery subjects, surrogates that never saw a subject follow the "
        f"model's scores with a correlation of {interval(logits)} "
        f"(rank correlation {interval(ranks)}, R² {number(fidelity.r2)}; an unrelated surrogate "
        f"has 0). {_saturated(fidelity)}The lower bound is {'not ' if enough else ''}under {FIDELITY:.2f}, "
        f"the least that is asked. {consequence}"
    )


def _saturated(fidelity: SurrogateFidelity) -> str:
    """Say how many scores are 0 or 1, whose logits are a matter of where they are clipped."""
    held = fidelity.saturated
    if not held:
        return ""
    return (
        f"Of {held} of them the score is a probability of 0 or 1, held at {CLIP:g} and 1 − {CLIP:g}; "
        "the correlation of logits follows that choice, so the rule reads the rank correlation. "
    )


def _losses(model: FragmentEncoder) -> tuple[tuple[str, str, str], ...]:
    rows: list[tuple[str, float | None, dict[str, float | None]]] = []
    if model.masked is not None:
        masked, n = model.masked, f"n = {model.masked.fragments:,} fragments"
        rows = [
            (
                f"Hidden length, bins of 5 bp; {n}",
                masked.length_loss,
                {"from frequencies": masked.length_floor},
            ),
            (f"Hidden CpG call; {n}", masked.call_loss, {"from frequencies": masked.call_floor}),
        ]
    elif model.causal is not None:
        causal = model.causal
        rows = [
            (
                "Next token, on fragments kept apart",
                causal.loss,
                {"from the token before": causal.loss_bigram, "from frequencies": causal.loss_unigram},
            ),
            (
                "Whether a call is methylated, on fragments kept apart",
                causal.methylation_loss,
                {"from the token before": causal.methylation_bigram},
            ),
        ]
    return tuple(
        (title, number(reached, 3), "; ".join(f"{number(loss, 3)} {how}" for how, loss in guesses.items()))
        for title, reached, guesses in rows
        if reached is not None
    )
