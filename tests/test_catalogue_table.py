"""Tables and nested objects of any shop, by well-known names and by mapping."""

import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.catalogue import read_catalogue
from indexer.catalogue.building import look_up
from indexer.catalogue.records import _likely_separator
from indexer.products import Product, Rejected

REAL = Path(__file__).parents[2] / "shared" / "data"
needs_real = pytest.mark.skipif(not REAL.exists(), reason="the real catalogues are not here")

ROWS = [["id", "name", "price", "brand"], ["1", 'Lamp, "Arc"\nsecond line', "£3.42", "Lumo"], ["2", "Desk", "", ""]]
PRODUCTS = [Product("1", title='Lamp, "Arc" second line', price=3.42, brand="Lumo"), Product("2", title="Desk")]


def table(rows: list[list[str]], separator: str) -> str:
    quoted = ([f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in rows)
    return "\r\n".join(separator.join(row) for row in quoted) + "\r\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def read(path: Path, **options: Any) -> list[Product | Rejected]:
    return list(read_catalogue(path, **options))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    assert read(write(tmp_path / "shop.csv", table(ROWS, separator))) == PRODUCTS


@pytest.mark.parametrize(("stated", "written"), [("~", "~"), ("tab", "\t"), ("\\t", "\t"), ("\t", "\t")])
def test_the_separator_can_be_stated(tmp_path: Path, stated: str, written: str) -> None:
    assert read(write(tmp_path / "shop.txt", table(ROWS, written)), separator=stated) == PRODUCTS


@given(
    st.sampled_from(",;\t|"),
    st.lists(st.lists(st.text('ab,;\t|" ', max_size=8), min_size=3, max_size=3), min_size=1, max_size=8),
)
def test_the_separator_is_found_whatever_quoted_cells_hold(separator: str, rows: list[list[str]]) -> None:
    lines = table([["id", "name", "price"], *rows], separator).splitlines(keepends=True)
    assert _likely_separator(lines) == separator


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_a_packed_table_with_a_byte_order_mark_reads_under_any_name(tmp_path: Path, compress: Any) -> None:
    path = tmp_path / "shop.dat"
    path.write_bytes(compress(b"\xef\xbb\xbf" + table(ROWS, ",").encode()))
    assert read(path) == PRODUCTS


def test_a_table_of_one_column_reads(tmp_path: Path) -> None:
    assert read(write(tmp_path / "ids.csv", "sku\nA\nB\n")) == [Product("A"), Product("B")]


def test_columns_without_a_header_are_numbered_from_one(tmp_path: Path) -> None:
    path = write(tmp_path / "offers.csv", "7,Lamp,shop a,42\n8,Desk,shop b,42\n")
    mapping = {"product_id": "1", "title": "2", "source": "3", "cluster_id": "4"}
    assert read(path, header=False, mapping=mapping) == [
        Product("7", title="Lamp", source="shop a", fields={"cluster_id": 42}),
        Product("8", title="Desk", source="shop b", fields={"cluster_id": 42}),
    ]


def test_column_names_are_known_whatever_their_case_spaces_and_dashes(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.csv", "Product-ID,Product Name,MANUFACTURER,imageURL\n1,Lamp,Lumo,http://img/1\n")
    assert read(path) == [Product("1", title="Lamp", brand="Lumo", image_urls=("http://img/1",))]


def test_the_likeliest_of_several_known_columns_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.csv", "name,sku,id,Title,TITLE\nshort,S,1,long,LONG\n")
    assert read(path) == [Product("1", title="long")]
    assert read(path, mapping={"product_id": "sku"}) == [Product("S", title="long")]


def test_columns_neither_known_nor_mapped_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.csv", "id,colour,year,ean13\n1,Navy,2012,0012345678905\n2,,n/a,\n")
    assert read(path) == [Product("1"), Product("2")]
    mapping = {"colour": "colour", "made": "year", "ean": "ean13"}
    assert [dict(item.fields) for item in read(path, mapping=mapping) if isinstance(item, Product)] == [
        {"colour": "Navy", "made": 2012, "ean": "0012345678905"},
        {"made": "n/a"},
    ]


def test_list_columns_are_cut_at_the_stated_separator(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.csv", "id,category,images,also_buy\n1,A > B|C,http://a|http://b,2|1|3\n")
    assert read(path, list_separator="|") == [
        Product("1", categories=("A", "B", "C"), image_urls=("http://a", "http://b"), also_buy=("2", "3"))
    ]
    assert read(write(path, "id,category\n1,A / B\n"), list_separator=" / ") == [Product("1", categories=("A", "B"))]


def test_a_list_field_takes_several_columns_and_a_text_the_first_that_says_something(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.csv", "id,top,sub,long,short,pic1,pic2\n1,Home,Lamps,,Arc,http://a,http://b\n")
    mapping = {"categories": ["top", "sub"], "title": ["long", "short"], "image_urls": ["pic1", "pic2"]}
    assert read(path, mapping=mapping) == [
        Product("1", title="Arc", categories=("Home", "Lamps"), image_urls=("http://a", "http://b"))
    ]


def test_a_table_made_of_an_amazon_file_reads_like_one(tmp_path: Path) -> None:
    cells = ["L1", "Arc Lamp", "['Home', 'Lamps']", "['L2']", "['http://img/1-hi']", "['http://img/1']"]
    names = ["asin", "product_name", "category", "also_buy", "imageURLHighRes", "imageURL"]
    assert read(write(tmp_path / "meta.csv", table([names, cells], ","))) == [
        Product("L1", title="Arc Lamp", categories=("Home", "Lamps"), image_urls=("http://img/1-hi",), also_buy=("L2",))
    ]


def test_rows_of_another_width_are_rejected_with_the_line_they_begin_on(tmp_path: Path) -> None:
    text = 'id,name,price\n1,"Arc\nLamp",1\n\n2,Desk\n,,\n3,Bed,7,8\n4,Cot,7,,\n ,Mat,1\n5,"Rug,2\n6,Pot,3\n'
    path = write(tmp_path / "shop.csv", text)
    first, *rejects = read(path)
    assert first == Product("1", title="Arc Lamp", price=1.0)
    assert rejects == [
        Rejected(5, "too few columns", str(path), "2,Desk"),
        Rejected(7, "too many columns", str(path), "3,Bed,7,8"),
        Product("4", title="Cot", price=7.0),
        Rejected(9, "no product id", str(path), " ,Mat,1"),
        Rejected(10, "too few columns, is a quote never closed?", str(path), "5,Rug,2\n6,Pot,3\n"),
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "cp1252"])
def test_another_encoding_reads_when_it_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes("id,name\n1,Café\n".encode(encoding))
    assert read(path, encoding=encoding) == [Product("1", title="Café")]


NESTED = {
    "sku": 17,
    "offer": {"price": "9,99 €", "shops": [{"name": "a"}, {"name": "b"}]},
    "names": ["Arc", "Bow"],
    "flat.key": "kept",
    "table": [{"name": "colour", "value": "red"}, {"name": "size", "value": "XL"}],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sku", 17),
        ("offer.price", "9,99 €"),
        ("offer.shops.1.name", "b"),
        ("offer.shops.name", ["a", "b"]),
        ("names.0", "Arc"),
        ("names.7", None),
        ("flat.key", "kept"),
        ("sku.deeper", None),
        ("nothing", None),
        ("offer.nothing.deeper", None),
    ],
)
def test_dotted_paths_reach_into_objects_and_lists(path: str, value: object) -> None:
    assert look_up(NESTED, path) == value


def test_nested_objects_read_by_mapping(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.jsonl", json.dumps(NESTED) + "\n")
    mapping = {"title": "names.0", "price": "offer.price", "features": "table.value", "shops": "offer.shops.name"}
    assert read(path, mapping=mapping) == [
        Product("17", title="Arc", price=9.99, features=("red", "XL"), fields={"shops": "a, b"})
    ]


def test_table_format_goes_by_names_only_even_in_an_amazon_file(tmp_path: Path) -> None:
    path = write(tmp_path / "meta.jsonl", '{"asin": "A", "feature": ["Dims"], "imageURLHighRes": ["http://img"]}\n')
    assert read(path, format="table") == [Product("A", features=("Dims",))]


def test_parquet_reads_numbers_lists_and_structs(tmp_path: Path) -> None:
    path = tmp_path / "shop.bin"  # known by its content
    rows = [
        {"id": 1.0, "title": "Arc", "category": ["Home", "Lamps"], "offer": {"price": 9.5}, "photo": b"\x00"},
        {"id": 2.0, "title": None, "category": None, "offer": None, "photo": None},
        {"id": None, "title": "Lost", "category": None, "offer": None, "photo": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert read(path, mapping={"price": "offer.price"}) == [
        Product("1", title="Arc", categories=("Home", "Lamps"), price=9.5),
        Product("2"),
        Rejected(3, "no product id", str(path), '{"id": null, "title": "Lost", "category": null, "offer": null}'),
    ]


def test_parquet_rows_are_numbered_across_batches(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    pq.write_table(pa.table({"id": [str(n) if n % 1500 else "" for n in range(1, 3001)]}), path)
    assert [item.line for item in read(path) if isinstance(item, Rejected)] == [1500, 3000]


@needs_real
def test_the_real_offers_without_a_header_read_whole() -> None:
    mapping = {"product_id": "1", "title": "2", "source": "3", "cluster_id": "4", "categories": "7"}
    offers = read(REAL / "pricerunner" / "pricerunner_aggregate.csv.gz", header=False, mapping=mapping)
    products = [offer for offer in offers if isinstance(offer, Product)]
    assert len(products) == len(offers) == 35311
    assert len({product.fields["cluster_id"] for product in products}) == 13233
    assert len({product.categories for product in products}) == 10
    assert all(product.title and product.source for product in products)


@needs_real
def test_the_real_shops_in_latin_1_read_whole() -> None:
    sizes = [len(read(REAL / "abt_buy" / name, encoding="latin-1")) for name in ("Abt.csv", "Buy.csv")]
    assert sizes == [1081, 1092]


@needs_real
def test_the_real_toys_read_without_being_told_anything() -> None:
    toys = read(REAL / "amazon_toys" / "amazon_co-ecommerce_sample.csv.gz")
    products = [toy for toy in toys if isinstance(toy, Product)]
    assert len(products) == len(toys) == 10000
    assert len({product.categories for product in products}) == 256
    assert sum(product.price is not None for product in products) == 8565


@needs_real
def test_the_real_fashion_styles_read_with_three_category_columns() -> None:
    mapping = {"categories": ["masterCategory", "subCategory", "articleType"], "year": "year"}
    products = [item for item in read(REAL / "fashion" / "styles.csv.gz", mapping=mapping) if isinstance(item, Product)]
    assert len(products) == 43366
    assert {type(product.fields.get("year", 0)) for product in products} == {int}


def test_a_constant_field_stands_above_its_column_in_every_product(tmp_path):
    (tmp_path / "a.csv").write_text("id,title,source\n1,case,other\n2,cable,\n")
    products = list(read_catalogue(tmp_path / "a.csv", constants={"source": "abt", "season": "2024"}))
    assert [(product.source, dict(product.fields)) for product in products] == [("abt", {"season": 2024})] * 2
