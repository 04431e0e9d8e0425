import os
import uuid
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from indexer.indexing import index_products
from indexer.store import LABELS, NewPoint, new_run, open_store, parse_condition, point_id
from indexer.store.block import BlockWriter
from indexer.store.engine import Nearest, Terms
from indexer.store.results import changed_labels


def ids(answers):
    return sorted(answer.product_id for answer in answers)


def where(*expressions):
    return [parse_condition(expression) for expression in expressions]


def write_labels(store, **labels):
    rows = store.take().ids
    arrays = {name: np.array([values[i] for i in rows], dtype=np.int64) for name, values in labels.items()}
    written = store.set_labels(rows, arrays, {})
    settings = store.records.settings()
    store.records.save_settings(replace(settings, labels={**settings.labels, **dict.fromkeys(labels, "run")}))
    return written


def test_an_empty_store_counts_nothing_and_says_how_to_fill_it(store):
    assert store.count() == 0
    assert store.dims() == {}
    with pytest.raises(LookupError, match="holds no products: run `assort index CATALOGUE` first"):
        store.take()


def test_products_come_back_in_the_same_order_every_time_with_vectors_of_length_one(filled):
    first, second = filled.take(["title"], vector="text"), filled.take(["title"], vector="text")
    assert sorted(first.ids) == ["C1", "C2", "P1", "P2", "P3"]
    assert first.ids == second.ids
    assert first.vectors.dtype == np.float32
    assert first.vectors.shape == (5, 32)
    np.testing.assert_array_equal(first.vectors, second.vectors)
    np.testing.assert_allclose(np.linalg.norm(first.vectors, axis=1), 1, atol=1e-6)
    assert dict(zip(first.ids, first.columns["title"], strict=True))["C1"] == "clear case for nova x2"


def test_writing_the_same_products_twice_changes_nothing(filled, shop, embedder):
    before = filled.take(["title", "price"], vector="text")
    index_products(shop, filled, embedder)
    after = filled.take(["title", "price"], vector="text")
    assert before.ids == after.ids
    assert before.columns == after.columns
    np.testing.assert_array_equal(before.vectors, after.vectors)


def test_the_nearest_product_is_the_other_offer_and_never_the_product_itself(filled):
    hits = filled.similar(["P1"], limit=4)["P1"]
    assert [hit.product_id for hit in hits[:2]] == ["P2", "P3"]
    assert len(hits) == 4
    assert hits[0].score == pytest.approx(float(np.sqrt(5 / 6)), abs=0.1)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_similar_agrees_with_brute_force_over_all_products(filled):
    taken = filled.take(vector="text")
    cosines = taken.vectors @ taken.vectors.T
    np.fill_diagonal(cosines, -2)
    answers = filled.similar(taken.ids, limit=4)
    for row, product_id in enumerate(taken.ids):
        expected = [taken.ids[other] for other in np.argsort(-cosines[row])[:4]]
        assert [hit.product_id for hit in answers[product_id]] == expected


def test_an_unknown_product_is_named_with_the_next_step(filled):
    with pytest.raises(LookupError, match=r"product 'P9' is not in collection .*: `assort search` finds ids by words"):
        filled.similar(["P1", "P9"])


def test_a_limit_below_one_is_refused(filled):
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        filled.similar(["P1"], limit=0)


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        (["brand=Nova"], ["P1", "P2", "P3"]),
        (["brand=Nova,Shell"], ["C1", "P1", "P2", "P3"]),
        (["brand!=Nova"], ["C1", "C2"]),
        (["brand=Hide\\, Co"], ["C2"]),
        (["categories=Cases"], ["C1", "C2"]),
        (["price<199"], ["C1"]),
        (["price<=199"], ["C1", "P1"]),
        (["price>205.5"], ["P3"]),
        (["price>=205.5", "brand=Nova"], ["P2", "P3"]),
        (["price=205.5,9.99"], ["C1", "P2"]),
        (["year=2019"], ["C2"]),
        (["year>2018"], ["C2"]),
        (["tone=warm,cold"], ["C2"]),
        (["tone!=warm"], ["C1", "P1", "P2", "P3"]),
        (["also_buy=C1"], ["P1"]),
        (["brand=nobody"], []),
    ],
)
def test_filters_find_exactly_the_products_that_fulfil_them(filled, expressions, expected):
    assert ids(filled.products(where(*expressions))) == expected
    assert filled.count(where(*expressions)) == len(expected)


def test_filters_hold_in_similarity_and_in_search_too(filled, embedder):
    assert ids(filled.similar(["P1"], where=where("categories=Cases"))["P1"]) == ["C1", "C2"]
    (vector,) = embedder.embed(["nova"])
    assert ids(filled.search([Nearest(vector, "text")], where=where("price>200"))) == ["P2", "P3"]


