import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from clustering.extrinsic import agreement
from clustering.intrinsic import Sizes, calinski_harabasz, davies_bouldin, silhouette
from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import new_run, open_store
from service import grading
from service.grading import evaluate, write_confusions
from service.marking import finish
from service.methods import MethodOptions, cluster_by
from service.refitting import Refitter, origins
from service.runs import KINDS, ClusterOptions, cluster
from service.vectors import take_vectors

KIND = ("phone", "case", "cable")


def products():
    """Thirty products of three kinds, linked to the next one of another kind."""
    return [
        Product(
            f"{kind}{number}",
            title=f"{kind} {kind} model{number}",
            brand=kind.title() if number else "",
            also_buy=(f"{KIND[(place + 1) % 3]}{number}",),
            also_view=(f"{kind}{(number + 1) % 10}",),
        )
        for place, kind in enumerate(KIND)
        for number in range(10)
    ]


@pytest.fixture
def store(tmp_path, tmp_path_factory, embedder):
    """A store of all products, indexed once and copied for each test."""
    indexed = tmp_path_factory.getbasetemp() / "indexed for grading"
    if not indexed.exists():
        with open_store(str(indexed), create=True) as first:
            index_products(products(), first, embedder)
    shutil.copytree(indexed, tmp_path / "store")
    with open_store(str(tmp_path / "store")) as opened:
        yield opened


def write(store, name, labels, **parameters):
    """Write a label as a run would; a product that is not named has none."""
    ids = [i for i in store.take().ids if i in labels]
    store.set_labels(ids, {name: np.array([labels[i] for i in ids])}, {name: np.full(len(ids), -2)})
    run = replace(new_run("cluster", {"kinds": [name], **parameters}), state="done")
    store.records.save_run(run)
    finish(store, [name], run.run_id)


def by_kind(ids):
    return {i: KIND.index(i.rstrip("0123456789")) for i in ids}


@pytest.fixture
def shelved(store):
    """A label with noise, and one product without it."""
    labels = by_kind(store.take().ids)
    labels["phone3"] = -1
    labels["case4"] = 2
    del labels["cable9"]
    write(store, "shelf", labels, method="kmeans", on="text", seed=3)
    return store, labels


def test_a_label_is_graded_by_its_rows_without_noise(shelved):
    store, labels = shelved
    taken = store.take(vector="text")
    values = np.array([labels.get(i, -1) for i in taken.ids])

    (found,) = evaluate(store, ["shelf"], seed=0)

    assert (found.label, found.method, found.on) == ("shelf", "kmeans", "text")
    assert (found.products, found.unlabelled) == (29, 1)
    assert found.sizes == Sizes(3, 10, 9.0, 0, 1, 1 / 29)
    value = silhouette(taken.vectors, values, seed=0).value
    assert found.intrinsic == {
        "silhouette": value,
        "silhouette_low": value,
        "silhouette_high": value,
        "silhouette_sample": 28,
        "calinski_harabasz": calinski_harabasz(taken.vectors, values),
        "davies_bouldin": davies_bouldin(taken.vectors, values),
    }
    inside = values >= 0
    exact = metrics.silhouette_score(taken.vectors[inside].astype(np.float64), values[inside])
    assert value == pytest.approx(exact)
    assert (found.graph, found.truth, found.confusion, found.stability, found.notes) == ({}, {}, {}, {}, [])


def test_a_label_is_graded_against_a_field_products_without_one_left_out_and_counted(shelved):
    store, labels = shelved
    store.records.names("shelf").save({1: "Cases"})

    (found,) = evaluate(store, ["shelf"], seed=0, truth="brand")

    known = [i for i in labels if not i.endswith("0")]
    expected = agreement(np.array([labels[i] for i in known]), [i.rstrip("0123456789") for i in known])
    about = {"name": "brand", "products": 26, "without_truth": 3, "strangers": 0, "classes": 3}
    assert found.truth == pytest.approx({**about, **expected})
    assert found.confusion == {
        "rows": ["Case", "Phone", "Cable"],
        "columns": ["2", "0", "1 Cases", "noise"],
        "counts": [[1, 0, 8, 0], [0, 8, 0, 1], [8, 0, 0, 0]],
    }


