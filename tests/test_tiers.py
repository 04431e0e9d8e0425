import json
import os
import shutil
import time

import numpy as np
import pytest

from indexer.embedders.cache import cache_folder, kept, model_key
from indexer.embedders.exported import batches
from indexer.embedders.loss import Loss, measure_loss
from indexer.embedders.text import ModelUnavailable, TextEmbedder
from indexer.embedders.tiers import settled_name, split_speed, with_speed

WORDS = [
    "clear",
    "black",
    "red",
    "case",
    "cover",
    "for",
    "the",
    "phone",
    "nova",
    "sable",
    "x2",
    "x3",
    "usb",
    "c",
    "charger",
]
WORDS += ["cable", "20", "w", "64", "128", "gb", "lamp", "desk"]
TEXTS = [f"{one} {two} {three}" for one in WORDS for two in WORDS[:4] for three in WORDS[4:7] if one != two]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A sentence transformer of random weights, small enough to make on the spot."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import BertProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("checkpoint")
    vocabulary = {word: row for row, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    words = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    words.normalizer, words.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    words.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=5 + len(WORDS),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=32,
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"), max_seq_length=16)
    modules = [transformer, Pooling(64, pooling_mode="mean"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "model"))
    return folder / "model"


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path_factory.getbasetemp() / "assort-cache"))


@pytest.fixture(scope="module")
def original(checkpoint):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(checkpoint), device="cpu").encode(TEXTS, normalize_embeddings=True)


def embed(model, texts=TEXTS):
    said = []
    embedder = TextEmbedder(str(model), on_load=said.append)
    vectors = embedder.embed(texts)
    assert embedder.dim == vectors.shape[1]
    (line,) = said
    return vectors, line


def no_torch(monkeypatch):
    monkeypatch.setattr("indexer.embedders.choosing.load_model", lambda model: pytest.fail("PyTorch was asked"))


def test_the_accurate_tier_keeps_its_promise_and_says_what_it_measured(checkpoint, original):
    vectors, said = embed(checkpoint)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosine = np.einsum("ij,ij->i", vectors, original)
    assert cosine.mean() > 0.99
    assert said.startswith(
        f"{checkpoint} (local folder, 64 dimensions), accurate: int8 weights in OpenVINO, mean cosine 0.99"
    )
    assert said.endswith("of nearest neighbours the same (measured on 200 texts)")


def test_a_few_texts_need_no_torch_once_a_model_is_ready(checkpoint, original, monkeypatch):
    embed(checkpoint)
    no_torch(monkeypatch)
    vectors, said = embed(checkpoint, TEXTS[:3])
    assert np.einsum("ij,ij->i", vectors, original[:3]).min() > 0.98
    assert "(made ready before, 64 dimensions), accurate: int8 weights in OpenVINO" in said


def test_a_text_has_one_vector_however_it_is_batched_or_repeated(checkpoint):
    alone = np.concatenate([embed(checkpoint, [text])[0] for text in TEXTS[:5]])
    together, _ = embed(checkpoint, [*TEXTS[:5], "desk " * 40, *TEXTS[:5]])
    np.testing.assert_array_equal(together[:5], together[6:])
    np.testing.assert_allclose(np.einsum("ij,ij->i", together[:5], alone), 1, atol=2e-3)


def test_no_texts_give_no_vectors(checkpoint):
    embedder = TextEmbedder(str(checkpoint))
    embedder.embed(TEXTS[:2])
    assert embedder.embed([]).shape == (0, 64)


def test_an_engine_below_the_floor_gives_way_to_torch_with_a_word_why(checkpoint, original, monkeypatch):
    monkeypatch.setattr("indexer.embedders.choosing.measure_loss", lambda *vectors, same_space: Loss(200, 0.9, 0.5))
    vectors, said = embed(checkpoint)
    np.testing.assert_allclose(vectors, original, atol=1e-5)
    assert said == (
        f"{checkpoint} (local folder, 64 dimensions), accurate: PyTorch on cpu; not faster, for "
        "int8 weights in OpenVINO has mean cosine 0.9000, 50% of nearest neighbours the same (measured on 200 texts), "
        "less than 0.99; "
        "OpenVINO has mean cosine 0.9000, 50% of nearest neighbours the same (measured on 200 texts), less than 0.99"
    )


