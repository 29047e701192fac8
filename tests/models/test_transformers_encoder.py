"""Foreign transformers as encoders: against a plain Hugging Face loop, fragment by fragment."""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from genomes import fragment, random_bases, random_fragments, write_fasta
from safetensors.torch import load_file, save_file
from tiny_models import (
    CAUSAL_RENDERING,
    METHYLBERT_RENDERING,
    causal_folder,
    methylbert_folder,
    save,
    tokenizer_of,
)
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, GPT2Config, RobertaConfig

from cfdna_interp.errors import InputError
from cfdna_interp.models.adapters import transformers as adapter
from cfdna_interp.models.adapters.checkpoint import looks_back_only, positions_of
from cfdna_interp.models.adapters.transformers import TransformersEncoder
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.embedding_cache import CachedEncoder
from cfdna_interp.models.rendering import Renderer, Rendering

GENOME = random_bases(4_000, 5)
FRAGMENTS = random_fragments(GENOME, 40, 6, low=20, high=300)
MAKERS = {
    "llama": causal_folder,
    "gpt2": lambda folder: causal_folder(folder, kind="gpt2"),
    "bert": methylbert_folder,
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    return write_fasta(tmp_path_factory.mktemp("genome") / "g.fa", {"chr1": GENOME})


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in MAKERS.items()}


def load(folder, fasta, **options):
    return TransformersEncoder.load(folder, fasta=fasta, device="cpu", **options)


def plain_loop(folder, fasta, pooling):
    """Each fragment alone through AutoModel: no batch, no padding, no mask."""
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    rendered = Renderer(Rendering.load(folder / "rendering.yaml"), fasta).render(FRAGMENTS)
    rows = []
    for number, text in enumerate(rendered.texts):
        inputs = {"input_ids": torch.tensor([tokenizer(text)["input_ids"]])}
        if rendered.token_types is not None:
            # Neutral on <sos> and <eos>, as MethylBERT's dataset has it.
            types = [2, *rendered.token_types[number].tolist(), 2]
            inputs["token_type_ids"] = torch.tensor([types])
        with torch.no_grad():
            hidden = model(**inputs).last_hidden_state[0]
        rows.append({"mean": hidden.mean(dim=0), "last": hidden[-1], "cls": hidden[0]}[pooling])
    return torch.stack(rows)