def test_a_truth_file_counts_the_products_that_are_not_here(shelved, tmp_path):
    store, labels = shelved
    file = tmp_path / "truth.csv"
    file.write_text("product_id,label\n" + "".join(f"{i},{max(n, 0)}\n" for i, n in labels.items()) + "gone,1\n")

    (found,) = evaluate(store, ["shelf"], seed=0, truth=str(file))

    assert {key: found.truth[key] for key in ("name", "products", "without_truth", "strangers")} == {
        "name": "truth.csv", "products": 29, "without_truth": 1, "strangers": 1
    }  # fmt: skip
    assert found.truth["b_cubed_precision"] == 1.0
    assert found.truth["b_cubed_recall"] < 1.0  # noise is alone


def test_a_truth_that_knows_none_of_a_labels_products_is_a_note(store):
    write(store, "one", {"phone0": 0})

    (found,) = evaluate(store, ["one"], seed=0, truth="brand")

    assert "none of the products with this label is known to 'brand', grades need 2" in found.notes
    assert "ari" not in found.truth


def test_one_cluster_and_too_many_clusters_are_notes_and_no_mistakes(store, monkeypatch):
    ids = store.take().ids
    write(store, "one", dict.fromkeys(ids, 0))
    write(store, "many", by_kind(ids))
    monkeypatch.setattr(grading, "MOST_PAIRED", 2)

    one, many = evaluate(store, ["one", "many"], seed=0)

    assert set(one.intrinsic.values()) == {None}
    assert one.notes == [
        "no silhouette, Davies-Bouldin or Calinski-Harabasz: clusters can be compared where there are at least 2, "
        "and fewer than rows in them, got 1 clusters of 30 rows"
    ]
    assert many.intrinsic["davies_bouldin"] is None
    assert many.intrinsic["silhouette"] > 0
    assert many.notes == ["no Davies-Bouldin: it compares all pairs of 3 clusters, at most 2"]


def test_labels_on_fused_vectors_are_each_graded_by_their_own_shares(store):
    rows = np.random.default_rng(0).normal(size=(30, 32))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    ids = store.take().ids
    store.set_vectors("image", dict(zip(ids, rows, strict=True)), {})
    shares = {"words": {"text": 0.9, "image": 0.1}, "looks": {"text": 0.1, "image": 0.9}}
    for name, weights in shares.items():
        write(store, name, by_kind(ids), method="kmeans", on="fused", seed=0, weights=weights)

    found = evaluate(store, list(shares), seed=0)

    labels = np.array(list(by_kind(ids).values()))
    fused = {name: take_vectors(store, "fused", weights=weights).vectors for name, weights in shares.items()}
    expected = {name: silhouette(vectors, labels, seed=0).value for name, vectors in fused.items()}
    assert {each.label: each.intrinsic["silhouette"] for each in found} == expected
    assert expected["words"] > expected["looks"]


def test_the_graphs_of_a_run_are_built_again_as_it_had_them(store):
    results = cluster(store, KINDS, ClusterOptions(seed=0, neighbours=4))

    found = {each.label: each for each in evaluate(store, [], seed=0)}

    assert list(found) == ["identity_cell", "identity", "similarity", "complementary"]
    for kind in ("similarity", "complementary"):
        grades = found[kind].graph
        assert (grades["modularity"], grades["edges"]) == (results[kind]["modularity"], results[kind]["edges"])
        assert 0 <= grades["conductance"] <= grades["conductance_worst"] <= 1
        assert 0 < grades["coverage"] <= 1
    assert found["identity"].graph == {}


def test_products_without_the_label_are_left_out_of_its_graph(store, embedder):
    cluster(store, ["similarity"], ClusterOptions(seed=0, neighbours=4))
    before = evaluate(store, ["similarity"], seed=0)[0].graph
    store.delete(["phone0"])
    index_products([replace(products()[0], also_view=())], store, embedder)

    (found,) = evaluate(store, ["similarity"], seed=0)

    (origin,) = origins(store, ("similarity",)).values()
    refitter = Refitter(store, origin)
    edges, row = refitter.graph(), refitter.ids.index("phone0")
    kept = (edges.source != row) & (edges.target != row)
    assert (found.unlabelled, found.graph["edges"]) == (1, int(kept.sum()))
    assert found.graph["edges"] < before["edges"]


def test_leiden_as_a_method_has_a_graph_too_and_comes_back(store):
    options = MethodOptions("leiden", seed=1, settings={"neighbours": 5, "smallest": 2})
    figures = cluster_by(store, "group", options)

    (found,) = evaluate(store, ["group"], seed=0, rounds=2)

    assert (found.graph["modularity"], found.graph["edges"]) == (figures["modularity"], figures["edges"])
    assert found.stability["seeds"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "values": [1.0, 1.0]}


