"""Score alignments that the proxy never saw, with nothing but its frozen numbers and settings."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from cfdna_interp.artifacts.features import load_features
from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.proxy import Proxy, load_proxy
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Features, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.features.sample import extract_sample


@dataclass(frozen=True)
class Scored:
    """The probability of one sample, with its interval over the bootstrap's coefficients.

    ``warnings`` say in which way the sample differs from those that the proxy was fitted on.
    """

    bam: str
    probability: float
    low: float
    high: float
    warnings: tuple[str, ...]


def score_alignment(
    bam: str, path: Path, config: Config | None = None, reading: Mapping[str, str] | None = None
) -> Scored:
    """Extract the features of one BAM and score it.

    Parameters
    ----------
    bam
        Path or URL of the alignments.
    path
        ``proxy.json``.
    config
        Where atlas, annotation, blacklist and reference lie now; by default where the proxy's own settings
        say. All other settings are always the proxy's.
    reading
        What a sheet would say of how the library is read: ``methylation``, ``reads``, ``chemistry``.

    Raises
    ------
    InputError
        The run had no dominant group, or the alignments are unusable or have too few fragments.
    """
    proxy = load_proxy(path)
    if proxy.linear is None:
        raise InputError(f"{path} holds no proxy ({proxy.reason}); use a run with a dominant group")
    with tempfile.TemporaryDirectory(prefix="cfdna-interp-") as folder:
        settings = extraction_config(proxy, path, folder, config)
        name = "sample"
        source = bam if "://" in bam else str(Path(bam).resolve())
        told = {column: (reading or {}).get(column, "") for column in ("methylation", "reads", "chemistry")}
        sample = replace(Sample(name, name, source, None, "heldout"), **told)  # type: ignore[arg-type]
        extract_sample(sample, settings)
        layout = Layout.of(folder)
        qc = read_json(layout.qc(name))
        if qc["decision"] != "keep":
            raise InputError(f"{bam}: {qc['reason']}; the proxy needs samples like those it was fitted on")
        features = {feature.name: feature.value for feature in load_features(layout.features(name))}
    return score_features(bam, proxy, features, qc)


def score_features(bam: str, proxy: Proxy, features: Mapping[str, float], qc: Mapping[str, Any]) -> Scored:
    """Score named features; a missing one takes the training median and is warned about.

    Parameters
    ----------
    bam
        Name for the result.
    proxy
        A proxy with a dominant group.
    features
        Name -> value.
    qc
        The sample's quality record: ``technical`` and ``simulated``.
    """
    linear = proxy.linear
    if linear is None:
        raise ValueError("there is no proxy to score with")
    x = np.array([[features.get(name, np.nan) for name in linear.names]], dtype=np.float64)
    logit = linear.logits(x)[0]
    low, high = np.quantile(linear.bootstrap_logits(x)[:, 0], [0.025, 0.975])
    warnings = []
    missing = [name for name, value in zip(linear.names, x[0], strict=True) if np.isnan(value)]
    if missing:
        warnings.append(f"{len(missing)} of {len(linear.names)} features missing, first {missing[0]}")
    measured = {**qc["technical"], **features}
    for name, (lowest, highest) in sorted(proxy.training_range.items()):
        value = measured.get(name)
        if value is not None and np.isfinite(value) and not lowest <= value <= highest:
            warnings.append(f"{name} {value:.4g} outside the training range {lowest:.4g} to {highest:.4g}")
    if proxy.simulated or qc["simulated"]:
        which = [name for name, flag in (("proxy", proxy.simulated), ("sample", qc["simulated"])) if flag]
        warnings.append(f"simulated: {' and '.join(which)}")
    # The bootstrap's interval is of the coefficients alone and can miss the estimate of a shrunken fit.
    bounds = expit([min(low, logit), max(high, logit)])
    return Scored(bam, float(expit(logit)), float(bounds[0]), float(bounds[1]), tuple(warnings))


def extraction_config(proxy: Proxy, path: Path, outdir: str, config: Config | None = None) -> Config:
    """Return the settings for extraction: the proxy's own, its paths found from the proxy's folder.

    Parameters
    ----------
    proxy, path
        The proxy and the file it was loaded from.
    outdir
        Where the extraction writes.
    config
        If given, atlas, annotation, blacklist and reference are taken from it instead.
    """
    folder = path.resolve().parent

    def found(value: str | None) -> str | None:
        if value is None or "://" in value:
            return value
        return str((folder / value).resolve())

    settings = proxy.settings
    extract, reference = dict(settings["extract"]), dict(settings["reference"])
    features = dict(settings["features"])
    # JSON has no tuples; the settings compare and hash by them.
    extract = {key: tuple(value) if isinstance(value, list) else value for key, value in extract.items()}
    for name in ("blacklist", "known_sites"):
        extract[name] = found(extract[name])
    reference["fasta"] = found(reference["fasta"])
    features["annotation"] = found(features["annotation"])
    if "/" in reference["build"] or reference["build"].endswith((".tsv", ".fai")):
        reference["build"] = found(reference["build"])
    own = Config(
        sheet="",
        outdir=outdir,
        seed=settings["seed"],
        atlas=found(settings["atlas"]),
        reference=Reference(**reference),
        extract=Extract(**extract),
        features=Features(**features),
    )
    if config is None:
        return own
    return replace(
        own,
        atlas=config.atlas,
        reference=config.reference,
        features=replace(own.features, annotation=config.features.annotation),
        extract=replace(
            own.extract, blacklist=config.extract.blacklist, known_sites=config.extract.known_sites
        ),
    )
