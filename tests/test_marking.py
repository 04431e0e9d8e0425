import pytest

from indexer.indexing import index_products
from indexer.products import Product
from service import marking
from service.methods import MethodOptions, cluster_by
from service.names import named_clusters, rename
from service.predicting import predict

WORDS = {"phone": "slim nova phone", "lamp": "warm desk lamp"}


@pytest.fixture
def shelved(store, embedder):
    """A store with a label that has a model, memberships, names and an edited name."""
    products = [Product(f"{kind}{n}", title=f"{words} item{n}") for n in range(8) for kind, words in WORDS.items()]
    index_products(products, store, embedder)
    cluster_by(store, "shelf", MethodOptions("gmm", 0, settings={"k": 2}))
    rename(store, "shelf", 1, "By hand")
    return store


def test_of_a_label_that_is_forgotten_nothing_is_left(shelved):
    assert shelved.has_memberships("shelf")
    marking.forget(shelved, "shelf")
    assert shelved.label_names() == shelved.unfinished_labels() == ()
    assert not shelved.has_memberships("shelf")
    assert set(shelved.take(("shelf",)).columns["shelf"]) == {None}
    with pytest.raises(LookupError, match="there is no label 'shelf'"):
        predict(shelved, "shelf")


def test_a_label_made_again_after_it_was_forgotten_takes_over_no_name(shelved):
    marking.forget(shelved, "shelf")
    cluster_by(shelved, "shelf", MethodOptions("kmeans", 0, settings={"k": 3}))
    listed = named_clusters(shelved, "shelf")
    assert sorted(row["cluster"] for row in listed) == [0, 1, 2]
    assert not any(row["edited"] for row in listed)


def test_a_label_forgotten_halfway_stays_hidden_and_can_be_forgotten_again(shelved, monkeypatch):
    def breaking(*arguments, **options):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(shelved), "set_labels", breaking)
        with pytest.raises(OSError, match="the disk is full"):
            marking.forget(shelved, "shelf")
    assert shelved.readable_labels() == ()
    marking.forget(shelved, "shelf")
    assert shelved.label_names() == shelved.unfinished_labels() == ()


def test_a_label_that_was_never_there_is_forgotten_at_once(shelved):
    before = shelved.records.settings()
    marking.forget(shelved, "rack")
    assert shelved.records.settings() == before