def test_without_openvino_the_accurate_tier_is_torch_and_names_the_package(checkpoint, original, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    vectors, said = embed(checkpoint)
    np.testing.assert_allclose(vectors, original, atol=1e-5)
    assert said.endswith(
        "not faster, for the package openvino is missing: pip install openvino makes this several times as fast"
    )


@pytest.mark.parametrize(
    ("name", "speed", "content"),
    [
        ("model.xml", "accurate", b"<net>"),
        ("model.bin", "accurate", None),
        ("facts.json", "accurate", b"{"),
        ("facts.json", "accurate", b"{}"),
        ("tokenizer.json", "accurate", b"{}"),
        ("loss-accurate.json", "accurate", b"[1]"),
        ("table.npy", "fast", b""),
        ("table.npy", "fast", bytes(9)),
        ("tokenizer.json", "fast", None),
        ("loss-fast.json", "fast", b"{"),
    ],
)
def test_what_is_damaged_in_the_cache_is_made_anew(checkpoint, monkeypatch, tmp_path, name, speed, content):
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path))
    before, _ = embed(f"{checkpoint}#{speed}")
    for file in [file for file in tmp_path.rglob(name) if speed == "accurate" or "model2vec" in str(file)]:
        file.unlink()
        if content is not None:
            file.write_bytes(content)
    after, said = embed(f"{checkpoint}#{speed}")
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert "int8 weights in OpenVINO, mean" in said or "distilled to one vector a token, " in said


def test_an_export_this_processor_cannot_run_gives_way_to_the_next_engine(checkpoint, original, monkeypatch, tmp_path):
    import openvino

    compiled = openvino.Core.compile_model

    def refuse_int8(core, graph, device, options):
        if any(place.get_element_type() == openvino.Type.i8 for node in graph.get_ops() for place in node.outputs()):
            raise RuntimeError("Check 'x' failed\nno such instruction")
        return compiled(core, graph, device, options)

    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path))
    monkeypatch.setattr(openvino.Core, "compile_model", refuse_int8)
    vectors, said = embed(checkpoint, TEXTS[:3])
    assert np.einsum("ij,ij->i", vectors, original[:3]).min() > 0.99
    assert "accurate: OpenVINO, mean cosine " in said


def test_the_verdict_of_a_few_texts_on_a_promise_is_not_kept(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path))
    embed(checkpoint, TEXTS[:3])
    assert list(tmp_path.rglob("loss-*")) == []
    embed(checkpoint)
    (verdict,) = tmp_path.rglob("*loss-*")
    assert json.loads(verdict.read_text())["texts"] == 200


def test_an_engine_refused_later_is_not_remembered_as_good(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path))
    embed(checkpoint)
    monkeypatch.setattr("indexer.embedders.choosing.measure_loss", lambda *vectors, same_space: Loss(200, 0.9, 0.5))
    embed(checkpoint)
    assert list(tmp_path.rglob("loss-*")) == []


def test_a_cache_in_which_nothing_can_be_noted_only_costs_the_next_measuring(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path))

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    embed(checkpoint, TEXTS[:3])
    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    assert "accurate: int8 weights in OpenVINO, mean cosine " in embed(checkpoint)[1]
    assert list(tmp_path.rglob("*loss-*")) == []


def test_a_cache_that_cannot_be_written_is_named_before_the_first_vector_too(checkpoint, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path / "file"))
    for ask in (lambda embedder: embedder.dim, lambda embedder: embedder.embed(TEXTS[:2])):
        with pytest.raises(ModelUnavailable) as error:
            ask(TextEmbedder(f"{checkpoint}#fast"))
        assert str(error.value) == (
            f"model '{checkpoint}' cannot be had at speed fast: the cache '{tmp_path / 'file'}' cannot be written "
            "(File exists): give ASSORT_CACHE a folder that you may write to, with some 100 MB of room; "
            "mend that, or index with --speed accurate into another --collection"
        )


