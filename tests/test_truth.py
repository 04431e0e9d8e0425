import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from indexer.indexing import index_products
from indexer.store import open_store
from service.marking import finish
from service.truth import Truth, classes, truth_of, values_of

IDS = ["P1", "P2", "P3", "C1", "C2", "GONE"]


@pytest.fixture
def store(tmp_path, shop, embedder):
    with open_store(str(tmp_path / "store"), create=True) as opened:
        index_products(shop, opened, embedder)
        yield opened


NO_STORE = None  # a file is read without looking into any


def test_texts_are_numbered_without_each_taking_the_room_of_the_longest():
    texts = ["b" * 10_000, *(f"a{n % 3}" for n in range(2000))]
    tracemalloc.start()
    names, numbers = classes(texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert names == ["a0", "a1", "a2", "b" * 10_000]
    assert numbers.tolist() == [3, *(n % 3 for n in range(2000))]
    assert peak < 1_000_000  # bytes


def test_a_field_is_read_in_the_order_asked_for(store):
    assert truth_of(store, IDS, "brand") == Truth("brand", ["Nova", "Nova", "Nova", "Shell", "Hide, Co", None])
    assert dict(zip(store.take().ids, values_of(store, "tone"), strict=True)) == {
        "P1": None, "P2": None, "P3": None, "C1": None, "C2": "warm"
    }  # fmt: skip


def test_categories_are_read_whole_or_by_their_first_levels(tmp_path, embedder, shop):
    deep = [replace(shop[0], categories=("Shop", "Phones", "Smart")), replace(shop[1], categories=())]
    with open_store(str(tmp_path / "deep"), create=True) as store:
        index_products(deep, store, embedder)
        taken = store.take().ids
        read = {
            field: [dict(zip(taken, values_of(store, field), strict=True))[i] for i in ("P1", "P2")]
            for field in ("categories", "categories:1", "categories:2")
        }
        assert read == {"categories": ["Shop > Phones > Smart", None], "categories:1": ["Shop", None],
                        "categories:2": ["Shop > Phones", None]}  # fmt: skip


def test_another_label_is_a_truth_too_its_noise_unknown(store):
    ids = store.take().ids
    store.set_labels(ids, {"shelf": np.array([0, 0, 1, -1, 2])}, {"shelf": np.full(5, -2)})
    finish(store, ["shelf"], "run")

    assert values_of(store, "shelf") == ["0", "0", "1", None, "2"]


def test_what_is_no_field_names_those_there_are(store):
    for field in ("colour", "categories:0", "categories:x", "brand:1"):
        with pytest.raises(LookupError) as refused:
            truth_of(store, IDS, field)
        there = "year, tone, brand, categories, source"
        kept = f"`assort index SOURCE --map {field}=COLUMN` keeps a column of the catalogue"
        assert str(refused.value) == f"there is no field '{field}' to grade by, only {there}: {kept}"


ROWS = [{"product_id": "P1", "label": "a"}, {"product_id": "P2", "label": "b"}, {"product_id": "X", "label": "c"}]
FILES = {
    "truth.csv": "product_id,label\nP1,a\nP2,b\nX,c\n",
    "bom.csv": "\ufeffproduct_id,label\nP1,a\nP2,b\nX,c\n",
    "other.csv": "label,more,product_id\na,1,P1\nb,2,P2\nc,3,X\n",
    "names.tsv": "sku\tgenre\tmore\nP1\ta\t1\nP2\tb\t2\nX\tc\t3\n",
    "truth.jsonl": "\n".join(map(json.dumps, ROWS)) + "\n\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_tells_the_truth_by_its_columns(tmp_path, name):
    file = tmp_path / name
    file.write_text(FILES[name], encoding="utf-8")

    assert truth_of(NO_STORE, IDS, str(file)) == Truth(name, ["a", "b", None, None, None, None], strangers=1)


def test_another_column_is_named_behind_the_path(tmp_path):
    file = tmp_path / "truth.csv"
    file.write_text("product_id,identity,kind\nP1,1,phone\nP2,2,case\n")

    assert truth_of(NO_STORE, ["P1", "P2"], f"{file}:kind") == Truth("truth.csv:kind", ["phone", "case"])
    with pytest.raises(LookupError) as refused:
        truth_of(NO_STORE, ["P1"], f"{file}:colour")
    assert str(refused.value) == f"{file}: there is no column 'colour', only identity, kind"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "x", ": a truth file ends in .csv, .tsv or .jsonl, got '.txt'"),
        ("a.csv", "product_id\nP1\n", ": a truth file has two columns, product_id and label, got product_id"),
        ("a.csv", "", ": there is no product in it: it needs a header and a line a product"),
        ("a.jsonl", '{"product_id"', ", line 1: is not JSON: Expecting ':' delimiter"),
        ("a.jsonl", "[1]", ', line 1: is no JSON object: write {"product_id": ..., "label": ...}'),
        (
            "a.csv",
            "product_id,label\nP1,a\nP1,b\n",
            ", line 3: product 'P1' is 'b' here and 'a' before: a truth tells one thing of a product",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_what_is_wrong(tmp_path, name, text, message):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(ValueError) as refused:
        truth_of(NO_STORE, IDS, str(file))
    assert str(refused.value) == f"{file}{message}"


def test_a_file_in_another_encoding_is_named(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes("product_id,label\nP1,é\n".encode("latin-1"))
    with pytest.raises(ValueError) as refused:
        truth_of(NO_STORE, IDS, str(file))
    assert str(refused.value) == f"{file}: is not utf-8 text: save it as such"


def test_graded_labels_are_not_offered_as_a_truth(store):
    for label in ("shelf", "aisle"):
        store.set_labels(store.take().ids, {label: np.zeros(5, np.int64)}, {label: np.full(5, -2)})
        finish(store, [label], "run")
    with pytest.raises(LookupError) as refused:
        truth_of(store, IDS, "colour", graded=["shelf"])
    assert str(refused.value).startswith(
        "there is no field 'colour' to grade by, only year, tone, brand, categories, source, aisle: "
    )


@pytest.mark.parametrize("asked", ["absent.csv", "absent.TSV:kind", "absent.jsonl", "absent.csv.gz", "folder/absent"])
def test_a_file_that_is_not_there_is_said_to_be_none(store, asked):
    with pytest.raises(LookupError) as refused:
        truth_of(store, IDS, asked)
    there = "year, tone, brand, categories, source"
    assert str(refused.value) == f"there is no file '{asked}': check its path, or name a field: {there}"


def test_a_truth_of_a_single_product_is_refused(store):
    with pytest.raises(LookupError) as refused:
        truth_of(store, IDS, "tone")
    assert str(refused.value) == "'tone' tells of 1 of the 6 products here, grades need 2: name another --truth"


@pytest.mark.parametrize(("line", "told"), [("X,a,b", "none"), ("P1,a,b", "1")])
def test_a_truth_about_other_products_is_refused_with_the_columns_that_were_read(tmp_path, line, told):
    file = tmp_path / "a.csv"
    file.write_text(f"sku,genre,more\n{line}\n")
    with pytest.raises(LookupError) as refused:
        truth_of(NO_STORE, IDS, str(file))
    assert str(refused.value) == (
        f"'{file}' tells of {told} of the 6 products here, grades need 2: column 'sku' was read as the product's id "
        "and 'genre' as its class, call the id's column product_id, or name the class as FILE:COLUMN"
    )
