"""Pre-training of the small causal model: planted dependence is found, noise is not, the folder loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from toys import toy_fragments
from transformers import AutoModel, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.config.resources import shipped
from cfdna_interp.errors import InputError
from cfdna_interp.models import causal
from cfdna_interp.models.adapters.transformers import TransformersEncoder
from cfdna_interp.models.causal import pretrain_causal
from cfdna_interp.models.causal_losses import correlations, losses, predict
from cfdna_interp.models.causal_texts import build_tokenizer, tokenize
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs
from cfdna_interp.models.rendering import Renderer, Rendering
from cfdna_interp.records.encoder import CausalPretraining
from cfdna_interp.stats.resampling import stream

CAUSAL = Rendering(methylation="token", methylated="<m>", prefix="<frag>", suffix="</frag>")
BASES = Rendering(methylation="none")
CONTIG = 20_000  # bp


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contig whose every C is the C of a CpG: 3 in 16 words are CG, the others A, G or T."""
    rng = np.random.default_rng(0)
    words = rng.choice(["CG", "A", "G", "T"], p=[0.19, 0.27, 0.27, 0.27], size=CONTIG)
    return write_fasta(tmp_path_factory.mktemp("reference") / "g.fa", "".join(words)[:CONTIG])


def write_fasta(path: Path, bases: str) -> Path:
    path.write_text(f">chr1\n{bases}\n")
    Path(f"{path}.fai").write_text(f"chr1\t{len(bases)}\t6\t{len(bases)}\t{len(bases) + 1}\n")
    return path


def fragments_of(fasta: Path, n: int, seed: int, *, together: bool) -> FragmentInputs:
    """Draw fragments of 40 to 100 bp; half of the calls are methylated, by fragment or each by itself."""
    rng = np.random.default_rng(seed)
    bases = np.frombuffer(fasta.read_bytes().split(b"\n")[1], dtype=np.uint8)
    cpgs = np.flatnonzero((bases[:-1] == ord("C")) & (bases[1:] == ord("G")))
    length = rng.integers(40, 101, n).astype(np.int32)
    place = rng.integers(0, len(bases) - 101, n)
    offsets = np.full((n, MAX_CALLS), -1, dtype=np.int16)
    for row in range(n):
        inside = cpgs[(cpgs >= place[row]) & (cpgs < place[row] + length[row] - 1)] - place[row]
        offsets[row, : len(inside)] = inside[:MAX_CALLS]
    said = np.broadcast_to(rng.random((n, 1)), (n, MAX_CALLS)) if together else rng.random((n, MAX_CALLS))
    return FragmentInputs(
        length=length,
        offsets=offsets,
        states=np.where(offsets < 0, -1, said < 0.5).astype(np.int8),
        locus=np.zeros(n, dtype=np.int16),
        region=np.zeros(n, dtype=np.int16),
        place=place,
        strand=np.ones(n, dtype=np.int8),
    )


def pretrained(
    monkeypatch: pytest.MonkeyPatch,
    fragments: FragmentInputs,
    fasta: Path,
    folder: Path,
    rendering: Rendering,
) -> CausalPretraining:
    # Small batches: some hundred steps within seconds.
    monkeypatch.setattr(causal, "BATCH_TOKENS", 1_024)
    return pretrain_causal(fragments, Renderer(rendering, str(fasta)), folder, epochs=3, seed=1)


def read_back(folder: Path, kind: type = AutoModel) -> tuple[torch.nn.Module, PreTrainedTokenizerFast]:
    options = {"local_files_only": True, "trust_remote_code": False}
    model, found = kind.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **options)
    assert not found["missing_keys"] and not found["unexpected_keys"]
    return model.eval(), AutoTokenizer.from_pretrained(folder, **options)


