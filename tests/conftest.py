import hashlib
import os
import uuid
from pathlib import Path

import numpy as np
import pytest

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