def test_half_precision_keeps_the_promise_and_leaves_the_original_as_it_was(checkpoint, original, monkeypatch):
    from indexer.embedders.tiers import TIERS, Tier

    monkeypatch.setitem(TIERS, "accurate", Tier(("half",), on_gpu=("half",), floor=0.99))
    vectors, said = embed(checkpoint)
    assert vectors.dtype == np.float32
    assert np.einsum("ij,ij->i", vectors, original).min() > 0.99
    assert "accurate: float16, mean cosine " in said


@pytest.fixture
def heard():
    """What transformers says aloud."""
    import logging

    from transformers.utils.logging import add_handler, remove_handler

    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    add_handler(handler)
    yield said
    remove_handler(handler)


def test_what_transformers_warns_of_while_a_model_is_exported_is_not_heard(checkpoint, tmp_path, heard):
    from transformers.utils.logging import get_logger

    from indexer.embedders.exported import export
    from indexer.embedders.models import load_model

    model, _ = load_model(str(checkpoint))
    words = model[0].model.embeddings
    words.register_forward_pre_hook(lambda *given: get_logger("transformers.bert").warning("a detail"))
    export(model, tmp_path, int8=False)
    assert heard == []
    model.encode(["case"])
    assert heard == ["a detail"]


@pytest.mark.parametrize("missing", [False, True])
def test_weights_nobody_needs_are_no_news_but_weights_made_up_are(checkpoint, tmp_path, heard, missing):
    from safetensors.numpy import load_file, save_file

    from indexer.embedders.models import load_model

    folder = shutil.copytree(checkpoint, tmp_path / "model")
    (file,) = folder.rglob("model.safetensors")
    weights = load_file(file) | {"embeddings.of_old": np.zeros(3, dtype=np.float32)}
    if missing:
        weights.pop("embeddings.word_embeddings.weight")
    save_file(weights, file, {"format": "pt"})
    load_model(str(folder))
    assert [("LOAD REPORT" in said, "MISSING" in said) for said in heard] == [(True, True)] * missing


def test_a_model_with_a_prompt_of_its_own_stays_in_torch(checkpoint, tmp_path):
    prompted = shutil.copytree(checkpoint, tmp_path / "prompted")
    config = prompted / "config_sentence_transformers.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, "prompts": {"query": "lamp "}, "default_prompt_name": "query"}))
    _, said = embed(prompted)
    assert said.endswith("PyTorch on cpu; not faster, for it puts its prompt 'query' before every text")


def test_the_balanced_tier_reads_only_the_first_words(checkpoint, monkeypatch):
    from indexer.embedders.tiers import TIERS, Tier

    monkeypatch.setitem(TIERS, "balanced", Tier(("int8",), on_gpu=(), max_tokens=5))
    short, said = embed(f"{checkpoint}#balanced", ["clear case for the lamp", "clear case for"])
    np.testing.assert_allclose(short[0], short[1], atol=1e-6)
    assert "balanced: int8 weights in OpenVINO, mean cosine " in said