def test_a_filter_on_an_unknown_field_names_the_known_ones(filled):
    with pytest.raises(ValueError, match="there is no field 'colour' to filter on: known are product_id, .*year"):
        filled.products(where("colour=red"))


def test_search_finds_by_words_what_the_vector_alone_would_miss(filled, embedder):
    from indexer.embedders.terms import terms

    (vector,) = embedder.embed(["phone"])
    assert filled.search([Nearest(vector, "text"), Nearest(terms("leather"), "terms")], limit=1)[0].product_id == "C2"


def test_labels_are_written_counted_and_usable_as_filters(filled):
    labels = {"P1": 0, "P2": 0, "P3": 1, "C1": 2, "C2": 2}
    assert write_labels(filled, identity=labels, similarity=dict.fromkeys(labels, 7)) == 5
    assert filled.label_names() == ("identity", "similarity")
    assert sorted(filled.cluster_sizes("identity")) == [(0, 2), (1, 1), (2, 2)]
    assert filled.cluster_sizes("similarity") == [(7, 5)]
    assert ids(filled.products(where("identity=0,1"))) == ["P1", "P2", "P3"]
    assert filled.hits(["P3", "P9"])["P3"].labels == {"identity": 1, "similarity": 7}


def test_a_cluster_that_is_gone_is_counted_no_more(filled):
    rows = dict.fromkeys(["P1", "P2", "P3", "C1", "C2"], 7)
    write_labels(filled, similarity=rows)
    assert filled.cluster_sizes("similarity") == [(7, 5)]
    write_labels(filled, similarity=rows | dict.fromkeys(rows, 8))
    assert filled.cluster_sizes("similarity") == [(8, 5)]


def test_memberships_are_known_to_be_there_until_they_are_taken_away(filled):
    rows, label = filled.take().ids, {"shelf": np.zeros(5, dtype=np.int64)}
    filled.set_labels(rows, label, {})
    assert not filled.has_memberships("shelf")
    filled.set_labels(rows, label, {}, memberships={"shelf": np.array([0, *[np.nan] * 4], dtype=np.float32)})
    assert filled.has_memberships("shelf")
    filled.set_labels(rows, label, {}, memberships={"shelf": np.full(5, np.nan, dtype=np.float32)})
    assert not filled.has_memberships("shelf")


def test_only_labels_and_memberships_that_changed_are_written(filled):
    rows, label = filled.take().ids, {"shelf": np.zeros(5, dtype=np.int64)}
    sure = np.array([0, 0.3333333, 0.5, 1, np.nan], dtype=np.float32)
    assert filled.set_labels(rows, label, {}, memberships={"shelf": sure}) == 5
    assert filled.set_labels(rows, label, {}, memberships={"shelf": sure}) == 0
    label["shelf"][1], sure[2] = 4, 0.75
    seen = []
    assert filled.set_labels(rows, label, {}, seen.append, memberships={"shelf": sure}) == 2
    assert sum(seen) == 5
    there = filled.get(rows)
    found = [(there[i]["shelf"], there[i].get("shelf_p")) for i in rows]
    assert found == [(0, 0.0), (4, 0.333), (0, 0.75), (0, 1.0), (0, None)]


def test_filters_on_memberships_have_an_index_where_there_are_any(tmp_path, shop, embedder):
    with open_store(str(tmp_path), create=True) as store:
        index_products(shop, store, embedder)
        rows, label = store.take().ids, {"shelf": np.zeros(5, dtype=np.int64)}
        nothing = np.full(5, np.nan, dtype=np.float32)
        store.set_labels(rows, label, {}, memberships={"shelf": nothing})
        assert "shelf_p" not in store._engine._open.info().payload_schema
        store.set_labels(rows, label, {}, memberships={"shelf": nothing + 0, "aisle": np.ones(5, np.float32)})
        assert {"aisle_p"} == {key for key in store._engine._open.info().payload_schema if key.endswith("_p")}


def test_a_file_that_is_deleted_is_gone(filled):
    for content in (b"x" * 9_000_000, b"y"):  # of the longer one parts stay behind, which nobody sees
        filled.records.save_file("model shelf", content)
        assert filled.records.file("model shelf") == content
    filled.records.delete_file("model shelf")
    filled.records.delete_file("absent")
    assert filled.records.file("model shelf") is None