def test_calls_of_one_state_per_fragment_are_learnt_and_held_by_mean_embeddings(
    fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fragments = fragments_of(fasta, 1_000, 1, together=True)
    reached = pretrained(monkeypatch, fragments, fasta, tmp_path / "model", CAUSAL)
    # After a C follows <m> or G, each with chance 1/2: ln 2 nats to whoever knows the last token alone. Who
    # remembers the fragment's first call is left with that one of about 11.
    assert reached.methylation_bigram == pytest.approx(np.log(2), abs=0.03)
    assert reached.methylation_loss is not None
    assert reached.methylation_loss < 0.5 * np.log(2)
    assert reached.loss < reached.loss_bigram < reached.loss_unigram
    assert reached.parameters <= 100_000
    assert reached.fragments == 950

    # Positive control and null of the embeddings: what went in is read off their mean over tokens.
    held = fragments_of(fasta, 600, 2, together=True)
    model, tokenizer = read_back(tmp_path / "model")
    encoded = tokenizer(Renderer(CAUSAL, str(fasta)).render(held).texts, padding=True, return_tensors="pt")
    mask = encoded["attention_mask"][:, :, None]
    with torch.inference_mode():
        hidden = model(**encoded).last_hidden_state
    embedded = ((hidden * mask).sum(dim=1) / mask.sum(dim=1)).numpy()
    shuffled = np.random.default_rng(3).permutation(len(held))
    for target in (held.length.astype(float), (held.states[:, 0] == 1).astype(float)):
        for truth, low, high in ((target, 0.8, 1.0), (target[shuffled], -1.0, 0.1)):
            guess = cross_val_predict(RidgeCV(np.logspace(-6, 2, 9)), embedded, truth)
            assert low <= 1 - ((truth - guess) ** 2).mean() / truth.var() <= high


def test_nothing_is_learnt_from_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Bases drawn one by one: no model can be better than their entropy, ln 4, whatever it remembers.
    letters = np.random.default_rng(4).choice(list("ACGT"), size=500_000)
    fasta = write_fasta(tmp_path / "noise.fa", "".join(letters))
    fragments = fragments_of(fasta, 1_000, 5, together=False)
    reached = pretrained(monkeypatch, fragments, fasta, tmp_path / "model", BASES)
    assert reached.loss_unigram == pytest.approx(np.log(4), abs=0.01)
    assert reached.loss_bigram == pytest.approx(np.log(4), abs=0.01)
    assert np.log(4) - 0.01 < reached.loss < np.log(4) + 0.03
    assert reached.methylation_loss is None
    assert reached.methylated_tokens == pytest.approx(reached.length_methylated)  # tokens are the bases


def test_the_folder_reads_texts_base_by_base(fasta: Path, tmp_path: Path) -> None:
    renderer = Renderer(Rendering.load(shipped("resources", "rendering", "causal.yaml")), str(fasta))
    assert renderer.rendering == CAUSAL
    pretrain_causal(fragments_of(fasta, 60, 6, together=True), renderer, tmp_path / "model", epochs=1, seed=1)
    files = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"config.json", "tokenizer.json", "model.safetensors", "rendering.yaml"} <= files
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert Rendering.load(tmp_path / "model" / "rendering.yaml") == CAUSAL
    _, tokenizer = read_back(tmp_path / "model")
    text = "<frag>AC<m>GTN</frag>"
    words = ["<frag>", "A", "C", "<m>", "G", "T", "N", "</frag>"]
    assert tokenizer.tokenize(text) == words
    assert tokenizer(text)["input_ids"] == tokenizer.convert_tokens_to_ids(words)
    assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"]


def test_the_model_read_back_is_the_one_that_was_judged(fasta: Path, tmp_path: Path) -> None:
    fragments, renderer = fragments_of(fasta, 60, 12, together=True), Renderer(CAUSAL, str(fasta))
    reached = pretrain_causal(fragments, renderer, tmp_path / "model", epochs=1, seed=1)
    model, tokenizer = read_back(tmp_path / "model", LlamaForCausalLM)
    texts = tokenize(fragments, renderer, tokenizer)
    test, train = np.split(stream(1, "causal-test").permutation(60), [3])
    again = losses(model, texts, train=train, test=test, methylated=None, budget=1_000)
    assert again.loss == pytest.approx(reached.loss, abs=1e-5)