@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
@pytest.mark.parametrize("name", list(MAKERS))
def test_equals_a_plain_loop_one_by_one(folders, fasta, name, pooling):
    encoder = load(folders[name], fasta, pooling=pooling, token_budget=2_000)
    got = encoder.encode(FRAGMENTS)
    assert got.shape == (40, encoder.dim) == (40, 32)
    assert (got.dtype, got.device.type) == (torch.float32, "cpu")
    torch.testing.assert_close(got, plain_loop(folders[name], fasta, pooling), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", list(MAKERS))
def test_a_row_depends_on_its_fragment_alone(folders, fasta, name, monkeypatch):
    together = load(folders[name], fasta).encode(FRAGMENTS)
    order = np.random.default_rng(1).permutation(40)
    monkeypatch.setattr(adapter, "WINDOW", 7)  # windows and batches of other fragments
    shuffled = load(folders[name], fasta, token_budget=900).encode(FRAGMENTS.take(order))
    torch.testing.assert_close(shuffled, together[order], atol=1e-5, rtol=0)
    alone = load(folders[name], fasta, token_budget=1)
    torch.testing.assert_close(alone.encode(FRAGMENTS), together, atol=1e-5, rtol=0)


def test_padding_that_is_not_masked_would_show(folders, fasta):
    # The control of the test above: with the mask left out, BERT's short fragments change.
    encoder = load(folders["bert"], fasta)
    assert encoder._mask
    sound = encoder.encode(FRAGMENTS)
    encoder._mask = False
    assert (encoder.encode(FRAGMENTS) - sound).abs().max() > 0.01


def test_which_models_look_back_only(folders):
    for name, folder in folders.items():
        model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        assert looks_back_only(model) == (name != "bert")


@pytest.mark.parametrize("name", list(MAKERS))
def test_states_length_and_sequence_are_felt(folders, fasta, name):
    one = fragment(100, 150, {})
    encoder = load(folders[name], fasta)
    offset = GENOME.index("CG", 120) - 100  # inside of the fragment, away from its ends
    called = [fragment(100, 150, {offset: state}) for state in (0, 1)]
    changed = [fragment(101, 150, {}), fragment(100, 151, {}), called[1]]
    base = encoder.encode(one)
    for other in changed:
        assert (encoder.encode(other) - base).abs().max() > 1e-4
    # <m> alone is said: an unmethylated call is as none. As token types the two differ.
    moved = float((encoder.encode(called[0]) - base).abs().max())
    assert (moved > 1e-4) == (name == "bert")
    assert encoder.consumes == {"sequence", "fragment_length", "methylation", "tissue_of_origin"}


def test_the_same_fragment_is_computed_once(folders, fasta):
    encoder = load(folders["llama"], fasta, token_budget=2_000)
    rows = []
    encoder._model.register_forward_pre_hook(
        lambda _, args, inputs: rows.append(len(inputs["input_ids"])), with_kwargs=True
    )
    repeated = FRAGMENTS.take(np.array([3, 5, 3, 3, 8, 5]))
    # Locus and region are not told by this rendering, so they don't make another fragment.
    repeated = replace(repeated, region=np.arange(6, dtype=np.int16))
    got = encoder.encode(repeated)
    assert sum(rows) == 3
    torch.testing.assert_close(got, load(folders["llama"], fasta).encode(repeated.take(np.arange(6))))
    torch.testing.assert_close(got[[0, 1, 4]], got[[2, 5, 4]], atol=0, rtol=0)


def test_no_fragments_give_no_rows(folders, fasta):
    assert load(folders["llama"], fasta).encode(FRAGMENTS.take(np.array([], dtype=int))).shape == (0, 32)


def test_dropout_is_off(tmp_path, fasta):
    noisy = causal_folder(tmp_path / "noisy", attention_dropout=0.5)
    encoder = load(noisy, fasta)
    torch.testing.assert_close(encoder.encode(FRAGMENTS), encoder.encode(FRAGMENTS), atol=0, rtol=0)


def test_half_precision_is_near(folders, fasta):
    exact = load(folders["llama"], fasta).encode(FRAGMENTS)
    half = load(folders["llama"], fasta, precision="bfloat16")
    got = half.encode(FRAGMENTS)
    assert got.dtype == torch.float32
    # bfloat16 has 8 bits of mantissa: 0.4 % a rounding, over two layers some hundredths of a spread of 1.
    assert 1e-6 < (got - exact).abs().mean() < 0.1
    assert half.digest != load(folders["llama"], fasta).digest


def test_nothing_is_fetched(folders, fasta, monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    for folder in folders.values():
        assert len(load(folder, fasta).encode(FRAGMENTS)) == 40


def test_digest_covers_what_makes_an_embedding(folders, fasta, tmp_path):
    digest = load(folders["llama"], fasta).digest
    copy = shutil.copytree(folders["llama"], tmp_path / "copy")
    (copy / "README.md").write_text("no part of the model")
    assert load(copy, fasta).digest == digest
    others = [load(copy, fasta, pooling="last").digest]
    rendering = tmp_path / "other.yaml"
    rendering.write_text(CAUSAL_RENDERING + "strand: molecule\n")
    others.append(load(copy, fasta, rendering=rendering).digest)
    longer = write_fasta(tmp_path / "g.fa", {"chr1": GENOME, "chr2": "ACGT"})
    others.append(load(copy, longer).digest)
    # Half of the genome masked: its index is the same, byte by byte.
    masked = write_fasta(tmp_path / "m.fa", {"chr1": "N" * (len(GENOME) // 2) + GENOME[len(GENOME) // 2 :]})
    others.append(load(copy, masked).digest)
    weights = load_file(copy / "model.safetensors")
    weights["model.norm.weight"][0] += 1
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    others.append(load(copy, fasta).digest)
    assert len({digest, *others}) == 6


def test_answers_as_tuples_are_not_asked_for(folders, fasta, tmp_path):
    folder = shutil.copytree(folders["llama"], tmp_path / "model")
    in_config(return_dict=False)(folder)
    assert torch.equal(load(folder, fasta).encode(FRAGMENTS), load(folders["llama"], fasta).encode(FRAGMENTS))


def test_rounding_is_that_of_the_number_format(folders, fasta, tmp_path):
    # 23 and 7 bits behind the point.
    assert load(folders["llama"], fasta, precision="float32").rounding == 2**-23
    half = load(folders["llama"], fasta, precision="bfloat16")
    assert half.rounding == CachedEncoder(half, tmp_path).rounding == 2**-7


def test_an_estimate_counts_tokens_and_bytes(folders, fasta):
    # A text has a token for each base and each <m>, and two wrappers.
    texts = Renderer(Rendering.load(folders["llama"] / "rendering.yaml"), fasta).render(FRAGMENTS).texts
    tokens = sum(
        len(text.replace("<frag>", "(").replace("</frag>", ")").replace("<m>", "m")) for text in texts
    )
    estimate = load(folders["llama"], fasta).estimate(FRAGMENTS, 40_000)
    assert (estimate.fragments, estimate.tokens) == (40_000, 1_000 * tokens)
    assert estimate.result_gb == pytest.approx(40_000 * 32 * 4 / 1e9)
    assert estimate.minutes > 0
    assert estimate.memory_gb > 0.05
    assert "40,000 fragments" in str(estimate)


def remove(*names):
    def change(folder):
        for name in names:
            (folder / name).unlink()

    return change


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


def with_code(name):
    def change(folder):
        path = folder / name
        path.write_text(path.read_text().replace("{", '{"auto_map": {"AutoModel": "code.Model"},', 1))

    return change


def as_pickle(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def other_weights(folder):
    weights = load_file(folder / "model.safetensors")
    save_file({f"other.{name}": tensor for name, tensor in weights.items()}, folder / "model.safetensors")


def not_finite(folder):
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def smaller_model(folder):
    from transformers import LlamaConfig, LlamaModel

    LlamaModel(
        LlamaConfig(
            vocab_size=6, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2
        )
    ).save_pretrained(folder)


def in_config(**keys):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))

    return change


LOWER = "methylation: letter\nmethylated: c\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, "is not a folder"),
        (remove("config.json"), "has no config.json"),
        (with_code("config.json"), r"config.json asks for code of its own \(auto_map\)"),
        (with_code("tokenizer_config.json"), "tokenizer_config.json asks for code of its own"),
        (as_pickle, "pytorch_model.bin is a pickle"),
        (remove("model.safetensors"), "has no weights"),
        (remove("tokenizer.json"), "has no tokenizer"),
        (write("tokenizer.json", "{}"), "the tokenizer cannot be loaded"),
        (write("tokenizer.json", '{"version": "1.0", "model": {"type": "of tomorrow"}}'), "cannot be loaded"),
        (write("model.safetensors", "damaged"), "cannot be loaded"),
        (in_config(hidden_size="32"), "cannot be loaded"),
        (
            in_config(num_hidden_layers=1),
            r"of layers that config\.json doesn't ask for, .*layers\.1\.",
        ),
        (in_config(attn_implementation="someone/fast-attention"), "a kernel from elsewhere"),
        (write("adapter_config.json", "{}"), "is an adapter"),
        (other_weights, "weights that config.json asks for are missing"),
        (remove("rendering.yaml"), "rendering.yaml does not exist"),
        (
            write("rendering.yaml", "methylation: token\nmethylated: <5mC>\n"),
            "'<5mC>', which the rendering writes, is unknown",
        ),
        (write("rendering.yaml", LOWER), "'c', which the rendering writes, is not in its vocabulary"),
        (write("rendering.yaml", METHYLBERT_RENDERING), r"\(llama\) has 0 token types"),
        (write("rendering.yaml", CAUSAL_RENDERING + "build: GRCh38\n"), "rendering is for build GRCh38"),
    ],
)
def test_what_is_refused_when_loading(folders, fasta, tmp_path, change, message):
    folder = shutil.copytree(folders["llama"], tmp_path / "model")
    change(folder)
    with pytest.raises(InputError, match=message) as caught:
        load(folder, fasta)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (write("rendering.yaml", "methylation: none\nprefix: <chr{chromosome}>\n"), "'<chr1>', which the"),
        (
            write("rendering.yaml", "methylation: none\nprefix: chr{chromosome}\n"),
            "doesn't know all of 'chr1",
        ),
        (not_finite, "embeddings that are not finite in torch.float32"),
        (smaller_model, "token numbers beyond the model's 6"),
    ],
)
def test_what_is_refused_when_encoding(folders, fasta, tmp_path, change, message):
    folder = shutil.copytree(folders["llama"], tmp_path / "model")
    change(folder)
    with pytest.raises(InputError, match=message):
        load(folder, fasta).encode(FRAGMENTS)


