"""A synthetic run folder that keeps all contracts of docs/files.md, for tests of the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import anndata
import made_proxy
import made_validation
import numpy as np
import pandas as pd
from fake_heldout import GROUPS, HOSTILE, audit_record, validation_record
from fake_representation import write_representation
from made_dominance import around, dominance_record, intervention_shares
from msgspec import structs
from quality import EXCLUDED, quality, read_counts, technical, tissue

from cfdna_interp.artifacts.files import digest_file, write_text
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.artifacts.sheet import Sample, save_samples
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Representation, Validation
from cfdna_interp.proxy.linear import Linear
from cfdna_interp.proxy.repeated import Discovery
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import save_record
from cfdna_interp.records.dominance import (
    Diagnostics,
    Dominance,
    Finding,
    GradientShares,
    GroupAttribution,
    GroupLeads,
    Leading,
    Margin,
    NobodyLeads,
    Role,
    ShareStability,
    Spread,
)
from cfdna_interp.records.encoder import CausalPretraining, FragmentEncoder, MaskedPretraining
from cfdna_interp.records.held import ClaimStatus, HeldClaim
from cfdna_interp.records.openings import Opening, nth_opening
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.proxy import Proxy
from cfdna_interp.records.qc import Ends, MethylationBias, SampleQuality, SuggestedEnds
from cfdna_interp.records.subjects import save_subjects
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import Counts, Interval
from cfdna_interp.records.verdict import (
    Attributed,
    Audited,
    Bound,
    Compared,
    Evidence,
    HeldEvidence,
    NecessityEvidence,
    NoGroup,
    Reason,
    RelianceEvidence,
    Rung,
    Signal,
    SignalEvidence,
    SignalFinding,
    Status,
    SufficiencyEvidence,
    Verdict,
    Word,
)
from cfdna_interp.verdict.cautions import cautions


@dataclass(frozen=True)
class World:
    """What a synthetic run looks like.

    ``per_class`` subjects per label and role; ``batches`` sites, all in one class where ``nested``;
    ``exclusions`` rows of the exclusion table as (sample, reason); ``encoder`` the kind of the model;
    ``parts`` of what is looked for in the embeddings.
    """

    per_class: int = 40
    batches: tuple[str, ...] = ("Aarhus", "Bergen", "Cork", "Delft")
    simulated: bool = True
    dominant: bool = True
    nested: bool = False
    covariates: bool = True
    exclusions: tuple[tuple[str, str], ...] = ()
    title: str = "Length world"
    effect: float = 2.0
    encoder: str = "reference"
    maps: bool = True
    parts: tuple[str, ...] = ("probes", "features", "geometry")


@dataclass(frozen=True)
class Built:
    """A run with its report."""

    config: Config
    layout: Layout

    @property
    def page(self) -> Path:
        return self.layout.file("report.html")


def make_run(folder: Path, world: World) -> tuple[Config, Layout]:
    """Write a finished run into ``folder`` and return its settings and layout."""
    config = Config(
        sheet=str(folder / "sheet.tsv"),
        outdir=str(folder / "results"),
        title=world.title,
        representation=Representation(parts=world.parts),
        validation=Validation(permutations=999, bootstrap=200),
    )
    layout = Layout.of(config.outdir)
    rng = np.random.default_rng(7)
    latents: dict[str, float] = {}
    samples = {role: _samples(role, world, rng, latents) for role in ("discovery", "heldout")}
    excluded = {name for name, _ in world.exclusions}
    for role, members in samples.items():
        blind = [asdict(s) | ({"label": None} if role == "heldout" else {}) for s in members]
        save_samples([Sample(**fields) for fields in blind], layout.samples(role))
        for sample in members:
            _write_sample(sample, latents[sample.sample], sample.sample in excluded, world, layout, rng)
        _write_matrix(role, [s for s in members if s.sample not in excluded], world, layout)
    rows = [
        "\t".join([name, name.replace("S", "P"), "discovery", "1", world.batches[0], reason])
        for name, reason in world.exclusions
    ]
    write_text(
        layout.file("exclusions.tsv"),
        "\n".join(["sample\tsubject\trole\tlabel\tbatch\treason", *rows]) + "\n",
    )
    save_record(_dominance(world), layout.file(Dominance.FILE))
    save_record(encoder_record(world.encoder), layout.file(FragmentEncoder.FILE))
    write_representation(config, layout, 2 * world.per_class, HOSTILE, world.dominant)
    if world.maps:
        map_table(rng).to_parquet(layout.file("maps.parquet"))
    proxy = _proxy(world, rng) if world.dominant else made_proxy.proxy(None)
    save_record(proxy, layout.file(Proxy.FILE))
    protocol = made_validation.protocol(margins=config.validation, corrected=config.corrected)
    save_record(protocol, layout.file(FrozenProtocol.FILE))
    discovery = _discovery(samples["discovery"], latents, world)
    opening = nth_opening(1, 1, digest_file(layout.file(FrozenProtocol.FILE)))
    scores, validation = validation_record(
        samples["heldout"], latents, world, rng, config, discovery, opening
    )
    save_subjects(scores.to_dict("list"), opening, layout.file("validation.scores.parquet"))
    save_record(validation, layout.file(ValidationResult.FILE))
    audit = audit_record(validation, world, rng, scores, opening)
    save_record(audit, layout.file(Audit.FILE))
    write_text(layout.file("hypotheses.tsv"), _hypotheses())
    digest = digest_file(layout.file("hypotheses.tsv"))
    verdict = _verdict(validation, audit, world, protocol, opening, digest)
    save_record(verdict, layout.file(Verdict.FILE))
    return config, layout


def _samples(role: str, world: World, rng: np.random.Generator, latents: dict[str, float]) -> list[Sample]:
    result = []
    for index in range(2 * world.per_class):
        label = index % 2
        batches = world.batches
        batch = batches[label % len(batches)] if world.nested else batches[index // 2 % len(batches)]
        name = f"{'S' if role == 'discovery' else 'T'}{index:03d}"
        latents[name] = rng.normal() + world.effect * (label - 0.5)
        result.append(
            Sample(
                sample=name,
                subject=name.replace("S", "P").replace("T", "Q"),
                bam=f"bam/{name}.bam",
                label=label,
                role=role,
                site=batch,
                batch=batch,
                age=round(float(rng.normal(66, 8)), 1) if world.covariates else None,
                sex="FM"[int(rng.integers(2))] if world.covariates else "",
            )
        )
    return result


def _discovery(samples: list[Sample], latents: dict[str, float], world: World) -> Discovery:
    """What the discovery subjects said, as `validate` reads it from the files of this run."""
    dominance = _dominance(world)
    return Discovery(
        labels=np.array([sample.label for sample in samples]),
        # In pairs of a case and a control.
        folds=np.arange(len(samples)) // 2 % 5,
        logits=np.array([1.8 * latents[sample.sample] for sample in samples]),
        reached=dominance.cross_fitted_auroc | ({"proxy": 0.924} if world.dominant else {}),
        costs=dominance.leave_out_cost,
        roles={group: record.role for group, record in dominance.groups.items()},
    )


def length_law(latent: float) -> tuple[np.ndarray, np.ndarray]:
    """Return lengths (bp) and shares: a mono- and a di-nucleosomal peak, tilted to short by ``latent``."""
    lengths = np.arange(70, 600)
    ladder = 1 + 0.12 * np.cos(2 * np.pi * (lengths - 81) / 10.4) * (lengths < 150)
    mono = np.exp(-((lengths - 167) ** 2) / (2 * np.where(lengths < 167, 22, 13) ** 2)) * ladder
    law = mono / mono.sum() * 0.88 + 0.12 * np.exp(-((lengths - 332) ** 2) / (2 * 24**2)) / (24 * 2.5066)
    tilted = law * np.exp(0.11 * latent * np.tanh((165 - lengths) / 25))
    return lengths, tilted / tilted.sum()


def _write_sample(
    sample: Sample, latent: float, excluded: bool, world: World, layout: Layout, rng: np.random.Generator
) -> None:
    profile = Profile()
    lengths, law = length_law(latent)
    counts = np.zeros(len(lengths), dtype=int) if excluded else rng.multinomial(10_000, law)
    for length, count in zip(lengths, counts, strict=True):
        if count:
            profile.add("length_1bp", str(length), [int(count)])
    profile.save(layout.profile(sample.sample))
    fragments = int(counts.sum())
    record = quality(
        sample.sample,
        simulated=world.simulated,
        **(EXCLUDED if excluded else {}),
        counts=read_counts(
            reads=2 * fragments + 1_300, duplicate=900, low_mapq=300, not_inward=100, fragments=fragments
        ),
    )
    save_record(_with_calls(record) if world.simulated else record, layout.qc(sample.sample))


def _with_calls(record: SampleQuality) -> SampleQuality:
    """Levels of 72 % along 90 bases; S001 has 4 bases at 30 % in its second mates, T003 converts poorly."""
    level: tuple[tuple[int, int], ...] = ((360, 500),) * 90
    bias, ends = MethylationBias(read1=level, read2=level), Ends(ignore_5p=0, ignore_3p=0)
    suggested, warnings, conversion = SuggestedEnds(read1=ends, read2=ends), (), 0.995
    if record.sample == "S001":
        bias = MethylationBias(read1=level, read2=((150, 500),) * 4 + level[4:])
        suggested = SuggestedEnds(read1=ends, read2=Ends(ignore_5p=4, ignore_3p=0))
        warnings = ("M-bias: in the first 4 bases of read2 methylation differs",)
    if record.sample == "T003":
        conversion = 0.912
        warnings = ("conversion of 91.2% is under 98%",)
    return structs.replace(
        record,
        technical=technical(conversion=conversion),
        m_bias=bias,
        suggested=suggested,
        warnings=warnings,
        tissue=tissue(explained=record.sample != "S002"),
    )


def _write_matrix(role: str, samples: list[Sample], world: World, layout: Layout) -> None:
    obs = pd.DataFrame(
        {"subject": [s.subject for s in samples], "batch": [s.batch for s in samples]},
        index=[s.sample for s in samples],
    )
    matrix = anndata.AnnData(X=np.zeros((len(samples), 1)), obs=obs, uns={"simulated": world.simulated})
    layout.root.mkdir(parents=True, exist_ok=True)
    matrix.write_h5ad(layout.matrix(role))


def _finding(world: World) -> Finding:
    share, lead = (0.8, 0.54) if world.dominant else (0.36, -0.08)
    leading = Leading(
        group="fragment_length", share=share, lead=lead, performance=0.3, chance=0.018, surrogate=False
    )
    if world.dominant:
        return GroupLeads(leading=leading, dissent={})
    return NobodyLeads(largest=leading, needed=0.1, high=0.08, carriers=())


def _dominance(world: World) -> Dominance:
    shares = {"fragment_length": 0.78, "methylation": 0.13, "tissue_of_origin": 0.09}
    # Below a tenth of the attribution a group is not used; above it that can't be told.
    roles: dict[str, Role] = {
        "fragment_length": "carrier",
        "methylation": "unclear",
        "tissue_of_origin": "unused",
    }
    if not world.dominant:
        shares = {"fragment_length": 0.36, "methylation": 0.33, "tissue_of_origin": 0.31}
    groups = {
        group: GroupAttribution(
            share=around(share, 0.06, 0.07),
            covariance_share=Interval(value=share * 1.1 - 0.03, low=share - 0.12, high=share + 0.1),
            null_share_high=0.46,
            null_max_high=0.55,
            mean_phi_case=Interval(value=1.4 * share, low=share, high=1.8 * share),
            mean_phi_control=Interval(value=-1.3 * share, low=-1.7 * share, high=-0.9 * share),
            role=roles[group] if world.dominant else "unclear",
        )
        for group, share in shares.items()
    }
    n = 2 * world.per_class
    value, low, high = (0.65, 0.54, 0.71) if world.dominant else (0.03, -0.08, 0.08)
    of = None if world.dominant else n
    costs = {"fragment_length": 0.39, "methylation": 0.003, "tissue_of_origin": -0.002}
    pairs = [f"{first}:{second}" for first, second in combinations(shares, 2)]
    return dominance_record(
        groups,
        outcome="dominant" if world.dominant else "none",
        group="fragment_length" if world.dominant else None,
        finding=_finding(world),
        margin=Margin(
            group="fragment_length", value=value, low=low, high=high, needed=0.1, excluded=not world.dominant
        ),
        within_class_correlation=dict(zip(pairs, (0.04, -0.02, 0.01), strict=True)),
        context_and_joint=Interval(value=0.06, low=0.03, high=0.1),
        leave_out_cost=costs,
        subjects=n,
        cross_fitted_auroc={
            "model": 0.92,
            **{f"model_without_{group}": 0.92 - cost for group, cost in costs.items()},
            **{f"model_only_{group}": 0.91 if group == "fragment_length" else 0.52 for group in GROUPS},
            "model_only_context": 0.51,
        },
        interventions=(
            intervention_shares("swap", "discovery", shares, n),
            intervention_shares("swap", "controls", shares, n),
            intervention_shares("reweight", "discovery", shares, n if world.dominant else n - 30, of),
        ),
        not_applicable={}
        if world.dominant
        else {"edit": HOSTILE, "matched": "the sheet gives no age, sex or batch of the controls"},
        diagnostics=tuple(
            Diagnostics(
                intervention="swap",
                reference=reference,
                values={
                    "unmatched": Spread(mean=0.001, smallest=0.0, largest=0.004),
                    "relaxed": Spread(mean=0.12, smallest=0.08, largest=0.2),
                },
            )
            for reference in ("discovery", "controls")
        ),
        interactions=dict(zip(pairs, (0.021, 0.013, 0.004), strict=True)),
        stability=ShareStability(folds=(dict(shares),) * 5, members=(dict(shares),) * 3),
        gradients=GradientShares(
            share={group: around(share, 0.1 * share, 0.1 * share) for group, share in shares.items()},
            subjects=n,
            completeness=6.9e-6,
            infidelity=4.2e-5,
            infidelity_null=1.82,
        ),
    )


MASKED = MaskedPretraining(
    length_loss=3.91, length_floor=4.02, call_loss=0.44, call_floor=0.61, fragments=190_000
)
CAUSAL = CausalPretraining(
    loss=0.91,
    loss_unigram=1.42,
    loss_bigram=1.31,
    methylation_loss=0.41,
    methylation_bigram=0.52,
    length_tokens=0.98,
    methylated_tokens=0.44,
    length_methylated=0.31,
    tokens=171.4,
    parameters=46_896,
    vocabulary=31,
    fragments=19_000,
)


def encoder_record(kind: str, **changed: object) -> FragmentEncoder:
    """An encoder of one kind."""
    own = kind in ("reference", "table")
    record = FragmentEncoder(
        kind=kind,
        samples=80,
        digest="ab" * 32,
        file="cd" * 32 if own else None,
        consumes=(*GROUPS, "sequence" if kind == "causal" else "locus"),
        dim=32,
        masked=MASKED if own else None,
        causal=CAUSAL if kind == "causal" else None,
    )
    return structs.replace(record, **changed)


def map_table(rng: np.random.Generator) -> pd.DataFrame:
    """A ``maps.parquet``: short fragments speak for cases, the rest is noise around 0."""
    keys = {
        "length": [str(length) for length in range(70, 600)],
        "range": ["above 220 bp", "up to 150 bp", "151 to 220 bp"],
        "region": [str(number) for number in range(64)],
        "cpg": ["0:none", "1:low", "1:high", "3:middle", "5:high"],
        "locus": ["0", "1", "2"],
    }
    rows = []
    for kind, names in keys.items():
        for key in names:
            for group in GROUPS:
                short = kind == "length" and group == "fragment_length" and int(key) <= 150
                difference = (0.02 if short else 0.0) + 0.002 * rng.normal()
                for cohort, mean in (("case", difference / 2), ("control", -difference / 2)):
                    rows.append((kind, key, group, cohort, mean, 0.001, 4.0))
                rows.append((kind, key, group, "difference", difference, 0.0014, 4.0))
    columns = ["kind", "key", "group", "cohort", "mean", "standard_error", "fragments"]
    return pd.DataFrame(rows, columns=columns)


def _proxy(world: World, rng: np.random.Generator) -> Proxy:
    names = tuple(f"length_bin_{low}_{low + 5}" for low in range(60, 400, 5))
    middle = np.array([float(name.split("_")[2]) for name in names])
    values = 0.16 * np.tanh((165 - middle) / 25) + rng.normal(0, 0.02, len(names))
    some = np.full(len(names), 0.01)
    # Two draws, whose quantiles lie .05 on either side of each coefficient.
    draws = np.column_stack([np.zeros(2), values + np.array([[-1], [1]]) * 0.05 / 0.95])
    linear = Linear(names, some, some, some / 5, values, intercept=0.04, C=0.01, draws=draws)
    regression = made_proxy.regression(linear, "fragment_length", world.per_class, world.per_class)
    return structs.replace(
        made_proxy.proxy(None),
        regression=regression,
        obstacle=None,
        training_range={"fragments": (9_800, 10_000)},
    )


def _verdict(
    validation: ValidationResult,
    audit: Audit,
    world: World,
    protocol: FrozenProtocol,
    opening: Opening,
    digest: str,
) -> Verdict:
    status, word = (Status.EARNED, Word.EARNED) if world.dominant else (Status.REFUSED, Word.REPLACEABLE)
    signal = SignalEvidence(auroc=validation.scores["model"].auroc, p=validation.permutation.p)
    share = RelianceEvidence(share=Interval(value=0.78, low=0.72, high=0.85))
    necessity = NecessityEvidence(difference=Interval(value=0.4, low=0.31, high=0.48))
    sufficiency = SufficiencyEvidence(difference=Interval(value=0.0, low=-0.02, high=0.02))
    handling, person = _held(audit.handling), _held(audit.person)
    rungs = (
        ("L0", "there is a signal", Status.EARNED, Word.EARNED, signal),
        ("L1", "the model relies on fragment length", status, word, share),
        ("L2", "it is necessary", status, word, necessity),
        ("L3", "it is sufficient", status, word, sufficiency),
        ("L4", "it is not handling", *handling),
        ("L5", "it is not the person", *person),
    )
    return Verdict(
        headline=("L4" if handling[0] is Status.EARNED else "L3") if world.dominant else "L0",
        sentences=(
            "The held-out signal rests on fragment length, which is necessary and sufficient.",
            "It holds within batches, so handling does not explain it.",
        ),
        simulated=world.simulated,
        group="fragment_length" if world.dominant else None,
        rungs=tuple(
            Rung(
                rung=rung,
                claim=claim,
                status=status,
                word=word,
                reasons=(_reason(rung, evidence, validation.n),),
                evidence=evidence,
            )
            for rung, claim, status, word, evidence in rungs
        ),
        cautions=cautions(_dominance(world).group, validation, audit, protocol),
        hypotheses_digest=digest,
        opening=opening,
    )


def _reason(rung: str, evidence: Evidence | None, n: Counts) -> Reason:
    """Return why a rung is as it is, by what it rests on."""
    if isinstance(evidence, SignalEvidence):
        return Signal(finding=SignalFinding.SHOWN, n=n, ceiling=0.65)
    if isinstance(evidence, NecessityEvidence):
        return Compared(score="model_without_fragment_length", n=n, bound=Bound.LOW_ABOVE, margin=0.02)
    if isinstance(evidence, SufficiencyEvidence):
        return Compared(score="proxy", n=n, bound=Bound.HIGH_BELOW, margin=0.05)
    if rung == "L1":
        return Attributed()
    return Audited() if rung in ("L4", "L5") else NoGroup()


def _held(claim: HeldClaim) -> tuple[Status, Word, HeldEvidence]:
    evidence = HeldEvidence(crude=claim.crude, held=None, fall=None)
    if claim.status in (ClaimStatus.NOT_HANDLING, ClaimStatus.NOT_PERSON):
        return Status.EARNED, Word.EARNED, evidence
    return Status.CANT_TELL, Word(claim.status), evidence


def _hypotheses() -> str:
    header = ("statement", "direction", "coefficient", "low", "high", "handling", "assay", "control_arm")
    common = (
        "not handling: the signal is there among subjects of the same batch",
        "capillary electrophoresis of the plasma DNA; short and long amplicons by digital PCR",
        "blood of the same persons in two tube types and with two delays to the spin",
    )
    rows = (
        ("The difference in length arises in handling, not in the person.", "either", "", "", "", *common),
        (
            "In cases the share of fragments of 100 to 144 bp is higher than in controls.",
            "higher in cases",
            *("0.15", "0.1", "0.2"),
            *common,
        ),
    )
    return "\n".join("\t".join(row) for row in (header, *rows)) + "\n"
