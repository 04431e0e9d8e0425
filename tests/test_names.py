import numpy as np
import pytest
from scipy.sparse import csr_array

from indexer.catalogue.listens import Aggregate, Listens
from indexer.featuring import index_listens
from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import Condition
from service import names as module
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
    return store


def number_of(store, product_id):
    return store.get([product_id])[product_id]["shelf"]


def test_every_cluster_gets_a_name_from_its_titles(shelved):
    listed = named_clusters(shelved, "shelf")
    assert sorted(row["name"] for row in listed) == ["Clear Phone Case Cover", "Slim Nova Phone", "Warm Desk Lamp"]
    assert {row["size"] for row in listed} == {12}
    lamp = number_of(shelved, "lamp0")
    assert names_of(shelved, "shelf", [lamp, 77]) == {lamp: "Warm Desk Lamp"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_given_by_hand_follows_its_products_when_clusters_are_found_anew_by_another_method(shelved, kind):
    number = number_of(shelved, f"{kind}0")
    rename(shelved, "shelf", number, "  By hand ")
    name_clusters(shelved, "shelf")
    cluster_by(shelved, "shelf", MethodOptions("agglomerative", 3, settings={"k": 5}))
    assert len(named_clusters(shelved, "shelf")) == 5
    (edited,) = [row["cluster"] for row in named_clusters(shelved, "shelf") if row["edited"]]
    assert edited == number
    assert names_of(shelved, "shelf", [number]) == {number: "By hand"}
    found = products(shelved, where=[Condition("shelf", "=", (number,))], limit=None)
    assert {answer.hit.product_id for answer in found} <= {f"{kind}{n}" for n in range(12)}


def test_a_name_given_by_hand_dies_with_its_cluster_and_lands_on_no_other(shelved):
    for number in range(3):
        rename(shelved, "shelf", number, f"By hand {number}")
    cluster_by(shelved, "shelf", MethodOptions("kmeans", 0, settings={"k": 2}))
    left = {row["cluster"] for row in named_clusters(shelved, "shelf")}
    assert len(left & {0, 1, 2}) == 2
    cluster_by(shelved, "shelf", MethodOptions("kmeans", 0, settings={"k": 6}))
    assert {row["cluster"] for row in named_clusters(shelved, "shelf") if row["edited"]} == left


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


def test_listeners_are_named_by_what_they_play_more_than_others(store, embedder):
    ids = [f"U{n}" for n in range(8)]
    index_products([Product(each) for each in ids], store, embedder, name_by_id=True)
    counts = np.array([[9, 7, 0, 0], [8, 9, 0, 0], [5, 9, 0, 0], [9, 9, 0, 1], *[[0, 0, 6, 9]] * 4])
    listens = Listens([Product(each) for each in ids], ["Blur", "Muse", "Davis", "Monk"], csr_array(counts), [], 8)
    index_listens(store, listens, Aggregate("artist", "plays"), seed=0)
    cluster_by(store, "taste", MethodOptions("kmeans", 0, on="features", settings={"k": 2}))
    names = {row["cluster"]: row["name"] for row in named_clusters(store, "taste")}
    products = store.get(["U0", "U7"])
    assert [names[products[each]["taste"]] for each in ("U0", "U7")] == ["Muse, Blur", "Davis, Monk"]


def test_titles_name_clusters_of_listens_before_who_listens(store, embedder):
    ids = [f"S{n}" for n in range(16)]
    songs = [Product(each, title=f"{'blue jazz' if n < 8 else 'heavy metal'} song") for n, each in enumerate(ids)]
    index_products(songs, store, embedder)
    counts = csr_array(np.array([[9, 7, 0]] * 8 + [[0, 3, 8]] * 8))
    listens = Listens([Product(each) for each in ids], ["u1", "u2", "u3"], counts, [], 16)
    index_listens(store, listens, Aggregate("user", "plays"), seed=0)
    cluster_by(store, "taste", MethodOptions("kmeans", 0, on="features", settings={"k": 2}))
    assert {row["name"] for row in named_clusters(store, "taste")} == {"Blue Jazz Song", "Heavy Metal Song"}


def test_a_cluster_of_all_listeners_is_called_nothing(store, embedder):
    ids = [f"U{n}" for n in range(9)]
    index_products([Product(each) for each in ids], store, embedder, name_by_id=True)
    counts = csr_array(np.array([[9, 7, n + 1] for n in range(9)]))
    index_listens(
        store, Listens([Product(i) for i in ids], ["a", "b", "c"], counts, [], 9), Aggregate("x", "n"), seed=0
    )
    cluster_by(store, "taste", MethodOptions("kmeans", 0, on="features", settings={"k": 1}))
    assert [row["name"] for row in named_clusters(store, "taste")] in ([""], ["U0"])


def test_names_found_in_either_way_differ_also_where_they_are_cut_short(store, embedder, monkeypatch):
    found = {0: "lamp", 1: "lamp of a very long name" + 9 * " indeed" + " one"}
    monkeypatch.setattr(module, "found_names", lambda products, labels, parents: dict(found))
    monkeypatch.setattr(module, "standing_out", lambda fields, labels, clusters: {2: "lamp", 3: found[1][:-3] + "two"})
    monkeypatch.setattr(module, "_LONGEST", 40)
    index_products([Product(f"P{n}", title=f"item {n % 4}") for n in range(16)], store, embedder)
    cluster_by(store, "shelf", MethodOptions("kmeans", 0, settings={"k": 4}))
    name_clusters(store, "shelf")
    names = names_of(store, "shelf", range(4))
    assert names == {0: "lamp", 1: found[1][:40], 2: "lamp 2", 3: found[1][:38].rstrip() + " 2"}


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


def test_no_cluster_found_anew_is_called_what_a_person_called_its_sibling(shelved):
    lamp, phone = number_of(shelved, "lamp0"), number_of(shelved, "phone0")
    rename(shelved, "shelf", lamp, "Slim Nova Phone")
    name_clusters(shelved, "shelf")
    assert names_of(shelved, "shelf", [lamp, phone]) == {lamp: "Slim Nova Phone", phone: "Slim Nova Phone 2"}
    rename(shelved, "shelf", lamp, "")
    assert names_of(shelved, "shelf", [lamp]) == {lamp: "Warm Desk Lamp"}
