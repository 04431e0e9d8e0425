import numpy as np
import pandas as pd
import pytest

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import Condition
from service import lookup, marking
from service.export import export
from service.lookup import clusters, show

IDS = ["P1", "P2", "P3", "C1", "C2"]


def write(store, label, numbers, names=(), sure=None, *, whole=True):
    """Write a label as a run would; one cut short does not finish it."""
    marking.begin(store, [label])
    values = {label: np.array(numbers)}
    memberships = None if sure is None else {label: np.array(sure, np.float32)}
    store.set_labels(IDS, values, {label: np.full(len(IDS), -2)}, memberships=memberships)
    store.records.names(label).save(dict(names))
    if whole:
        marking.finish(store, [label], f"run of {label}")


@pytest.fixture
def labelled(filled):
    write(filled, "similarity", [0, 0, 0, 1, 1], {0: "Phones", 1: "Cases"})
    write(filled, "identity_cell", [0, 0, 0, 1, 1])
    write(filled, "shelf", [4, 4, -1, -2, 7], {4: "Nova"}, [0.5, 1, 0, np.nan, 0.25])
    write(filled, "taxonomy_1", [0, 0, 0, 0, 0])
    return filled


def test_all_labels_are_exported_with_their_names_and_memberships(labelled, tmp_path):
    assert export(labelled, tmp_path / "all.parquet") == 5
    table = pd.read_parquet(tmp_path / "all.parquet").set_index("product_id").loc[IDS]
    assert list(table.columns) == [
        "title", "brand", "categories", "price", "image_url", "identity_cluster", "similarity_cluster",
        "complementary_cluster", "similarity_name", "shelf", "shelf_name", "shelf_p", "taxonomy_1", "year", "tone",
    ]  # fmt: skip
    assert table["similarity_name"].tolist() == ["Phones"] * 3 + ["Cases"] * 2
    assert table["shelf"].fillna(-2).tolist() == [4, 4, -1, -2, 7]
    assert table["shelf_name"].tolist() == ["Nova", "Nova", "", "", ""]
    assert table["shelf_p"].fillna(-1).tolist() == [0.5, 1, 0, -1, 0.25]
    assert table["identity_cluster"].isna().all()


def test_a_column_of_a_label_that_is_called_like_another_one_says_that_it_is_a_labels(labelled, tmp_path):
    write(labelled, "similarity_cluster", [3, 3, 3, 3, 3])
    export(labelled, tmp_path / "all.csv")
    table = pd.read_csv(tmp_path / "all.csv")
    assert table["labels.similarity_cluster"].tolist() == [3] * 5
    assert sorted(table["similarity_cluster"]) == [0, 0, 0, 1, 1]


def test_labels_half_written_or_forgotten_are_not_shown(labelled):
    write(labelled, "rack", [1, 1, 1, 1, 1], {1: "Rack"}, [1, 1, 1, 1, 1], whole=False)
    labelled.set_labels(IDS, {"old": np.zeros(5, np.int64)}, {}, memberships={"old": np.ones(5, np.float32)})
    shown = show(labelled, "P1")
    assert {key: shown[key] for key in shown if not key.startswith(("product_id", "title", "brand"))} == {
        "categories": ["Phones"], "price": 199.0, "also_buy": ["C1"],
        "similarity": 0, "similarity_name": "Phones", "similarity_size": 3, "identity_cell": 0, "identity_cell_size": 3,
        "shelf": 4, "shelf_p": 0.5, "shelf_name": "Nova", "shelf_size": 2, "taxonomy_1": 0, "taxonomy_1_size": 5,
    }  # fmt: skip


@pytest.mark.parametrize("per_question", [0, 1_000_000], ids=["asked cluster by cluster", "read at once"])
@pytest.mark.parametrize("turn", range(4))
def test_the_example_of_a_cluster_is_from_its_middle(store, embedder, turn, per_question, monkeypatch):
    monkeypatch.setattr(lookup, "READ_PER_QUESTION", per_question)
    titles = ["bag", "red flip flops", "flip flops", "blue flip flops"]
    ids = IDS[:4]
    products = [Product(i, title=title) for i, title in zip(ids, titles[turn:] + titles[:turn], strict=True)]
    index_products(products, store, embedder)
    marking.begin(store, ["shelf"])
    store.set_labels(ids, {"shelf": np.zeros(4, np.int64)}, {})
    marking.finish(store, ["shelf"], "run")
    (listed,) = clusters(store, "shelf")
    assert (listed["example"], listed["size"]) == ("flip flops", 4)


@pytest.mark.parametrize("per_question", [0, 1_000_000])
def test_so_many_of_a_cluster_are_looked_at_and_no_more(filled, per_question, monkeypatch):
    monkeypatch.setattr(lookup, "READ_PER_QUESTION", per_question)
    monkeypatch.setattr(lookup, "EXAMPLES", 3)
    write(filled, "shelf", [0, 0, 0, 0, -2])
    seen = []
    chosen = lookup._most_central
    monkeypatch.setattr(lookup, "_most_central", lambda some: (seen.append(len(some)), chosen(some))[1])
    assert [(row["cluster"], row["size"]) for row in clusters(filled, "shelf")] == [(0, 4)]
    assert seen == [3]


@pytest.mark.parametrize("per_question", [0, 1_000_000])
def test_the_example_of_a_cluster_without_vectors_of_text_is_its_first_product(filled, per_question, monkeypatch):
    monkeypatch.setattr(lookup, "READ_PER_QUESTION", per_question)
    write(filled, "shelf", [0, 0, 1, 1, -1])
    filled.drop_vector("text")
    first = {cluster: filled.products([Condition("shelf", "=", (cluster,))], limit=1)[0] for cluster in (0, 1)}
    assert {row["cluster"]: row["product_id"] for row in clusters(filled, "shelf")} == {
        cluster: hit.product_id for cluster, hit in first.items()
    }