def test_a_label_is_made_again_by_other_seeds_and_from_samples(store):
    cluster_by(store, "kind", MethodOptions("kmeans", seed=1, settings={"k": 3}))

    (found,) = evaluate(store, ["kind"], seed=0, rounds=3)

    assert list(found.stability) == ["seeds", "samples"]
    for each in found.stability.values():
        assert len(each["values"]) == 3
        assert (each["low"], each["high"]) == (min(each["values"]), max(each["values"]))
        assert each["mean"] == pytest.approx(np.mean(each["values"]))
    assert evaluate(store, ["kind"], seed=0, rounds=3)[0].stability == found.stability
    assert evaluate(store, ["kind"], seed=9, rounds=3)[0].stability["seeds"] == found.stability["seeds"]


def test_the_kinds_of_cluster_are_made_again_from_the_whole_and_from_parts(store):
    cluster(store, KINDS, ClusterOptions(seed=0, neighbours=4))

    found = evaluate(store, [], seed=0, rounds=1)

    assert all(each.stability["samples"]["mean"] <= 1 for each in found)
    assert [each.label for each in found] == ["identity_cell", "identity", "similarity", "complementary"]


def test_the_same_seed_makes_a_kind_as_it_was(store):
    cluster(store, KINDS, ClusterOptions(seed=5, neighbours=4))
    for label, origin in origins(store, store.readable_labels()).items():
        refitter = Refitter(store, origin)
        stored = store.take((label,)).columns[label]
        again = refitter.labels(seed=refitter.seed)
        assert metrics.adjusted_rand_score(stored, again) == 1.0, label


def test_a_label_nobody_recorded_cannot_be_made_again_and_says_so(store):
    write(store, "mine", by_kind(store.take().ids))

    (found,) = evaluate(store, ["mine"], seed=0, rounds=2)

    assert (found.stability, found.notes) == ({}, ["no stability: no record tells how it was made"])


def test_a_level_of_a_taxonomy_is_not_made_again_and_says_so(store):
    write(store, "taxonomy_1", by_kind(store.take().ids), method="taxonomy", on="text", seed=0)

    (found,) = evaluate(store, ["taxonomy_1"], seed=0, rounds=2)

    assert (found.stability, found.notes) == ({}, ["no stability: 'taxonomy' makes several labels at once"])


def test_confusions_are_drawn_into_a_folder(shelved, tmp_path):
    store, _ = shelved
    graded = evaluate(store, ["shelf"], seed=0, truth="brand")

    (file,) = write_confusions(graded, tmp_path / "new")

    assert file == tmp_path / "new" / "confusion_shelf.png"
    assert file.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match=r"^a confusion matrix compares clusters with a truth: name a --truth$"):
        write_confusions(evaluate(store, ["shelf"], seed=0), tmp_path)


def test_all_grades_are_json(shelved):
    store, _ = shelved
    graded = evaluate(store, [], seed=0, truth="brand", rounds=0)
    assert json.loads(json.dumps([each.as_dict() for each in graded]))[0]["sizes"]["clusters"] == 3


def test_a_label_that_is_not_there_is_named_and_no_label_says_what_to_do(store):
    with pytest.raises(LookupError, match=r"^there are no labels to grade: run `assort cluster all` first$"):
        evaluate(store, [], seed=0)
    with pytest.raises(LookupError, match=r"^there is no label 'genre': `assort cluster genre --method "):
        evaluate(store, ["genre"], seed=0)


def test_a_label_that_no_sample_can_be_cut_into_is_a_note_and_the_others_are_graded(store):
    n = len(store.take().ids)
    cluster_by(store, "few", MethodOptions("kmeans", seed=1, settings={"k": 3}))
    cluster_by(store, "many", MethodOptions("agglomerative", seed=1, settings={"k": n - 1}))

    few, many = evaluate(store, ["few", "many"], seed=0, rounds=1)

    assert list(few.stability) == ["seeds", "samples"]
    assert many.stability == {}
    assert many.notes[-1].startswith("no stability: k must be between 1 and ")


def test_a_label_of_which_the_truth_knows_nothing_has_no_confusion_and_the_others_have(shelved, tmp_path):
    store, _ = shelved
    write(store, "one", {"phone0": 0})

    files = write_confusions(evaluate(store, ["one", "shelf"], seed=0, truth="brand"), tmp_path)

    assert [file.name for file in files] == ["confusion_shelf.png"]
