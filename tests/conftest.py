import hashlib
import os
import uuid
from pathlib import Path

import numpy as np
import pytest

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import ProductStore, Records, open_store

SHARED = Path(__file__).parents[2] / "shared" / "data"


class WordEmbedder:
    """Stands in for a model: a text is the sum of one fixed random vector a word, so shared words mean nearness."""

    def __init__(self, name="words", dim=32):
        self.name, self.dim = name, dim
        self.embedded = []

    def embed(self, texts):
        self.embedded.extend(texts)
        rows = np.stack([sum(self._word(word) for word in text.lower().split()) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def _word(self, word):
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        return np.random.default_rng(seed).normal(size=self.dim)


def _client_store(client, collection):
    from indexer.store.server import ServerEngine

    products, records = ServerEngine(client, collection), ServerEngine(client, f"{collection}.runs")
    return ProductStore(products, Records(records), collection)


@pytest.fixture(params=["edge", "client", "server"])
def store(request, tmp_path):
    """The same store on each engine; a server only where QDRANT_URL names one."""
    if request.param == "edge":
        with open_store(str(tmp_path / "store"), create=True) as opened:
            yield opened
        return
    from qdrant_client import QdrantClient

    if request.param == "client":
        client = QdrantClient(":memory:")
    elif os.environ.get("QDRANT_URL"):
        client = QdrantClient(url=os.environ["QDRANT_URL"], prefer_grpc=True)
    else:
        pytest.skip("QDRANT_URL names no server")
    collection = f"test-{uuid.uuid4().hex[:8]}"
    with _client_store(client, collection) as opened:
        yield opened
        client.delete_collection(collection)
        client.delete_collection(f"{collection}.runs")


@pytest.fixture
def embedder():
    return WordEmbedder()


@pytest.fixture
def shop():
    """Five products of a tiny shop, two of them offers of one phone."""
    return [
        Product(
            "P1", title="nova x2 phone 64gb black", brand="Nova", price=199.0, categories=("Phones",), also_buy=("C1",)
        ),
        Product("P2", title="nova x2 phone 64gb black new", brand="Nova", price=205.5, categories=("Phones",)),
        Product("P3", title="nova x2 phone 128gb black", brand="Nova", price=249.0, categories=("Phones",)),
        Product(
            "C1", title="clear case for nova x2", brand="Shell", price=9.99, categories=("Cases",), also_buy=("P1",)
        ),
        Product(
            "C2",
            title="leather case for nova x2",
            brand="Hide, Co",
            categories=("Cases",),
            fields={"year": 2019.0, "tone": "warm"},
        ),
    ]


@pytest.fixture
def filled(store, shop, embedder):
    index_products(shop, store, embedder)
    return store


SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
EYES = {**SMALL, "image_size": 32, "patch_size": 8}
LETTERS = [*"abcdefghijklmnopqrstuvwxyz", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]


def clip(folder):
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    pieces = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    ids = {piece: row for row, piece in enumerate(pieces)}
    words = {**SMALL, "max_position_embeddings": 12, "vocab_size": len(ids), "eos_token_id": ids["<|endoftext|>"]}
    CLIPModel(CLIPConfig(text_config=words, vision_config=EYES, projection_dim=24)).save_pretrained(folder)
    CLIPTokenizer(vocab=ids, merges=[]).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32).save_pretrained(folder)


def siglip(folder):
    """SigLIP 2 of one resolution comes with a tokenizer that leaves capitals as they are."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipImageProcessorPil, SiglipModel

    ids = {word: row for row, word in enumerate(["<pad>", "</s>", "<unk>", "a", "red", "blue", "shoe", "bag", "ring"])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", ids["</s>"])])
    words = {**SMALL, "max_position_embeddings": 8, "vocab_size": len(ids)}
    SiglipModel(SiglipConfig(text_config=words, vision_config=EYES)).save_pretrained(folder)
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "model_input_names": ["input_ids"]}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


def siglip2(folder):
    """Saved whole, as transformers 5 does, its image processor stands in processor_config.json."""
    from transformers import Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model, Siglip2Processor, Siglip2Tokenizer

    ids = {piece: row for row, piece in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *LETTERS])}
    eyes = {**SMALL, "patch_size": 8, "num_patches": 16}
    words = {**SMALL, "max_position_embeddings": 8, "vocab_size": len(ids)}
    Siglip2Model(Siglip2Config(text_config=words, vision_config=eyes)).save_pretrained(folder)
    tokenizer = Siglip2Tokenizer(vocab=ids, merges=[], padding_side="right", model_input_names=["input_ids"])
    Siglip2Processor(Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16), tokenizer).save_pretrained(folder)


def dinov2(folder):
    from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

    Dinov2Model(Dinov2Config(**EYES)).save_pretrained(folder)
    BitImageProcessorPil(size={"shortest_edge": 36}, crop_size=32).save_pretrained(folder)


def dinov2_with_registers(folder):
    from transformers import BitImageProcessorPil, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**EYES)).save_pretrained(folder)
    BitImageProcessorPil(size={"shortest_edge": 36}, crop_size=32).save_pretrained(folder)


def vit(folder):
    """A checkpoint made for classification: it has a head, but no pooler."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

    ViTForImageClassification(ViTConfig(**EYES)).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """A tiny checkpoint with random weights of each architecture, as its makers would publish it."""
    import torch
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    folders = {}
    for make in (clip, siglip, siglip2, dinov2, dinov2_with_registers, vit):
        torch.manual_seed(7)
        folders[make.__name__] = tmp_path_factory.mktemp(make.__name__)
        make(folders[make.__name__])
    return folders


@pytest.fixture(scope="session")
def tiny_sam(tmp_path_factory):
    """A Segment Anything of the real architecture with random weights."""
    import torch
    from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_attention_heads": 2, "mlp_dim": 16}
    config = SamConfig(
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "mlp_dim": 32,
            "num_pos_feats": 8,
            "image_size": 64,
            "patch_size": 8,
            "output_channels": 16,
            "window_size": 4,
            "global_attn_indexes": [1],
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={**small, "num_hidden_layers": 1, "iou_head_hidden_dim": 16},
    )
    folder = tmp_path_factory.mktemp("sam")
    SamModel(config).save_pretrained(folder)
    sizes = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    masks = {"mask_size": {"longest_edge": 16}, "mask_pad_size": {"height": 16, "width": 16}}
    SamProcessor(SamImageProcessor(**sizes, **masks)).save_pretrained(folder)
    return str(folder)
