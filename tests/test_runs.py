from dataclasses import replace

import pytest

from indexer.indexing import index_products
from service.runs import KINDS, ClusterOptions, cluster

LABELS = ("identity_cell", "identity", "similarity", "complementary")
OPTIONS = ClusterOptions(seed=0)


@pytest.fixture
def linked(store, shop, embedder):
    """A store of products of which some are linked."""
    links = {"P1": ("C1",), "P2": ("C1", "C2"), "P3": ("C2",)}
    products = [replace(product, also_buy=links.get(product.product_id, ())) for product in shop]
    index_products(products, store, embedder)
    return store


def breaking(*args):
    raise OSError("the disk is full")


def test_a_first_run_writes_labels_and_complements_together(linked, monkeypatch):
    for name in ("set_labels", "set_complements"):
        monkeypatch.setattr(type(linked), name, breaking)
    cluster(linked, KINDS, OPTIONS)
    assert linked.label_names() == LABELS
    assert linked.unfinished_labels() == ()
    assert all({*LABELS, "complements"} <= set(payload) for payload in linked.get(["P1", "C2"]).values())


def test_a_first_run_cut_short_while_it_writes_leaves_every_label_unfinished(linked, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(linked), "set_first_results", breaking)
        with pytest.raises(OSError, match="the disk is full"):
            cluster(linked, KINDS, OPTIONS)
    assert linked.unfinished_labels() == LABELS
    cluster(linked, KINDS, OPTIONS)
    assert linked.unfinished_labels() == ()


def test_a_later_run_hides_only_what_it_has_not_written_yet(linked, monkeypatch):
    cluster(linked, KINDS, OPTIONS)
    with monkeypatch.context() as patch:
        patch.setattr(type(linked), "set_complements", breaking)
        with pytest.raises(OSError, match="the disk is full"):
            cluster(linked, KINDS, OPTIONS)
    assert linked.unfinished_labels() == ("complementary",)
    assert linked.readable_labels() == LABELS[:3]