def test_only_labels_that_changed_are_written(filled):
    rows = filled.take().ids
    old = np.zeros(5, dtype=np.int64)
    assert filled.set_labels(rows, {"identity": old}, {}) == 5
    new = old.copy()
    new[rows.index("C2")] = 4
    assert filled.set_labels(rows, {"identity": new}, {"identity": old}) == 1
    assert filled.set_labels(rows, {"identity": new}, {"identity": new}) == 0
    assert filled.get(["C2", "P1"])["C2"]["identity"] == 4
    assert filled.get(["P1"])["P1"]["identity"] == 0


def test_a_label_that_was_never_written_is_named_with_the_next_step(filled):
    with pytest.raises(LookupError) as refused:
        filled.cluster_sizes("shelf")
    makes = "`assort cluster shelf --method METHOD` or `assort cluster all` makes labels"
    assert str(refused.value) == f"there is no label 'shelf': {makes}"


def test_half_written_labels_are_shown_to_nobody(filled):
    write_labels(filled, identity=dict.fromkeys(["P1", "P2", "P3", "C1", "C2"], 0))
    filled.records.save_settings(replace(filled.records.settings(), unfinished=("identity",)))
    assert filled.hits(["P1"])["P1"].labels == {}
    with pytest.raises(LookupError, match="label 'identity' is half written by a run cut short"):
        filled.cluster_sizes("identity")
    with pytest.raises(LookupError, match="half written"):
        filled.products(where("identity=0"))


def test_a_product_that_is_written_again_keeps_its_labels_and_complements(filled, shop, embedder):
    write_labels(filled, identity={"P1": 3, "P2": 1, "P3": 1, "C1": 2, "C2": 2})
    filled.set_complements([("P1", "C1")])
    index_products([replace(shop[0], title="nova x2 phone renamed")], filled, embedder)
    payload = filled.get(["P1"])["P1"]
    assert payload["identity"] == 3
    assert payload["complements"] == "C1"
    assert payload["title"] == "nova x2 phone renamed"


def test_only_complements_that_changed_are_written(filled, monkeypatch):
    filled.set_complements([("P1", "C1"), ("P2", "")])
    written = []
    monkeypatch.setattr(filled._engine, "set_payloads", written.extend)
    filled.set_complements([("P1", "C1"), ("P2", "C2"), ("nobody", "")])
    assert [payload["complements"] for _, payload in written] == ["C2"]


def test_first_results_write_labels_and_complements_of_each_product_together(filled):
    ids = ["P1", "P2", "C1"]
    labels = {"identity": np.array([7, 8, 9]), "complementary": np.array([0, 0, 1])}
    filled.set_first_results(ids, labels, [(2, "last"), (0, "first")])
    keys = ("identity", "complementary", "complements")
    kept = {i: [payload.get(key) for key in keys] for i, payload in filled.get(ids).items()}
    assert kept == {"P1": [7, 0, "first"], "P2": [None, None, None], "C1": [9, 1, "last"]}
    assert filled.get(["P1"])["P1"]["title"] == "nova x2 phone 64gb black"
    filled.set_complements([("P1", "first"), ("C1", "changed")])  # knows what was written
    assert filled.get(["C1"])["C1"]["complements"] == "changed"


def test_a_new_collection_has_the_indexes_of_its_labels_already(filled, monkeypatch):
    made = []
    monkeypatch.setattr(type(filled._engine), "create_indexes", lambda engine, kinds: made.append(dict(kinds)))
    filled.create(filled.dims())
    assert made[0].items() >= dict.fromkeys(LABELS, "integer").items()


IMAGES = {"P1": np.array([1, 0, 0], np.float32), "P2": np.array([0.8, 0.6, 0], np.float32)}


def test_a_further_vector_is_set_on_products_that_are_there_and_asked_by_its_name(filled):
    before = filled.get(["P1"])["P1"]
    filled.set_vectors("image", IMAGES, {i: {"picture": f"{i}.jpg"} for i in IMAGES})
    assert filled.dims() == {"text": 32, "image": 3}
    assert filled.get(["P1"])["P1"] == {**before, "picture": "P1.jpg"}
    hits = filled.similar(["P1"], by="image")["P1"]
    assert [(hit.product_id, round(hit.score, 3)) for hit in hits] == [("P2", 0.8)]
    assert [hit.product_id for hit in filled.search([Nearest(IMAGES["P2"], "image")])] == ["P2", "P1"]
    assert [len(hits) for hits in filled.similar(["P1", "P3"], by="image").values()] == [1, 0]
    with pytest.raises(LookupError, match="^product 'P3' has no vector 'image': ask `--by text`$"):
        filled.similar(["P3"], by="image")