def test_pretraining_and_encoding_need_no_network(
    fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(f"socket.socket.{name}", refused)
    monkeypatch.setattr("socket.getaddrinfo", refused)
    fragments = fragments_of(fasta, 60, 13, together=True)
    pretrain_causal(fragments, Renderer(CAUSAL, str(fasta)), tmp_path / "model", epochs=1, seed=1)
    encoder = TransformersEncoder.load(tmp_path / "model", fasta=str(fasta), pooling="mean")
    embedded = encoder.encode(fragments)
    assert embedded.shape == (60, causal.WIDTH)
    # The model feels a call: one token more.
    flipped = fragments.with_states(np.where(fragments.states >= 0, 1 - fragments.states, -1).astype(np.int8))
    assert ((encoder.encode(flipped) - embedded).abs().amax(dim=1) > 1e-3).all()


def test_a_seed_gives_the_same_bytes_and_replaces_what_was_there(fasta: Path, tmp_path: Path) -> None:
    fragments, renderer = fragments_of(fasta, 100, 7, together=True), Renderer(CAUSAL, str(fasta))

    def written(seed: int) -> dict[str, str]:
        pretrain_causal(fragments, renderer, tmp_path / "model", epochs=1, seed=seed)
        return {path.name: digest_file(path) for path in (tmp_path / "model").iterdir()}

    first = written(1)
    (tmp_path / "model" / "left.bin").write_bytes(b"of an older model")
    assert written(1) == first
    other = written(2)
    assert other.pop("model.safetensors") != first.pop("model.safetensors")
    assert other == first


def test_a_failure_leaves_the_old_folder(
    fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(causal, "save_file", full)
    with pytest.raises(OSError, match="no space"):
        pretrain_causal(
            fragments_of(fasta, 60, 8, together=True),
            Renderer(CAUSAL, str(fasta)),
            tmp_path / "model",
            epochs=1,
            seed=1,
        )
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["model", "model/config.json"]


def test_padding_on_the_right_changes_no_guess(fasta: Path, tmp_path: Path) -> None:
    fragments = fragments_of(fasta, 60, 9, together=True)
    pretrain_causal(fragments, Renderer(CAUSAL, str(fasta)), tmp_path / "model", epochs=1, seed=1)
    model, _ = read_back(tmp_path / "model", LlamaForCausalLM)
    short, long = torch.tensor([[2, 5, 6, 4, 7, 3]]), torch.tensor([[2, 5, 8, 8, 8, 6, 7, 5, 3]])
    both = torch.zeros(2, 9, dtype=torch.long)
    both[0, :6], both[1] = short[0], long[0]
    together, targets = predict(model, both)
    alone = torch.cat([predict(model, ids)[0] for ids in (short, long)])
    assert torch.allclose(together, alone, atol=1e-5)
    assert targets.tolist() == [5, 6, 4, 7, 3, 5, 8, 8, 8, 6, 7, 5, 3]


def test_token_counts_follow_length_and_methylation() -> None:
    fragments = toy_fragments(4, np.random.default_rng(0)).with_states(np.full((4, MAX_CALLS), -1, np.int8))
    fragments.length[:] = [100, 100, 102, 102]
    fragments.states[[1, 3], :2] = 1
    # Tokens are length + methylated + 2: 102, 104, 104, 106. Length and methylated calls have variance 1 and
    # covariance 0, so each has covariance 1 with their sum, of variance 2.
    found = correlations(fragments, np.array([102, 104, 104, 106]))
    half = pytest.approx(2**-0.5)
    assert (found.length_tokens, found.methylated_tokens) == (half, half)
    assert found.length_methylated == pytest.approx(0)
    fragments.states[:] = -1
    assert correlations(fragments, fragments.length + 2).methylated_tokens is None


def test_tokens_are_bases_methylated_calls_and_wrappers(fasta: Path, tmp_path: Path) -> None:
    fragments = fragments_of(fasta, 60, 10, together=True)
    reached = pretrain_causal(fragments, Renderer(CAUSAL, str(fasta)), tmp_path / "model", epochs=1, seed=1)
    methylated = (fragments.states == 1).sum(axis=1)
    assert reached.tokens == pytest.approx((fragments.length + methylated + 2).mean())


@pytest.mark.parametrize(
    ("rendering", "word"),
    [
        (Rendering(methylation="token", methylated="<m>", kmer=3, separator=" "), "kmer: 3, separator"),
        (Rendering(methylation="token_type"), "token_type"),
        (Rendering(methylation="none", prefix="<{chromosome}>"), "coordinates"),
    ],
)
def test_renderings_beyond_single_bases_are_refused(rendering: Rendering, word: str) -> None:
    with pytest.raises(InputError, match=word):
        build_tokenizer(rendering, 100)


def test_letters_for_states_are_tokens_of_their_own() -> None:
    rendering = Rendering(methylation="letter", methylated="M", unmethylated="c", prefix="<s>x", suffix="")
    assert build_tokenizer(rendering, 100).tokenize("<s>xAMGcT") == ["<s>", "x", "A", "M", "G", "c", "T"]


def test_too_few_or_too_long_fragments_are_refused(fasta: Path, tmp_path: Path) -> None:
    renderer, fragments = Renderer(CAUSAL, str(fasta)), fragments_of(fasta, 60, 11, together=True)
    with pytest.raises(InputError, match="39 discovery fragments are too few"):
        pretrain_causal(fragments.take(np.arange(39)), renderer, tmp_path / "model", epochs=1, seed=1)
    fragments.length[0], fragments.place[0] = 3_000, 0
    with pytest.raises(InputError, match=r"3000 bp makes 30\d\d tokens .* reads 2048"):
        pretrain_causal(fragments, renderer, tmp_path / "model", epochs=1, seed=1)
    assert list(tmp_path.iterdir()) == []
