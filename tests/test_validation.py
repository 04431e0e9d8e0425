import shutil
from dataclasses import replace

import numpy as np
import pytest

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import Point, new_run, open_store
from service import marking, validation
from service.runs import KINDS, ClusterOptions, cluster
from service.validation import Check, validate

WORDS = ("phone", "case", "cable")


def products():
    return [
        Product(
            f"{word}{n}", title=f"{word} {word} {'abcdefghij'[n]}x", brand=word, also_buy=(f"{word}{(n + 1) % 10}",)
        )
        for word in WORDS
        for n in range(10)
    ]


@pytest.fixture
def clustered(tmp_path, tmp_path_factory, embedder):
    """A clustered store, made once and copied for each test."""
    made = tmp_path_factory.getbasetemp() / "clustered for validation"
    if not made.exists():
        with open_store(str(made), create=True) as first:
            index_products(products(), first, embedder)
            cluster(first, KINDS, ClusterOptions(seed=0, neighbours=4))
    shutil.copytree(made, tmp_path / "store")
    with open_store(str(tmp_path / "store")) as opened:
        yield opened


def verdicts(store):
    return {check.name: check for check in validate(store)}


def write(store, name, labels, clusters=None, **parameters):
    """Write a label as a run would."""
    ids = list(labels)
    store.set_labels(ids, {name: np.array(list(labels.values()))}, {name: np.full(len(ids), -2)})
    run = new_run("cluster", {"kinds": [name], **parameters})
    results = {} if clusters is None else {name: {"clusters": clusters}}
    store.records.save_run(replace(run, state="done", results=results))
    marking.finish(store, [name], run.run_id)


def test_nothing_is_broken_in_a_store_that_was_just_clustered(clustered):
    done = []
    checks = validate(clustered, progress=done.append)

    assert not [check for check in checks if check.broken]
    assert sum(done) == validation.passes(clustered) * clustered.count() == 60
    assert [check.name for check in checks if check.name.startswith("similarity")] == [
        "similarity: no cluster's number",
        "similarity: alone in their cluster",
        "similarity: giants",
        "similarity: clusters unlike the run's record",
        "similarity: without a cluster or noise",
        "similarity: far from the centre",
    ]


def test_the_same_is_found_on_every_engine(filled):
    checks = validate(filled)
    assert [check for check in checks if check.verdict != "ok"] == []
    assert [check.name for check in checks] == [
        "product ids that are there twice",
        "points under another product's number",
        "labels half written",
        "runs cut short",
        "products gone since the last index run",
        "products without vector 'text'",
        "vectors 'text' of NaN or not of length 1",
    ]


def test_points_that_are_no_products_of_their_own_are_broken(clustered):
    page = next(iter(clustered.points()))
    double = Point("00000000-0000-4000-8000-000000000000", page[0].vectors, page[0].terms, page[0].payload)
    clustered.write_points([double])
    product_id = page[0].payload["product_id"]

    found = verdicts(clustered)

    assert found["product ids that are there twice"] == Check(
        "product ids that are there twice", 1, 31, "broken", (product_id,), "none may be"
    )
    assert found["points under another product's number"].examples == (product_id,)
    assert found["points under another product's number"].broken


def test_vectors_that_are_missing_or_zero_are_broken(clustered):
    clustered._engine.remove_vectors("text", [found.id for found in clustered.pages().__next__()[:2]])
    zero = next(iter(clustered.pages()))[4]
    clustered._engine.set_vectors("text", [(zero.id, np.zeros(32, dtype=np.float32))])

    found = verdicts(clustered)

    assert (found["products without vector 'text'"].found, found["products without vector 'text'"].broken) == (2, True)
    wrong = found["vectors 'text' of NaN or not of length 1"]
    assert (wrong.found, wrong.verdict, wrong.examples) == (1, "broken", (zero.payload["product_id"],))


def test_labels_half_written_are_broken_and_no_other_check_reads_them(clustered):
    marking.begin(clustered, ["similarity"])

    found = verdicts(clustered)

    assert found["labels half written"] == Check("labels half written", 1, 4, "broken", ("similarity",), "none may be")
    assert "similarity: giants" not in found


def test_a_label_that_is_missing_is_broken_unless_something_is_new(clustered, embedder):
    clustered._engine.set_payloads([([point.id for point in next(iter(clustered.pages()))[:1]], {"similarity": None})])
    name = "similarity: without a cluster or noise"
    assert (verdicts(clustered)[name].found, verdicts(clustered)[name].verdict) == (1, "broken")

    index_products([Product("new", title="a new case")], clustered, embedder)

    assert (verdicts(clustered)[name].found, verdicts(clustered)[name].of, verdicts(clustered)[name].verdict) == (
        2,
        31,
        "look",
    )


def test_labels_that_are_no_numbers_and_clusters_nobody_wrote_are_broken(clustered):
    ids = clustered.take().ids
    write(clustered, "shelf", {i: row % 4 for row, i in enumerate(ids)}, clusters=3)
    write(clustered, "aisle", {i: row % 4 for row, i in enumerate(ids)}, clusters=5)
    clustered._engine.set_payloads([([point.id], {"aisle": "left"}) for point in next(iter(clustered.pages()))[:2]])

    found = verdicts(clustered)

    assert found["shelf: clusters unlike the run's record"] == Check(
        "shelf: clusters unlike the run's record",
        1,
        3,
        "broken",
        ("4 here, 3 written",),
        "as many as written; look if fewer, else broken",
    )
    assert found["aisle: clusters unlike the run's record"].verdict == "look"
    assert (found["aisle: no cluster's number"].found, found["aisle: no cluster's number"].verdict) == (2, "broken")
    assert found["shelf: no cluster's number"].verdict == "ok"