def test_products_without_a_vector_are_rows_of_nan(filled):
    filled.set_vectors("image", IMAGES, {})
    block, ids = filled.vectors("image"), filled.take().ids
    assert {i for i, row in zip(ids, block, strict=True) if not np.isnan(row).any()} == {"P1", "P2"}
    assert block[ids.index("P2")].tolist() == pytest.approx([0.8, 0.6, 0])


def test_a_product_loses_its_vector_when_asked_to_and_keeps_it_when_only_its_payload_changes(filled):
    filled.set_vectors("image", IMAGES, {})
    payloads = {"P1": {"image_hash": "gone"}, "P2": {"picture": "moved.jpg"}}
    filled.set_vectors("image", {"P3": IMAGES["P1"]}, payloads, without=["P1", "C1"])
    assert [hit.product_id for hit in filled.search([Nearest(IMAGES["P1"], "image")])] == ["P3", "P2"]
    assert filled.get(["P1"])["P1"]["image_hash"] == "gone"


def test_a_product_that_is_written_again_keeps_its_other_vectors(filled, shop, embedder):
    filled.set_vectors("image", IMAGES, {i: {"picture": f"{i}.jpg"} for i in IMAGES})
    index_products([replace(shop[0], title="nova x2 phone renamed")], filled, embedder)
    assert filled.get(["P1"])["P1"]["picture"] == "P1.jpg"
    assert [hit.product_id for hit in filled.similar(["P1"], by="image")["P1"]] == ["P2"]


def test_a_further_vector_of_other_dimensions_or_no_length_is_refused(filled):
    filled.set_vectors("image", IMAGES, {})
    with pytest.raises(ValueError, match=r"holds vectors of {'image': 3} dimensions, the model makes {'image': 2}"):
        filled.set_vectors("image", {"P3": np.array([1, 0], np.float32)}, {})
    with pytest.raises(ValueError, match="the vector of product 'P3' must have length 1, got 0.0"):
        filled.set_vectors("image", {"P3": np.zeros(3, np.float32)}, {})


def test_deleted_products_are_gone_and_unknown_ids_do_not_count(filled):
    assert filled.delete(["P1", "nobody"]) == 1
    assert sorted(filled.take().ids) == ["C1", "C2", "P2", "P3"]


@pytest.mark.parametrize("broken", [np.zeros(32), np.full(32, np.nan), np.ones(32)])
def test_a_vector_that_has_no_length_one_is_refused(filled, broken):
    point = NewPoint("X", {"title": "x"}, broken.astype(np.float32), Terms((), ()), "t", "r")
    with pytest.raises(ValueError, match="the vector of product 'X' must have length 1"):
        filled.upsert([point])


def test_another_number_of_dimensions_is_refused(filled):
    with pytest.raises(ValueError, match="holds vectors of {'text': 32} dimensions, the model makes {'text': 8}"):
        filled.create({"text": 8})


def test_lookups_answer_the_same_after_the_index_is_built(filled):
    before = filled.similar(["P1", "C1"], limit=4)
    filled.build_index()
    assert filled.similar(["P1", "C1"], limit=4) == before


def test_runs_are_kept_in_their_order_and_updated_in_place(store):
    first = new_run("index", {"seed": 1})
    store.records.save_run(first)
    second = replace(new_run("cluster", {}), run_id="99999999")
    store.records.save_run(second)
    store.records.save_run(replace(first, state="done", seconds=1.5, results={"n": np.int64(3)}))
    assert [(run.kind, run.state) for run in store.records.runs()] == [("index", "done"), ("cluster", "running")]
    assert store.records.runs()[0].results == {"n": 3}


def test_every_point_can_be_read_whole_to_copy_a_store(filled):
    points = {found.payload["product_id"]: found for page in filled.points() for found in page}
    assert set(points) == {"C1", "C2", "P1", "P2", "P3"}
    assert points["P1"].vectors["text"].shape == (32,)
    assert len(points["P1"].terms["terms"].indices) == 8
    assert points["C2"].payload["fields"] == {"year": 2019.0, "tone": "warm"}


def test_an_embedded_store_is_there_after_it_was_closed(tmp_path, shop, embedder):
    with open_store(str(tmp_path / "s"), create=True) as store:
        index_products(shop, store, embedder)
        before = store.similar(["P1"])
    with open_store(str(tmp_path / "s")) as store:
        assert store.count() == 5
        assert store.similar(["P1"]) == before
        assert store.records.settings().text_model == "words"


