"""Catalogue lines in the Amazon 2018 format, clean and dirty."""

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from .kinds import DEPARTMENT
from .products import SampleProduct
from .words import PRICE_JUNK, TITLE_JUNK

Record = dict[str, Any]


class Outcome(Enum):
    """What becomes of a dirty line."""

    UNUSABLE = auto()  # an extra line that can never be a product
    DUPLICATE = auto()  # an extra, poorer line for a product that has one
    READABLE = auto()  # a product's only line, hard to read


@dataclass(frozen=True, slots=True)
class Dirt:
    """One kind of dirty line, and how to make it from a clean record and an id that no product has."""

    name: str
    outcome: Outcome
    line: Callable[[Record, str], str]


def amazon_record(product: SampleProduct) -> Record:
    """Lay a product out as the Amazon 2018 metadata does, field by field."""
    return {
        "category": list(product.categories),
        "tech1": "",
        "description": list(product.description),
        "fit": "",
        "title": product.title,
        "also_buy": list(product.also_buy),
        "tech2": "",
        "brand": product.brand,
        "feature": list(product.features),
        "rank": [f"#{max(1, round(1_000_000 / product.sales)):,} in {DEPARTMENT} (See Top 100)"],
        "also_view": list(product.also_view),
        "details": {"ASIN: ": product.product_id, "Shipping Weight:": "4 ounces"},
        "main_cat": DEPARTMENT,
        "similar_item": "",
        "date": "October 4, 2018",
        "price": f"${product.price:,.2f}",
        "asin": product.product_id,
        "imageURL": [product.image_url],
        "imageURLHighRes": [product.image_url.replace(".jpg", "_large.jpg")],
    }


def amazon_line(record: Record) -> str:
    """Write a record as one line of JSON, as the Amazon 2018 files do."""
    return json.dumps(record)


def _broken(record: Record, spare_id: str) -> str:
    line = amazon_line(record | {"asin": spare_id})
    return line[: len(line) * 2 // 3]


def _without_id(record: Record, _: str) -> str:
    return amazon_line({name: value for name, value in record.items() if name not in {"asin", "details"}})


def _without_text(record: Record, spare_id: str) -> str:
    nothing: Record = {"title": "", "brand": "", "main_cat": "", "description": [], "feature": [], "category": []}
    links: Record = {"also_buy": [], "also_view": [], "details": {"ASIN: ": spare_id}}
    return amazon_line(record | nothing | links | {"asin": spare_id})


def _poorer(record: Record, _: str) -> str:
    nothing: Record = {"description": [], "feature": [], "also_buy": [], "also_view": [], "price": "", "rank": []}
    return amazon_line(record | nothing | {"imageURL": [], "imageURLHighRes": []})


def _marked_up(record: Record, _: str) -> str:
    title, _, rest = html.escape(record["title"]).partition(" ")
    return amazon_line(
        record
        | {
            "title": f"<b>{title}</b>&nbsp;{rest}",
            "brand": html.escape(record["brand"]),
            "description": [f"<p>{html.escape(paragraph)}</p><br />" for paragraph in record["description"]],
        }
    )


def _price_range(record: Record, _: str) -> str:
    low = float(record["price"].lstrip("$").replace(",", ""))
    return amazon_line(record | {"price": f"${low:,.2f} - ${low * 1.25:,.2f}"})


def _description_as_text(record: Record, _: str) -> str:
    return amazon_line(record | {"description": f"{record['title']}. Sold as shown."})


DIRT = (
    Dirt("broken JSON", Outcome.UNUSABLE, _broken),
    Dirt("no product id", Outcome.UNUSABLE, _without_id),
    Dirt("empty object", Outcome.UNUSABLE, lambda _, spare_id: "{}"),
    Dirt("no text", Outcome.UNUSABLE, _without_text),
    Dirt("duplicate id", Outcome.DUPLICATE, _poorer),
    Dirt("markup for a title", Outcome.READABLE, lambda record, _: amazon_line(record | {"title": TITLE_JUNK[0]})),
    Dirt("script for a title", Outcome.READABLE, lambda record, _: amazon_line(record | {"title": TITLE_JUNK[1]})),
    Dirt("tags and entities", Outcome.READABLE, _marked_up),
    Dirt("style sheet for a price", Outcome.READABLE, lambda record, _: amazon_line(record | {"price": PRICE_JUNK})),
    Dirt("price range", Outcome.READABLE, _price_range),
    Dirt("description as text", Outcome.READABLE, _description_as_text),
    Dirt(
        "nested category", Outcome.READABLE, lambda record, _: amazon_line(record | {"category": [record["category"]]})
    ),
)
