"""Where the named methods come from, so that a manuscript can cite them."""

from __future__ import annotations

COMMON = (
    "Shapley values: Shapley, in Contributions to the Theory of Games II (1953); computed with Captum "
    "(Kokhlikyan et al., arXiv:2009.07896, 2020).",
    "Performance attribution: Covert, Lundberg and Lee, NeurIPS (2020).",
    "Intervals of AUROC: DeLong, DeLong and Clarke-Pearson, Biometrics 44:837 (1988).",
    "Sensitivity at a specificity: Zhou and Qin, Stat. Med. 24:465 (2005).",
    "Heterogeneity over subgroups: Cochran, Biometrics 10:101 (1954).",
    "Overlap weights: Li, Morgan and Zaslavsky, J. Am. Stat. Assoc. 113:390 (2018).",
    "Two-sample test by a classifier: Lopez-Paz and Oquab, ICLR (2017).",
    "Neighbours of near-duplicates: Facco et al., Sci. Rep. 7:12140 (2017).",
    "Wilson interval: Wilson, J. Am. Stat. Assoc. 22:209 (1927).",
    "False-discovery rate: Benjamini and Hochberg, J. R. Stat. Soc. B 57:289 (1995).",
    "Reporting: Collins et al. (TRIPOD+AI), BMJ 385:e078378 (2024).",
)
OF_FRAGMENTS = (
    "Raking: Deming and Stephan, Ann. Math. Stat. 11:427 (1940).",
    "Interactions: Grabisch and Roubens, Int. J. Game Theory 28:547 (1999).",
    "Integrated gradients: Sundararajan, Taly and Yan, ICML (2017); infidelity: Yeh et al., NeurIPS (2019).",
    "Control tasks of probes: Hewitt and Liang, arXiv:1909.03368 (2019); least-squares concept erasure: "
    "Belrose et al., arXiv:2306.03819 (2023).",
    "Sparse autoencoders that keep the largest codes: Gao et al., arXiv:2406.04093 (2024); null of the "
    "maximum: Westfall and Young, Resampling-Based Multiple Testing (1993).",
    "Fragment-level tissue deconvolution (UXM): Loyfer et al., Nature 613:355 (2023); over-dispersion: "
    "McCullagh and Nelder, Generalized Linear Models, 2nd ed. (1989).",
)
OF_TABLES = ("Block scaling: Westerhuis, Kourti and MacGregor, J. Chemometrics 12:301 (1998).",)


def sources_of(*, table: bool) -> tuple[str, ...]:
    """Return the sources of the methods that a run used."""
    return COMMON + (OF_TABLES if table else OF_FRAGMENTS)