def test_a_second_owner_of_a_path_is_refused_and_nothing_is_damaged(tmp_path, shop, embedder):
    import os

    from indexer.store import StoreLocked

    with open_store(str(tmp_path / "s"), create=True) as store:
        index_products(shop[:2], store, embedder)
        with pytest.raises(StoreLocked, match=f"is in use by process {os.getpid()}: wait until it ends"):
            open_store(str(tmp_path / "s"))
        index_products(shop, store, embedder)
    with open_store(str(tmp_path / "s")) as store:
        assert store.count() == 5


def test_reading_a_store_that_is_not_there_makes_no_folder(tmp_path):
    with pytest.raises(
        LookupError, match="there is no collection 'products' at .*: run `assort index CATALOGUE` first"
    ):
        open_store(str(tmp_path / "absent"))
    assert not (tmp_path / "absent").exists()


def test_a_collection_name_that_could_leave_the_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"letters, digits, - and _, got '\.\./x'"):
        open_store(str(tmp_path), "../x", create=True)


def test_two_collections_of_one_folder_do_not_mix(tmp_path, shop, embedder):
    for name, products in (("a", shop[:2]), ("b", shop)):
        with open_store(str(tmp_path / "s"), name, create=True) as store:
            index_products(products, store, embedder)
    with open_store(str(tmp_path / "s"), "a") as store:
        assert store.count() == 2


def test_a_server_that_does_not_answer_is_named_with_the_way_out():
    from indexer.store import ServerFailed

    with pytest.raises(ServerFailed, match=r"no Qdrant answers at 'http://127.0.0.1:1' .*docker compose up -d"):
        open_store("http://127.0.0.1:1")


def test_all_vectors_come_as_one_block_in_the_order_of_the_rows(filled):
    taken, read = filled.take(vector="text"), []
    block = filled.vectors("text", progress=read.append)
    assert (block.dtype, block.flags.c_contiguous, sum(read)) == (np.float32, True, 5)
    np.testing.assert_array_equal(block, taken.vectors)


def test_past_the_memory_limit_the_block_is_float16_mapped_from_a_file(filled):
    taken = filled.take(vector="text")
    size = taken.vectors.nbytes
    assert filled.vectors("text", memory_limit=size).dtype == np.float32
    mapped = filled.vectors("text", memory_limit=size - 1)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, taken.vectors.astype(np.float16))


def test_a_block_on_a_full_disk_is_refused_before_the_first_write(monkeypatch):
    def full(file, start, size):
        assert (start, size) == (0, 24_000_000)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=5_000_000))
    with pytest.raises(OSError) as error:
        BlockWriter(1_000_000, 12, memory_limit=0)
    assert str(error.value) == (
        "the vectors need 0.02 GB in '/', which has 0.01 GB free (No space left on device): set TMPDIR to a folder "
        "on a larger disk, or give a larger --max-memory"
    )


def test_a_block_on_disk_has_its_room_from_the_start(monkeypatch):
    taken = []
    allocate = os.posix_fallocate
    monkeypatch.setattr(
        "os.posix_fallocate", lambda *file: (allocate(*file), taken.append(os.fstat(file[0]).st_blocks * 512))
    )
    BlockWriter(1000, 128, memory_limit=0)
    assert taken[0] >= 256_000


def test_a_vector_that_is_not_there_is_told(filled):
    with pytest.raises(ValueError, match="has no vector 'image', only text"):
        filled.vectors("image")


def test_a_block_refuses_more_rows_than_were_counted():
    block = BlockWriter(1, 2)
    with pytest.raises(ValueError, match="the collection grew past 1 products while it was read: read it again"):
        block.add([np.zeros(2, dtype=np.float32)] * 2)


def test_a_point_id_is_the_uuid_version_5_of_the_url_namespace():
    for product_id in ("B00X", "ünï", "", "a" * 1000, *map(str, range(200))):
        assert point_id(product_id) == str(uuid.uuid5(uuid.NAMESPACE_URL, product_id))


@pytest.mark.parametrize("seed", range(5))
def test_changed_labels_are_grouped_as_plain_loops_would(seed):
    rng = np.random.default_rng(seed)
    n = 60
    ids = [f"p{row}" for row in range(n)]
    labels = {name: rng.integers(-1, 3, n) for name in "abc"}
    previous = {name: np.where(rng.random(n) < 0.3, labels[name], -1) for name in "ab"}
    expected = {}
    for row in range(n):
        old = [previous[name][row] if name in previous else -1 for name in "abc"]
        new = [labels[name][row] for name in "abc"]
        if old != new:
            expected.setdefault(tuple(new), []).append(point_id(ids[row]))
    found = {
        tuple(payload[name] for name in "abc"): points for points, payload in changed_labels(ids, labels, previous)
    }
    assert found == expected
    assert list(found) == sorted(found)
    assert list(changed_labels(ids, labels, labels)) == []