def test_a_giant_is_several_times_the_mean_and_a_singleton_is_alone(clustered):
    ids = clustered.take().ids
    write(clustered, "even", {i: row % 2 for row, i in enumerate(ids)})
    write(clustered, "shelf", {i: max(0, row - 20) for row, i in enumerate(ids)})

    found = verdicts(clustered)

    assert (found["even: giants"].found, found["even: giants"].verdict) == (0, "ok")
    assert found["shelf: giants"] == Check(
        "shelf: giants",
        1,
        10,
        "look",
        ("0 (21)",),
        "at most 10% of the products, or 5 times the mean cluster, and at most 90% of those with the label",
    )
    alone = found["shelf: alone in their cluster"]
    assert (alone.found, alone.of, alone.verdict, alone.examples) == (9, 30, "look", tuple(ids[21:26]))
    assert found["even: alone in their cluster"].verdict == "ok"


def test_nearly_all_in_one_cluster_is_a_giant_however_few_clusters_there_are(clustered):
    ids = clustered.take().ids
    write(clustered, "two", {i: int(row < 28) for row, i in enumerate(ids)})
    write(clustered, "noisy", {i: 0 if row < 28 else -1 for row, i in enumerate(ids)})
    write(clustered, "most", {i: int(row < 27) for row, i in enumerate(ids)})
    write(clustered, "part", {i: int(row < 19) for row, i in enumerate(ids[:20])})
    write(clustered, "one", dict.fromkeys(ids, 0))

    found = verdicts(clustered)

    giants = {name: found[f"{name}: giants"] for name in ("two", "noisy", "most", "part", "one")}
    assert {name: (each.verdict, each.examples) for name, each in giants.items()} == {
        "two": ("look", ("1 (28)",)),
        "noisy": ("look", ("0 (28)",)),
        "most": ("ok", ()),
        "part": ("look", ("1 (19)",)),
        "one": ("ok", ()),
    }


def test_titles_that_are_equal_but_for_case_and_marks_belong_into_one_cluster_of_identity(clustered, embedder):
    offers = [
        Product("a1", title="Lamp, Red!", brand="Lux", source="one"),
        Product("a2", title="lamp red", brand="LUX", source="two"),
        Product("b1", title="lamp blue", brand="Lux", source="one"),
        Product("b2", title="lamp blue", brand="Lux", source="one"),
        Product("c1", title="lamp green", brand="Lux"),
        Product("c2", title="lamp green", brand="Dim"),
        Product("d1"),
        Product("d2"),
    ]
    index_products([offer for offer in offers if offer.title], clustered, embedder)
    labels = {offer.product_id: 100 + row for row, offer in enumerate(offers) if offer.title}
    write(clustered, "identity", {**dict.fromkeys(clustered.take().ids, 99), **labels})

    split = verdicts(clustered)["identity: one title and brand in several clusters"]

    assert (split.found, split.of, split.verdict, split.examples) == (2, 4, "look", ("a1", "a2"))


def test_pictures_that_are_not_there_or_gone_are_shown(clustered, tmp_path):
    ids = clustered.take().ids
    kept = tmp_path / "kept.jpg"
    kept.write_bytes(b"")
    one = np.eye(4, dtype=np.float32)[0]
    files = {ids[0]: kept, ids[1]: tmp_path / "gone.jpg"}
    clustered.set_vectors("image", dict.fromkeys(files, one), {i: {"picture": str(path)} for i, path in files.items()})

    found = verdicts(clustered)

    assert (found["products without picture"].found, found["products without picture"].verdict) == (28, "look")
    gone = found["picture files that are gone"]
    assert (gone.found, gone.of, gone.verdict, gone.examples) == (1, 2, "look", (ids[1],))
    assert found["vectors 'image' of NaN or not of length 1"].verdict == "ok"


def test_a_member_far_from_its_centre_is_shown(clustered, monkeypatch):
    ids = clustered.take().ids
    labels = {i: WORDS.index(i.rstrip("0123456789")) for i in ids}
    write(clustered, "kind", labels | {"case3": 0}, method="kmeans", on="text")

    far = verdicts(clustered)["kind: far from the centre"]

    assert (far.examples, far.of, far.verdict) == (("case3",), 30, "ok")
    monkeypatch.setattr(validation, "MOST_FAR", 0.01)
    assert verdicts(clustered)["kind: far from the centre"].verdict == "look"


def test_products_deleted_since_the_last_index_run_call_for_a_look(clustered):
    clustered.delete(["phone1", "phone2"])
    assert verdicts(clustered)["products gone since the last index run"] == Check(
        "products gone since the last index run", 2, 30, "look", (), "none may be"
    )


def test_a_check_says_its_share_and_is_json():
    check = Check("a", 1, 3, "look", ("x",), "none may be")
    assert (check.share, check.broken, Check("a", 0, 0, "ok").share) == (1 / 3, False, 0.0)
    assert check.as_dict() == {
        "check": "a", "verdict": "look", "found": 1, "of": 3, "share": 0.333333, "examples": ["x"],
        "rule": "none may be",
    }  # fmt: skip


def test_an_empty_store_says_what_to_do(tmp_path):
    with (
        open_store(str(tmp_path / "empty"), create=True) as store,
        pytest.raises(
            LookupError, match=r"^collection 'products' holds no products: run `assort index CATALOGUE` first$"
        ),
    ):
        validate(store)
