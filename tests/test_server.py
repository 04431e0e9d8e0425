import grpc
import httpx
import pytest
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from indexer.store import ServerFailed
from indexer.store.server import ServerEngine, connect


class Flaky:
    """A client whose count fails a number of times before it answers."""

    def __init__(self, failures, error):
        self.failures, self.error, self.calls = failures, error, 0

    def count(self, *_, **__):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return type("Counted", (), {"count": 7})()


def response(status):
    return UnexpectedResponse(status, "reason", b"", httpx.Headers())


class Unavailable(grpc.RpcError):
    def code(self):
        return grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def waits(monkeypatch):
    waited = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    "error",
    [
        response(503),
        response(429),
        ResourceExhaustedResponse("slow down", 1),
        Unavailable(),
        ResponseHandlingException(OSError("reset")),
    ],
)
def test_a_request_that_fails_for_a_passing_reason_is_tried_again_with_longer_waits(waits, error):
    client = Flaky(3, error)
    assert ServerEngine(client, "products").count() == 7
    assert client.calls == 4
    assert len(waits) == 3
    assert all(0 <= wait <= 10 for wait in waits)


def test_the_fifth_failure_is_final(waits):
    client = Flaky(99, response(503))
    with pytest.raises(ServerFailed, match=r"failed at count \(.*503.*\): look at its log"):
        ServerEngine(client, "products").count()
    assert client.calls == 5


def test_a_request_that_is_wrong_is_not_tried_again(waits):
    client = Flaky(99, response(400))
    with pytest.raises(ServerFailed, match="400"):
        ServerEngine(client, "products").count()
    assert client.calls == 1


def test_the_vector_index_is_off_while_loading_and_on_after(monkeypatch):
    settings = []
    client = QdrantClient(":memory:")
    create, update = client.create_collection, client.update_collection
    monkeypatch.setattr(
        client,
        "create_collection",
        lambda *a, **k: settings.append(k["optimizers_config"].indexing_threshold) or create(*a, **k),
    )
    monkeypatch.setattr(
        client,
        "update_collection",
        lambda *a, **k: settings.append(k["optimizers_config"].indexing_threshold) or update(*a, **k),
    )
    engine = ServerEngine(client, "products")
    engine.create({"text": 4}, ["terms"])
    engine.build_index()
    assert settings == [0, 10_000]


@pytest.mark.parametrize(
    ("url", "port"), [("http://127.0.0.1:6333", 6334), ("http://127.0.0.1:7333", 7334), ("http://127.0.0.1", 6334)]
)
def test_grpc_is_sought_one_port_above_the_urls(monkeypatch, url, port):
    asked = []

    class Client:
        def __init__(self, **options):
            asked.append(options)

        def get_collections(self):
            return []

    monkeypatch.setattr("indexer.store.server.QdrantClient", Client)
    connect(url)
    assert [(options["grpc_port"], options["prefer_grpc"]) for options in asked] == [(port, True)]