def test_token_types_are_refused_where_they_would_be_misread(tmp_path, fasta):
    # Two types, BERT's own number: 2 would lie outside of the table.
    with pytest.raises(InputError, match=r"\(bert\) has 2 token types, methylation as token types needs 3"):
        load(methylbert_folder(tmp_path / "two", types=2), fasta)
    # Words of four where the tokenizer knows words of three.
    rendering = METHYLBERT_RENDERING.replace("3", "4")
    with pytest.raises(InputError, match="'AAAA', which the rendering writes, is not in its vocabulary"):
        load(methylbert_folder(tmp_path / "four", rendering=rendering), fasta)


def test_fragments_longer_than_the_positions_are_refused_at_once(tmp_path, fasta):
    # 200 bases, no call, two wrappers: 202 tokens of 128 positions; 200 * 128 // 202 = 126 bp fit.
    short = load(causal_folder(tmp_path / "short", positions=128), fasta)
    assert short.encode(fragment(0, 126, {})).shape == (1, 32)
    calls = []
    short._model.register_forward_pre_hook(lambda *_: calls.append(1))
    both = FragmentInputs.concatenate([fragment(0, 100, {}), fragment(0, 200, {})])
    with pytest.raises(
        InputError, match=r"200 bp has 202 tokens, .* end at 128; set extract.max_length to about 126"
    ):
        short.encode(both)
    assert not calls