@pytest.mark.parametrize("half", [False, True])
def test_in_torch_the_balanced_tier_reads_only_the_first_words_too(checkpoint, monkeypatch, half):
    from indexer.embedders.models import load_model
    from indexer.embedders.tiers import TIERS, Tier

    model, _ = load_model(str(checkpoint))
    monkeypatch.setattr("indexer.embedders.choosing.load_model", lambda name: (model, "made here"))
    monkeypatch.setitem(TIERS, "balanced", Tier(("half",) if half else (), on_gpu=(), max_tokens=5))
    vectors, said = embed(f"{checkpoint}#balanced", ["clear case for the lamp", "clear case for"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=2e-3)
    assert ("float16" in said) == half
    assert model.max_seq_length == 16
    whole = model.encode(["clear case for the lamp", "clear case for"])
    assert whole[0] @ whole[1] < 0.99


def test_a_model_without_a_longest_text_is_left_alone_in_the_balanced_tier(checkpoint, tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    words = Tokenizer.from_file(str(next(checkpoint.rglob("tokenizer.json"))))
    SentenceTransformer(modules=[StaticEmbedding(words, embedding_dim=8)], device="cpu").save(str(tmp_path / "table"))
    vectors, said = embed(f"{tmp_path / 'table'}#balanced", ["red " * 40, "red"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert "balanced: PyTorch on cpu; not faster, for " in said


@pytest.mark.parametrize("seed", range(3))
def test_tables_of_two_teachers_who_differ_by_rounding_agree(checkpoint, tmp_path, seed):
    from indexer.embedders.models import load_model
    from indexer.embedders.static import StaticEngine, distil

    draw = np.random.default_rng(seed)
    taught = (
        draw.normal(size=(5 + len(WORDS), 64)) * np.geomspace(1, 0.1, 64) @ np.linalg.qr(draw.normal(size=(64, 64)))[0]
    )
    taught /= np.linalg.norm(taught, axis=1, keepdims=True)
    rounded = taught + draw.normal(size=taught.shape) * 0.005

    class Teacher:
        def __init__(self, vectors):
            self.vectors = vectors

        def embed_tokens(self, tokens):
            return self.vectors[[ids[1] for ids in tokens]]

    embedded = []
    for number, vectors in enumerate((taught, rounded)):
        (tmp_path / str(number)).mkdir()
        distil(load_model(str(checkpoint))[0], Teacher(vectors), tmp_path / str(number))
        embedded.append(StaticEngine(tmp_path / str(number)).embed(TEXTS))
    assert np.einsum("ij,ij->i", *embedded).min() > 0.98


def test_the_fast_tier_keeps_the_dimension_and_gives_the_same_vectors_again(checkpoint, monkeypatch):
    vectors, said = embed(f"{checkpoint}#fast")
    assert vectors.shape == (len(TEXTS), 64)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert "fast: distilled to one vector a token, " in said
    no_torch(monkeypatch)
    np.testing.assert_array_equal(embed(f"{checkpoint}#fast", TEXTS[:9])[0], vectors[:9])


def test_in_the_fast_tier_a_text_is_the_mean_of_its_words(checkpoint):
    vectors, _ = embed(f"{checkpoint}#fast", ["red phone", "phone red"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


def test_in_the_fast_tier_a_text_without_known_words_still_has_a_vector_of_length_one(checkpoint):
    vectors, _ = embed(f"{checkpoint}#fast", ["зонт"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_without_model2vec_the_fast_tier_names_the_package(checkpoint, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "model2vec", None)
    with pytest.raises(ModelUnavailable) as error:
        embed(f"{checkpoint}#fast")
    assert str(error.value) == (
        f"model '{checkpoint}' cannot be had at speed fast: the package model2vec is missing: pip install model2vec; "
        "mend that, or index with --speed accurate into another --collection"
    )


def test_a_name_carries_its_speed_and_plain_names_are_accurate():
    assert with_speed("a/b", "fast") == "a/b#fast"
    assert with_speed("a/b#fast", "accurate") == "a/b"
    assert with_speed("a/b#fast", None) == "a/b#fast"
    assert with_speed("a/b", None) == "a/b"
    assert split_speed("a/b#balanced") == ("a/b", "balanced")
    assert split_speed("folder#1") == ("folder#1", "accurate")


@pytest.mark.parametrize(
    ("model", "speed", "made_with", "meant"),
    [
        (None, None, "", "d"),
        (None, "fast", "", "d#fast"),
        (None, None, "m#fast", "m#fast"),
        ("m", None, "m#fast", "m#fast"),
        ("n", None, "m#fast", "n"),
        (None, "accurate", "m#fast", "m"),
        ("m#fast", None, "m", "m#fast"),
    ],
)
def test_a_collection_goes_on_with_what_it_was_made_with(model, speed, made_with, meant):
    assert settled_name(model, speed, made_with, "d") == meant


@pytest.mark.parametrize("seed", range(3))
def test_batches_hold_every_row_once_and_no_more_tokens_than_allowed(seed):
    lengths = np.random.default_rng(seed).integers(1, 300, size=200).tolist()
    cut = list(batches([*lengths, 5000]))
    assert sorted(row for rows in cut for row in rows) == list(range(201))
    assert cut[0] == [200]
    assert all(len(rows) * max(lengths[row] for row in rows) <= 2048 for rows in cut[1:])


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_agrees_with_counting_by_hand(seed):
    draw = np.random.default_rng(seed)
    one = draw.normal(size=(30, 8)).astype(np.float32)
    other = one + draw.normal(size=(30, 8)).astype(np.float32)
    one, other = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (one, other))
    shared = 0
    for row in range(30):
        nearest = [
            set(sorted((x for x in range(30) if x != row), key=lambda x: -float(vectors[row] @ vectors[x]))[:10])
            for vectors in (one, other)
        ]
        shared += len(nearest[0] & nearest[1])
    loss = measure_loss(one, other, same_space=True)
    assert loss.overlap == pytest.approx(shared / 300)
    assert loss.cosine == pytest.approx(float(np.mean([a @ b for a, b in zip(one, other, strict=True)])), abs=1e-6)
    assert measure_loss(one, other, same_space=False).cosine is None


def test_the_loss_of_one_text_knows_no_neighbours():
    vectors = np.ones((1, 1), dtype=np.float32)
    assert str(measure_loss(vectors, vectors, same_space=True)) == "mean cosine 1.0000 (measured on 1 text)"


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("ASSORT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "assort"


def test_other_weights_under_the_same_name_have_another_key(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"1")
    before = model_key("a/b", tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert before.startswith("a-b-")
    assert model_key("a/b", tmp_path) != before


def test_what_was_half_made_is_thrown_away_and_made_again(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path))

    def broken(folder):
        (folder / "half").write_text("")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        kept("key", broken)
    assert list(tmp_path.iterdir()) == []
    assert [file.name for file in kept("key", lambda folder: (folder / "whole").touch()).iterdir()] == ["whole"]
    assert [file.name for file in kept("key", broken).iterdir()] == ["whole"]


def test_what_a_killed_process_left_half_made_is_swept_after_a_day(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path))
    for name in (".making-old", ".making-new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").touch()
    os.utime(tmp_path / ".making-old", (0, time.time() - 25 * 3600))
    kept("key", lambda folder: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".making-new", "key"]


def test_of_two_processes_that_make_the_same_the_first_wins(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSORT_CACHE", str(tmp_path))

    def overtaken(folder):
        (tmp_path / "key").mkdir()
        (tmp_path / "key" / "theirs").touch()
        (folder / "ours").touch()

    assert [file.name for file in kept("key", overtaken).iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def assort(*arguments):
    from click.testing import CliRunner

    from service.cli import main

    return CliRunner().invoke(main, arguments)


def test_a_collection_remembers_its_tier_for_indexing_and_searching(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("ASSORT_STORE", str(tmp_path / "store"))
    file = tmp_path / "shop.csv"
    file.write_text("product_id,title\nA,red phone\nB,desk lamp\n")
    assert assort("index", str(file), "--text-model", str(checkpoint), "--speed", "fast").exit_code == 0
    again = assort("index", str(file))
    assert "0 embedded, 0 updated without embedding, 2 unchanged" in again.stdout
    refused = assort("index", str(file), "--speed", "accurate")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == (
        f"Error: collection 'products' was made with text model '{checkpoint}#fast', got '{checkpoint}': leave "
        "--speed and ASSORT_SPEED away, or use --speed fast, or index into another --collection; vectors of two kinds "
        "cannot be compared"
    )
    other = assort("index", str(file), "--text-model", "who/what")
    assert f", got 'who/what': use --text-model {checkpoint}#fast, or index into" in other.stderr
    no_torch(monkeypatch)
    found = assort("search", "phone red", "--json", "--limit", "1")
    assert [hit["product_id"] for hit in json.loads(found.stdout)] == ["A"]
