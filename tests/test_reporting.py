import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from indexer.featuring import Columns, index_features
from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import new_run, open_store
from service import reporting
from service.marking import finish
from service.report.label_page import label_blocks, label_line
from service.report.page import write_page
from service.reporting import report

KIND = ("phone", "case", "cable")


@pytest.fixture
def store(tmp_path, embedder):
    """Nine products of three kinds: few enough to be laid out without UMAP."""
    products = [
        Product(
            f"{kind}{n}",
            title=f"{kind} {kind} model{n}",
            categories=(kind.title(),),
            fields={"size": float(10 * place + n), "weight": float(n)},
        )
        for place, kind in enumerate(KIND)
        for n in range(3)
    ]
    with open_store(str(tmp_path / "store"), create=True) as opened:
        index_products(products, opened, embedder)
        yield opened


def write(store, name, labels, memberships=None, results=None, **parameters):
    """Write a label as a run would; a product that is not named has none."""
    ids = [i for i in store.take().ids if i in labels]
    sure = None if memberships is None else {name: np.array([memberships[i] for i in ids], np.float32)}
    values = np.array([labels[i] for i in ids])
    store.set_labels(ids, {name: values}, {name: np.full(len(ids), -2)}, memberships=sure)
    run = replace(
        new_run("cluster", {"kinds": [name], **parameters}), state="done", seconds=1.5, results={name: results or {}}
    )
    store.records.save_run(run)
    finish(store, [name], run.run_id)


def by_kind(store):
    return {i: KIND.index(i.rstrip("0123456789")) for i in store.take().ids}


@pytest.fixture
def shelved(store):
    """A label whose numbers leave gaps, with noise, and one product without it."""
    labels = {i: 5 * kind for i, kind in by_kind(store).items()}
    labels["phone0"] = -1
    del labels["cable0"]
    write(store, "shelf", labels, method="kmeans", on="text", seed=3, settings={"k": 3}, noise="keep")
    return store


def test_a_report_holds_grades_map_and_the_largest_clusters(shelved):
    found = report(shelved, "shelf", seed=0)
    assert (found.on, found.origin.method, found.grading.products, found.grading.unlabelled) == ("text", "kmeans", 8, 1)
    assert found.sizes == {0: 2, 5: 3, 10: 2}
    assert found.positions.shape == (8, 2)
    assert sorted(found.labels.tolist()) == [-1, 0, 0, 5, 5, 5, 10, 10]
    assert [(each.cluster, each.size) for each in found.listed] == [(5, 3), (0, 2), (10, 2)]
    assert sorted(found.listed[0].examples) == ["case case model0", "case case model1", "case case model2"]
    assert len(found.memberships) == 0


def test_silhouettes_are_scikit_learns(shelved):
    taken = shelved.take(("shelf",), vector="text")
    labels = np.array([-1 if value is None else value for value in taken.columns["shelf"]])
    inside = labels >= 0
    expected = silhouette_samples(taken.vectors[inside], labels[inside])
    found = report(shelved, "shelf", seed=0)
    assert np.array_equal(found.scored, labels[inside])
    assert found.silhouettes == pytest.approx(expected, abs=1e-5)
    by_cluster = {each.cluster: each.silhouette for each in found.listed}
    assert by_cluster[5] == pytest.approx(expected[labels[inside] == 5].mean(), abs=1e-5)


def test_the_most_central_product_is_the_first_example(store):
    write(store, "all", dict.fromkeys(store.take().ids, 0), method="kmeans", on="text")
    taken = store.take(("title",), vector="text")
    far = np.linalg.norm(taken.vectors - taken.vectors.mean(axis=0), axis=1)
    found = report(store, "all", seed=0)
    assert found.listed[0].examples[0] == taken.columns["title"][far.argmin()]
    assert (len(found.silhouettes), found.kinship, found.listed[0].silhouette) == (0, None, None)


def test_the_seed_suffices_and_matters_for_the_sample_on_the_map(shelved):
    first, same, other = (report(shelved, "shelf", seed=seed, sample=4) for seed in (0, 0, 1))
    assert np.array_equal(first.positions, same.positions)
    assert not np.array_equal(first.positions, other.positions)
    assert (len(first.labels), first.mapped_of) == (4, 8)


def test_kinship_joins_the_nearest_centres_first(store):
    write(store, "kind", by_kind(store), method="kmeans", on="text")
    found = report(store, "kind", seed=0)
    assert found.kin == [0, 1, 2]
    taken = store.take(("kind",), vector="text")
    centres = [taken.vectors[np.array(taken.columns["kind"]) == kind].mean(axis=0) for kind in range(3)]
    far = {(a, b): np.linalg.norm(centres[a] - centres[b]) for a in range(3) for b in range(a)}
    (a, b), nearest = min(far.items(), key=lambda pair: pair[1])
    assert sorted(found.kinship[0, :2]) == [b, a]
    assert found.kinship[0, 2] == pytest.approx(nearest, abs=1e-5)


