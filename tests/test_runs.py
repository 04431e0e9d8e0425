from dataclasses import replace

import pytest

from indexer.indexing import index_products
from service.methods import MethodOptions, cluster_by
from service.names import named_clusters, names_of
from service.predicting import predict
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


@pytest.mark.parametrize("step", ["service.runs.complement_payloads", "service.names.found_names"])
def test_a_later_run_shows_no_label_before_its_clusters_have_their_names(linked, monkeypatch, step):
    cluster(linked, KINDS, OPTIONS)
    with monkeypatch.context() as patch:
        patch.setattr(step, breaking)
        with pytest.raises(OSError, match="the disk is full"):
            cluster(linked, KINDS, OPTIONS)
    assert linked.unfinished_labels() == LABELS
    assert linked.records.runs()[-1].state == "failed"


def test_the_clusters_have_names_and_the_cells_of_k_means_none(linked):
    cluster(linked, KINDS, OPTIONS)
    found = {label: [row["name"] for row in named_clusters(linked, label)] for label in LABELS}
    assert not any(found.pop("identity_cell"))
    assert all(all(names) for names in found.values())


def test_a_kind_made_by_a_method_leaves_no_model_and_no_memberships_when_it_is_made_anew(linked):
    cluster_by(linked, "similarity", MethodOptions("gmm", 0, settings={"k": 2, "covariance": "spherical"}))
    assert linked.has_memberships("similarity")
    cluster(linked, ["similarity"], OPTIONS)
    assert not linked.has_memberships("similarity")
    with pytest.raises(LookupError, match="label .similarity. takes up new products when `assort cluster all` runs"):
        predict(linked, "similarity", everything=True)


def test_a_run_may_leave_names_for_later(linked):
    cluster(linked, ["similarity"], replace(OPTIONS, names=False))
    assert linked.readable_labels() == ("similarity",)
    assert names_of(linked, "similarity", [0]) == {}
    cluster(linked, ["similarity"], OPTIONS)
    assert names_of(linked, "similarity", [0]) != {}
