"""Amazon's three generations of product files, each recognised by itself."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from indexer.catalogue import CatalogueError, read_catalogue
from indexer.products import Product, Rejected

REAL = Path(__file__).parents[2] / "shared" / "data"

OF_2018: dict[str, Any] = {
    "category": ["Lamps", "Desk Lamps", "Dimmable"],
    "tech1": "",
    "description": ["Bright &amp; <b>warm</b>.", "For desks."],
    "title": "Arc Desk Lamp",
    "also_buy": ["L2", "L1", "L3", "L2"],
    "also_view": ["L4"],
    "brand": "Lumo",
    "feature": ["<span>\n Dimmable </span>"],
    "rank": "4,321 in Lamps (",
    "price": "$1,019.50 - $1,200.00",
    "asin": "L1",
    "imageURL": ["http://img/1._SS40_.jpg", "http://img/2._SS40_.jpg"],
    "imageURLHighRes": ["http://img/1.jpg", "http://img/2.jpg"],
}
AS_PRODUCT = Product(
    "L1",
    title="Arc Desk Lamp",
    description="Bright & warm. For desks.",
    brand="Lumo",
    categories=("Lamps", "Desk Lamps"),
    features=("Dimmable",),
    price=1019.5,
    image_urls=("http://img/1.jpg", "http://img/2.jpg"),
    also_buy=("L2", "L3"),
    also_view=("L4",),
)


def write(path: Path, *lines: str) -> Path:
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["meta.json", "meta.json.gz", "meta.gz", "meta"])
@pytest.mark.parametrize("format", ["auto", "amazon"])
def test_a_2018_file_reads_plain_or_packed_under_any_name(tmp_path: Path, name: str, format: str) -> None:
    path = write(tmp_path / name, json.dumps(OF_2018))
    assert list(read_catalogue(path, format=format)) == [AS_PRODUCT]


def test_a_2018_line_without_large_pictures_has_the_small_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "meta.json", json.dumps({**OF_2018, "imageURLHighRes": []}))
    (product,) = read_catalogue(path)
    assert product.image_urls == ("http://img/1._SS40_.jpg", "http://img/2._SS40_.jpg")


def test_a_2014_file_reads_python_literals_and_its_links(tmp_path: Path) -> None:
    first = {
        "asin": "0001",
        "title": "It's a lamp",
        "price": 12.5,
        "imUrl": "http://img/1.jpg",
        "related": {
            "also_bought": ["0002"],
            "also_viewed": ["0003", "0004"],
            "bought_together": ["0005"],
            "buy_after_viewing": ["0004", "0006"],
        },
        "salesRank": {"Home": 5},
        "brand": "Lumo",
        "categories": [["Home", "Lamps"], ["Home", "Gifts"]],
        "description": 'A "bright" one',
    }
    second = {"asin": "0002", "categories": [["Home"]]}
    assert list(read_catalogue(write(tmp_path / "meta.json.gz", repr(first), repr(second)))) == [
        Product(
            "0001",
            title="It's a lamp",
            description='A "bright" one',
            brand="Lumo",
            categories=("Home", "Lamps", "Gifts"),
            price=12.5,
            image_urls=("http://img/1.jpg",),
            also_buy=("0002",),
            also_view=("0003", "0004", "0006"),
            bought_together=("0005",),
        ),
        Product("0002", categories=("Home",)),
    ]


@pytest.mark.parametrize(
    "images",
    [
        [
            {"hi_res": "http://img/1-hi.jpg", "large": "http://img/1.jpg", "thumb": "http://img/1-t.jpg"},
            {"hi_res": None, "large": "http://img/2.jpg", "thumb": "http://img/2-t.jpg"},
        ],
        {
            "hi_res": ["http://img/1-hi.jpg", None],
            "large": ["http://img/1.jpg", "http://img/2.jpg"],
            "thumb": ["http://img/1-t.jpg", "http://img/2-t.jpg"],
        },
    ],
    ids=["a list of pictures", "a list of addresses for each size"],
)
def test_a_2023_file_takes_each_picture_at_its_best(tmp_path: Path, images: object) -> None:
    record = {
        "main_category": "Home",
        "title": "Arc Lamp",
        "features": ["Dimmable"],
        "description": ["Bright."],
        "price": "None",
        "images": images,
        "store": "Lumo",
        "categories": ["Home", "Lamps"],
        "details": {"Brand": "Other"},
        "parent_asin": "P1",
        "bought_together": None,
    }
    assert list(read_catalogue(write(tmp_path / "meta.jsonl", json.dumps(record)))) == [
        Product(
            "P1",
            title="Arc Lamp",
            description="Bright.",
            brand="Lumo",
            categories=("Home", "Lamps"),
            features=("Dimmable",),
            image_urls=("http://img/1-hi.jpg", "http://img/2.jpg"),
        )
    ]


def test_a_2023_line_without_a_store_takes_the_brand_among_its_details(tmp_path: Path) -> None:
    lines = [{"parent_asin": "P1", "store": None, "details": {"Brand": "Lumo"}}, {"parent_asin": "P2", "details": "{}"}]
    products = read_catalogue(write(tmp_path / "meta.jsonl", *map(json.dumps, lines)))
    assert list(products) == [Product("P1", brand="Lumo"), Product("P2")]


def test_a_cleaned_file_with_links_at_the_top_reads_too(tmp_path: Path) -> None:
    record = {
        "asin": "A",
        "brand": "Lumo &amp; Co",
        "category": ["Beauty"],
        "also_buy": ["B"],
        "bought_together": ["C"],
    }
    products = read_catalogue(write(tmp_path / "products.jsonl", json.dumps(record)))
    assert list(products) == [
        Product("A", brand="Lumo & Co", categories=("Beauty",), also_buy=("B",), bought_together=("C",))
    ]


def test_a_mapping_adds_to_what_is_recognised_and_overrides_it(tmp_path: Path) -> None:
    path = write(tmp_path / "meta.json", json.dumps(OF_2018))
    mapping = {"rank": "rank", "brand": "tech1", "image_urls": "imageURL.1"}
    (product,) = read_catalogue(path, mapping=mapping)
    assert isinstance(product, Product)
    assert product.fields == {"rank": "4,321 in Lamps ("}
    assert product.brand == ""
    assert product.image_urls == ("http://img/2._SS40_.jpg",)


def test_lines_that_cannot_be_used_are_rejected_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_bytes(
        b'{"asin": "A"}\n\n{"asin": "B", "tit\n[1]\r\n{"title": "no id"}\n{"asin": "\xe9"}\n{"asin": ""}\n'
        b"{'asin': f()}\n" + b'"' + b"x" * 3000 + b'"\n{"asin": "C\t"}'
    )
    first, *rejects, last = read_catalogue(path)
    assert (first, last) == (Product("A"), Product("C"))
    assert rejects == [
        Rejected(3, "not JSON", str(path), '{"asin": "B", "tit'),
        Rejected(4, "not an object", str(path), "[1]"),
        Rejected(5, "no product id", str(path), '{"title": "no id"}'),
        Rejected(6, "not utf-8 text", str(path), '{"asin": "\ufffd"}'),
        Rejected(7, "no product id", str(path), '{"asin": ""}'),
        Rejected(8, "not JSON", str(path), "{'asin': f()}"),
        Rejected(9, "not an object", str(path), '"' + "x" * 1999),
    ]


def test_nesting_without_end_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path / "meta.json", '{"asin": "A"}', "[" * 100_000, '{"asin": "B"}')
    assert [getattr(item, "reason", "") for item in read_catalogue(path)] == ["", "not JSON", ""]


def test_a_limit_counts_products_and_not_rejected_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "meta.json", "junk", *(json.dumps({"asin": f"A{n}"}) for n in range(5)))
    items = list(read_catalogue(path, limit=2))
    assert [type(item) for item in items] == [Rejected, Product, Product]


def test_insisting_on_amazon_names_the_fields_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.jsonl", '{"sku": 1, "name": "Lamp"}')
    with pytest.raises(CatalogueError) as caught:
        list(read_catalogue(path, format="amazon"))
    assert str(caught.value) == (
        f"{path}, line 1: has neither 'asin' nor 'parent_asin' for an id, there are 'sku', 'name': "
        "read it with `--format table`"
    )


@pytest.mark.skipif(not REAL.exists(), reason="the real catalogues are not here")
def test_the_real_gift_cards_read_whole() -> None:
    products = list(read_catalogue(REAL / "amazon_gift_cards_2018" / "meta_Gift_Cards.json.gz"))
    assert len(products) == 1547
    assert all(isinstance(item, Product) and item.title for item in products)
    categories = Counter(name for item in products if isinstance(item, Product) for name in item.categories)
    assert categories == {"Gift Cards": 1542, "Gift Card Accessories": 28}


@pytest.mark.skipif(not REAL.exists(), reason="the real catalogues are not here")
def test_the_real_beauty_products_read_whole() -> None:
    products = [p for p in read_catalogue(REAL / "amazon_beauty_2014" / "products.jsonl.gz") if isinstance(p, Product)]
    assert len(products) == 12101
    assert all("Beauty" in product.categories for product in products)
    assert not any("&amp;" in product.brand for product in products)
