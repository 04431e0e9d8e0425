import pytest

from indexer.indexing import index_products
from indexer.products import Product
from service.lookup import clusters, named, products, show, similar
from service.methods import MethodOptions, cluster_by
from service.names import name_clusters, named_clusters, names_of, rename

KINDS = {"phone": "slim nova phone", "case": "clear phone case cover", "lamp": "warm desk lamp"}


@pytest.fixture
def shelved(store, embedder):
    index_products(
        [Product(f"{kind}{n}", title=f"{words} item{kind}{n}") for n in range(12) for kind, words in KINDS.items()],
        store,
        embedder,
    )
    cluster_by(store, "shelf", MethodOptions("kmeans", 0, settings={"k": 3}))
    name_clusters(store, "shelf")
    return store


def number_of(store, product_id):
    return store.get([product_id])[product_id]["shelf"]


def test_every_cluster_gets_a_name_from_its_titles(shelved):
    listed = named_clusters(shelved, "shelf")
    assert sorted(row["name"] for row in listed) == ["Clear Phone Case Cover", "Slim Nova Phone", "Warm Desk Lamp"]
    assert {row["size"] for row in listed} == {12}
    lamp = number_of(shelved, "lamp0")
    assert names_of(shelved, "shelf", [lamp, 77]) == {lamp: "Warm Desk Lamp"}


def test_a_name_given_by_hand_stays_when_clusters_are_found_and_named_again(shelved):
    lamp = number_of(shelved, "lamp0")
    rename(shelved, "shelf", lamp, "  Lamps for desks ")
    name_clusters(shelved, "shelf")
    cluster_by(shelved, "shelf", MethodOptions("kmeans", 0, settings={"k": 3}))
    name_clusters(shelved, "shelf")
    assert number_of(shelved, "lamp0") == lamp
    assert names_of(shelved, "shelf", [lamp]) == {lamp: "Lamps for desks"}
    assert [row["cluster"] for row in named_clusters(shelved, "shelf") if row["edited"]] == [lamp]


def test_an_empty_name_takes_back_what_was_given_by_hand(shelved):
    lamp = number_of(shelved, "lamp0")
    rename(shelved, "shelf", lamp, "Lamps")
    rename(shelved, "shelf", lamp, "")
    assert names_of(shelved, "shelf", [lamp]) == {lamp: "Warm Desk Lamp"}


def test_what_cannot_be_named_is_said(shelved):
    with pytest.raises(LookupError) as refused:
        rename(shelved, "shelf", 99, "Nothing")
    assert str(refused.value) == "label 'shelf' has no cluster 99: `assort labels shelf` lists them"
    with pytest.raises(LookupError, match="there is no label 'shelve': there are shelf"):
        name_clusters(shelved, "shelve")
    with pytest.raises(ValueError) as wrong:
        rename(shelved, "shelf", number_of(shelved, "lamp0"), "x" * 121)
    assert str(wrong.value) == f"a name is one line of at most 120 characters, got 121: '{'x' * 40}' ..."


def test_products_without_titles_are_named_by_what_sets_them_apart(store, embedder):
    products = [
        Product(f"{genre}{n}", brand=genre, fields={"genre": genre, "energy": energy + n / 100})
        for genre, energy in (("jazz", 0.1), ("metal", 0.9))
        for n in range(12)
    ]
    index_products(products, store, embedder)
    cluster_by(store, "genre_cluster", MethodOptions("kmeans", 0, settings={"k": 2}))
    name_clusters(store, "genre_cluster")
    names = {row["name"] for row in named_clusters(store, "genre_cluster")}
    assert names == {"jazz, low energy", "metal, high energy"}


def test_names_stand_wherever_a_cluster_is_shown(shelved):
    lamp = number_of(shelved, "lamp0")
    assert show(shelved, "lamp0")["shelf_name"] == "Warm Desk Lamp"
    assert {row["cluster"]: row["name"] for row in clusters(shelved, "shelf")}[lamp] == "Warm Desk Lamp"
    (answer, *_) = named(shelved, similar(shelved, ["lamp0"], limit=3))["lamp0"]
    assert answer.as_dict()["cluster_names"] == {"shelf": "Warm Desk Lamp"}


def test_labels_without_names_are_shown_as_they_were(store, shop, embedder):
    index_products(shop, store, embedder)
    cluster_by(store, "plain", MethodOptions("kmeans", 0, settings={"k": 2}))
    store.records.names("plain").save({})
    assert all(set(row) == {"cluster", "size", "example", "product_id"} for row in clusters(store, "plain"))
    (answers,) = named(store, {"": products(store, limit=2)}).values()
    assert all("cluster_names" not in answer.as_dict() for answer in answers)
    assert "plain_name" not in show(store, "P1")