def test_features_show_how_clusters_differ_by_column(store):
    index_features(store, Columns(numeric=("size", "weight"), categorical=(), scale="standard"))
    write(store, "kind", by_kind(store), method="kmeans", on="features")
    means = report(store, "kind", seed=0).means
    sizes = np.array([10 * kind + n for kind in range(3) for n in range(3)])
    expected = (sizes.reshape(3, 3).mean(axis=1) - sizes.mean()) / sizes.std()
    assert (sorted(means.clusters), means.columns) == ([0, 1, 2], ["size", "weight"])
    assert means.values[np.argsort(means.clusters), 0] == pytest.approx(expected, abs=1e-4)
    assert means.values[:, 1] == pytest.approx([0, 0, 0], abs=1e-4)


def test_text_has_no_columns_to_differ_by(shelved):
    assert report(shelved, "shelf", seed=0).means is None


def test_names_are_shown_wherever_a_cluster_is(shelved, monkeypatch, tmp_path):
    monkeypatch.setattr(reporting, "names_of", lambda store, label, numbers: {5: "Cases <of> all kinds"})
    found = report(shelved, "shelf", seed=0)
    assert found.names == {5: "Cases <of> all kinds"}
    (page, *_) = write_page(tmp_path / "shelf.html", "Shelf", label_blocks(found))
    text = page.read_text()
    assert "<td>Cases &lt;of&gt; all kinds</td>" in text
    assert "<of>" not in text


def test_the_page_tells_how_the_label_came_about_and_has_its_pictures(shelved, tmp_path):
    found = report(shelved, "shelf", seed=0, truth="categories")
    written = write_page(tmp_path / "shelf.html", "Shelf", label_blocks(found))
    assert [path.name for path in written] == [
        "shelf.html", "shelf-map.png", "shelf-sizes.png", "shelf-silhouettes.png", "shelf-confusion.png",
        "shelf-tree.png",
    ]  # fmt: skip
    text = written[0].read_text()
    for row in ("<td>settings</td><td>k = 3</td>", "<td>seed</td><td>3</td>", "<td>took</td><td>1.5 s</td>"):
        assert row in text
    assert "<h2>Against categories</h2>" in text
    assert "8 products in 3 clusters" not in text  # one of them is in none
    assert "7 products in 3 clusters, 12.5 % are in none." in text
    assert "<td>V-measure</td>" in text


def test_a_map_by_other_vectors_than_the_labels_own_says_that_the_grades_are_not_by_them(shelved, tmp_path):
    index_features(shelved, Columns(("size", "weight"), (), "standard"))
    said = (
        "The grades above are by text, which the label was made on; the map, silhouettes and examples below it are by "
    )
    for on, there in (("features", True), ("text", False)):
        found = report(shelved, "shelf", seed=0, on=on)
        (page, *_) = write_page(tmp_path / on / "shelf.html", "Shelf", label_blocks(found))
        assert (f"{said}{on}, as asked with --on." in page.read_text()) == there


def test_the_line_says_what_was_found(shelved):
    found = report(shelved, "shelf", seed=0, truth="categories")
    v = found.grading.truth["v_measure"]
    s = found.grading.intrinsic["silhouette"]
    assert label_line(found) == (
        f"shelf: 8 products in 3 clusters, 1 in none, silhouette {s:.3f}, V-measure {v:.3f} against categories"
    )


def test_memberships_and_losses_are_drawn_where_there_are_any(store, tmp_path):
    labels = {**by_kind(store), "phone0": -1}
    results = {"losses": {"reconstruction": [2.0, 1.0], "clustering": [0.5, 0.25]}, "stopped_early": True}
    write(store, "deep", labels, dict.fromkeys(labels, 0.25), results, method="depict", on="text")
    found = report(store, "deep", seed=0)
    assert found.memberships.tolist() == [0.25] * 8  # without that of noise
    written = write_page(tmp_path / "deep.html", "Deep", label_blocks(found))
    assert {"deep-memberships.png", "deep-losses.png"} <= {path.name for path in written}
    text = written[0].read_text()
    assert "100 % of those in clusters belong to theirs with less than one half" in text
    assert "Losses over 2 epochs, stopped early" in text


def test_a_label_of_noise_alone_has_a_page(store, tmp_path):
    write(store, "none", dict.fromkeys(store.take().ids, -1), method="hdbscan", on="text")
    found = report(store, "none", seed=0)
    assert (found.sizes, found.listed, found.kinship) == ({}, [], None)
    written = write_page(tmp_path / "none.html", "None", label_blocks(found))
    assert [path.name for path in written] == ["none.html", "none-map.png"]


def test_a_report_is_json(shelved):
    found = json.loads(json.dumps(report(shelved, "shelf", seed=0).as_dict(), allow_nan=False))
    assert (found["label"], found["settings"], found["seed"], found["shown_on"]) == ("shelf", {"k": 3}, 3, "text")
    assert [each["cluster"] for each in found["clusters"]] == [5, 0, 10]


def test_a_label_that_is_not_there_and_a_vector_that_is_not_there_are_named(shelved):
    with pytest.raises(LookupError, match="there is no label 'genre'"):
        report(shelved, "genre", seed=0)
    with pytest.raises(LookupError, match="has no vector 'image'"):
        report(shelved, "shelf", seed=0, on="image")
    with pytest.raises(ValueError, match="^sample must be at least 1 product, got 0$"):
        report(shelved, "shelf", seed=0, sample=0)
