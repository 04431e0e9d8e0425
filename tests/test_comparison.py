import numpy as np
import pytest

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import open_store
from service.comparison import Compared, Comparison, Contender, compare, contenders, write_comparison
from service.measuring import Measured, measured, peak_bytes

TONES = ("warm", "cold", "grey")


class Placed:
    """Stands in for a model: the text `t7` lies where row 7 does."""

    name = "placed"

    def __init__(self, rows):
        self.rows, self.dim = rows, rows.shape[1]

    def embed(self, texts):
        return np.stack([self.rows[int(text.split()[0][1:])] for text in texts])


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A store of 60 products around three places, through two methods that can and one that refuses."""
    rows = np.eye(3, 8)[np.arange(60) % 3] + np.random.default_rng(0).normal(scale=0.05, size=(60, 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    products = [Product(f"P{row}", title=f"t{row}", brand=TONES[row % 3]) for row in range(60)]
    who = contenders(
        ["tree=agglomerative", "leiden", "many=agglomerative"],
        {"k": "3", "leiden.neighbours": "5", "many.k": "61"},
        "2",
    )
    said = []
    with open_store(str(tmp_path_factory.mktemp("three") / "store"), create=True) as store:
        index_products(products, store, Placed(rows))
        runs = len(store.records.runs())
        found = compare(store, who, on="text", seed=0, truth="brand", say=said.append)
        assert (store.label_names(), len(store.records.runs())) == ((), runs)  # nothing was written
    return found, said


def test_each_method_is_a_row_in_the_order_asked(compared):
    table = compared[0].as_dicts()
    assert [(row["name"], row["method"], row["clusters"]) for row in table] == [
        ("tree", "agglomerative", 3),
        ("leiden", "leiden", 3),
        ("many", "agglomerative", None),
    ]
    assert [row["settings"] for row in table] == [{"k": 3}, {"neighbours": 5}, {"k": 61}]
    assert len({tuple(row) for row in table}) == 1


def test_methods_are_graded_by_themselves_and_against_the_truth(compared):
    for row in compared[0].as_dicts()[:2]:
        assert (row["noise"], row["ari"], row["v_measure"], row["failed"]) == (0, 1.0, 1.0, None)
        assert row["silhouette"] > 0.8
        assert row["seconds"] > 0
        assert row["memory_mb"] > 20


def test_a_method_that_refuses_is_a_row_with_its_reason(compared):
    row = compared[0].as_dicts()[2]
    assert row["failed"] == "k must be between 1 and 60 for 60 vectors, got 61"
    assert {row[name] for name in ("seconds", "memory_mb", "clusters", "largest", "noise", "silhouette", "ari")} == {
        None
    }


def test_what_happens_is_said(compared):
    said = compared[1]
    assert said[0] == "3 methods on the text of 60 products; nothing is written to the store"
    assert said[1].startswith("tree: ")
    assert said[3] == "many: failed, k must be between 1 and 60 for 60 vectors, got 61"


def test_a_page_shows_the_table_and_a_map_of_each_that_worked(compared, tmp_path):
    rows = [
        Compared(row.contender, Measured(labels if labels is None else labels[:10], 1.0, 100.0, row.measured.reason))
        for row in compared[0].rows
        for labels in (row.measured.labels,)
    ]
    found = Comparison(rows, compared[0].vectors[:10], None)
    written = write_comparison(found, tmp_path, seed=0, title="Compared")
    assert [path.name for path in written] == ["compare.html", "map_tree.png", "map_leiden.png"]
    page = written[0].read_text(encoding="utf-8")
    assert page.count("<figure>") == 2
    assert "k must be between 1 and 60 for 60 vectors, got 61" in page


def test_too_many_clusters_are_not_compared_pair_by_pair(monkeypatch, tmp_path, embedder):
    labels = np.arange(12) // 2
    monkeypatch.setattr("service.comparison.measured", lambda *_, **__: Measured(labels, 1.0, 1.0))
    monkeypatch.setattr("service.grading.MOST_PAIRED", 5)
    with open_store(str(tmp_path / "store"), create=True) as store:
        index_products([Product(f"P{row}", title=f"t{row} a{row // 2}") for row in range(12)], store, embedder)
        (row,) = compare(store, contenders(["kmeans"], {}, "6"), on="text", seed=0).as_dicts()
    assert row["davies_bouldin"] is None
    assert row["calinski_harabasz"] > 0


def test_a_process_that_dies_is_a_row_with_its_reason(tmp_path, capfd):
    found = measured(tmp_path / "nowhere.npy", "kmeans", {"k": 2}, seed=0)
    assert (found.labels, found.seconds, found.peak_mb) == (None, None, None)
    assert found.reason == "its process ended with code 1"
    assert "FileNotFoundError" in capfd.readouterr().err


def test_the_peak_of_memory_stays_when_memory_is_given_back():
    held = np.ones(200_000_000 // 8)
    assert peak_bytes() > held.nbytes
    least = held.nbytes
    del held
    assert peak_bytes() > least


def test_a_setting_without_a_name_is_for_all_that_have_it_and_one_with_a_name_wins():
    found = contenders(["a=kmeans", "b=kmeans", "hdbscan"], {"k": "5", "b.k": "35"}, None)
    assert found == [
        Contender("a", "kmeans", {"k": 5}),
        Contender("b", "kmeans", {"k": 35}),
        Contender("hdbscan", "hdbscan", {}),
    ]


def test_k_is_for_all_methods_that_take_one():
    assert [each.settings for each in contenders(["kmeans", "leiden"], {}, "7")] == [{"k": 7}, {}]


@pytest.mark.parametrize(
    ("pairs", "sets", "message"),
    [
        (["a=kmeans", "a=gmm"], {}, "the name 'a' is given twice: name them apart, such as a=gmm b=gmm"),
        (["kmeans"], {"b.k": "3"}, "'b.k' sets something of 'b', who is not compared: there are kmeans"),
        (["kmeans", "gmm"], {"eps": "1"}, "none of kmeans, gmm has a setting 'eps'"),
        (["kmeans"], {"k": "few"}, "k is a whole number, got 'few'"),
        (["a/b=kmeans"], {}, "a name in a comparison is letters, digits, -, _ and +, got 'a/b'"),
        (["a.b=kmeans"], {"a.b.k": "3"}, "a name in a comparison is letters, digits, -, _ and +, got 'a.b'"),
    ],
)
def test_what_cannot_be_compared_is_refused(pairs, sets, message):
    with pytest.raises(ValueError) as error:
        contenders(pairs, sets, None)
    assert str(error.value) == message


@pytest.mark.parametrize("pair", ["a=magic", "magic", "=kmeans"])
def test_a_method_that_is_not_there_is_refused_with_those_that_are(pair):
    with pytest.raises(ValueError) as error:
        contenders([pair], {}, None)
    assert str(error.value).startswith(f"'{pair}' is not NAME=METHOD: a method is one of kmeans, minibatch-kmeans, ")