def test_unknown_bases_are_unknown_tokens(tmp_path, folders):
    # MethylBERT has no word with an N: it reads those as <unk>, and so they go in.
    gap = write_fasta(tmp_path / "g.fa", {"chr1": "ACGTACGT" * 5 + "N" * 5 + "ACGTACGT" * 5})
    for name in ("bert", "llama"):
        assert torch.isfinite(load(folders[name], gap).encode(fragment(0, 85, {1: 1}))).all()


def test_letters_in_words(tmp_path, fasta):
    # Words of three with M in the stead of a methylated C: AMG is a word, M alone is none.
    words = ["<pad>", "<unk>", *map("".join, product("ACGMT", repeat=3))]
    torch.manual_seed(3)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForMaskedLM(BertConfig(vocab_size=len(words), **shape))
    rendering = 'methylation: letter\nmethylated: M\nkmer: 3\nseparator: " "\n'
    encoder = load(save(tmp_path / "m", model, tokenizer_of(words, characters=False), rendering), fasta)
    offset = GENOME.index("CG", 120) - 100
    one, other = (encoder.encode(fragment(100, 150, {offset: state})) for state in (0, 1))
    assert (one - other).abs().max() > 1e-4


def test_an_end_of_text_that_is_called_unknown(tmp_path, fasta):
    # GPT-2's tokenizer has one special token for begin, end and unknown, which may wrap a text.
    folder = causal_folder(tmp_path / "gpt", rendering=CAUSAL_RENDERING, kind="gpt2")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.eos_token = tokenizer.unk_token = "</frag>"
    tokenizer.save_pretrained(folder)
    assert load(folder, fasta).encode(FRAGMENTS.take(np.arange(2))).shape == (2, 32)


@pytest.mark.parametrize("config", [RobertaConfig, BertConfig, GPT2Config])
def test_positions_are_those_that_the_model_runs_with(config):
    # RoBERTa numbers positions from behind the padding's: 66 in its table, 64 to use. The model itself tells.
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = AutoModel.from_config(config(vocab_size=9, max_position_embeddings=66, pad_token_id=1, **shape))
    reach = positions_of(model.eval())
    assert reach == (64 if config is RobertaConfig else 66)
    assert model(input_ids=torch.full((1, reach), 5)).last_hidden_state.shape[1] == reach
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, reach + 1), 5))
