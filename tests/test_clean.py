"""The text rules, a line each."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.clean import (
    clean_categories,
    clean_field,
    clean_id,
    clean_links,
    clean_price,
    clean_text,
    clean_texts,
    clean_title,
    clean_url,
    finite_number,
    flatten,
    plain_text,
    richness,
)
from indexer.products import Product


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("", ""),
        ("  a \n\t b  ", "a b"),
        ("Salt &amp; Pepper", "Salt & Pepper"),
        ("Salt &amp;amp; Pepper", "Salt & Pepper"),
        ("it&#39;s 5&quot; wide", "it's 5\" wide"),
        ("<p>One</p><p>Two</p>", "One Two"),
        ("H<sub>2</sub>O <B>bold</B>, plain", "H2O bold, plain"),
        ("&lt;br /&gt;new line", "new line"),
        ("5 < 6 and 7 > 6, I <3 it", "5 < 6 and 7 > 6, I <3 it"),
        ("<script>var a = '<b>';</script>Lamp<style>.a{b:c}</style>", "Lamp"),
        ("Lamp <!-- <b>old</b> --> new", "Lamp new"),
        ('Lamp <a href="http://x', "Lamp"),
        ("a\x00b\x07c\x9f", "a b c"),
        ("zero\u200bwidth\ufeff soft\u00adhyphen \ud83d", "zerowidth softhyphen"),
        ("no\u00a0break", "no break"),
        ("क\u200d👩\u200d🔧", "क\u200d👩\u200d🔧"),
        ("AT&T R&D &c", "AT&T R&D &c"),
    ],
)
def test_plain_text_is_one_line_without_markup(raw: str, plain: str) -> None:
    assert plain_text(raw) == plain


@given(st.text(alphabet=st.characters(exclude_characters="<&")))
def test_plain_text_of_plain_text_changes_nothing_and_can_be_written(text: str) -> None:
    once = plain_text(text)
    assert plain_text(once) == once
    assert "\n" not in once
    once.encode("utf-8")


@given(st.text())
def test_any_text_at_all_can_be_cleaned_and_what_comes_out_can_be_stored(text: str) -> None:
    cleaned = [clean(text) for clean in (plain_text, clean_title, clean_text, clean_id, clean_field)]
    for value in (*cleaned, *clean_categories(text)):
        assert str(value).encode("utf-8").decode("utf-8") == str(value)
        assert "\n" not in str(value)
    price = clean_price(text)
    assert price is None or (price >= 0 and math.isfinite(price))


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, []),
        (math.nan, []),
        ("", []),
        ("a", ["a"]),
        (["a", ["b", None], ("c",)], ["a", "b", "c"]),
        ({"x": "a", "y": ["b"]}, ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        ("['a', \"it's\"]", ["a", "it's"]),
        ("[used] lamp [red]", ["[used] lamp [red]"]),
        ("[1", ["[1"]),
        (12.0, ["12"]),
        (12.5, ["12.5"]),
        (True, ["true"]),
        (0, ["0"]),
    ],
)
def test_flatten_walks_whatever_a_column_holds(value: object, texts: list[str]) -> None:
    assert list(flatten(value)) == texts


def test_flatten_cuts_texts_at_the_separator_stated() -> None:
    assert list(flatten(["a|b", "c"], "|")) == ["a", "b", "c"]
    assert list(flatten("a|b")) == ["a|b"]


def test_description_as_list_or_string_is_one_text() -> None:
    assert clean_text(["One.", "", "<p>Two.</p>"]) == "One. Two."
    assert clean_text("One.") == "One."


def test_script_and_css_among_paragraphs_are_left_out() -> None:
    pieces = ["var aPageStart = 1;", "Fits all.", ".a-box-inner{background-color:#fff}", "P.when('A').execute()"]
    assert clean_texts(pieces) == ("Fits all.",)


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        ("Phone &amp; Case", "Phone & Case"),
        ('<span id="productTitle" class="a-size-large">\n  Desk Lamp\n</span>', "Desk Lamp"),
        ('<span id="productTitle"', ""),
        ('<span id="ie_badge"></span>', ""),
        ("var aPageStart = (new Date()).getTime();", ""),
        ("Lamp\nvar ue_t0=ue_t0||+new Date();", ""),
        ("$(document).ready(go)", ""),
        ("function () { return 1 }", ""),
        (["Desk", "Lamp"], "Desk Lamp"),
        (None, ""),
        (1984, "1984"),
    ],
)
def test_a_title_is_plain_or_empty_when_it_is_a_script(raw: object, title: str) -> None:
    assert clean_title(raw) == title


@pytest.mark.parametrize(
    ("raw", "price"),
    [
        (None, None),
        ("", None),
        (12.5, 12.5),
        (7, 7.0),
        (0, 0.0),
        (Decimal("3.10"), 3.1),
        (True, None),
        (math.nan, None),
        (math.inf, None),
        (10**400, None),
        (-1, None),
        (["$12.99"], 12.99),
        ("12.99", 12.99),
        ("$12.99", 12.99),
        ("$.99", 0.99),
        ("£3.42", 3.42),
        ("$1,299.00 - $1,499.00", 1299.0),
        ("12.99 - 24.99", 12.99),
        ("12.99 24.99", 12.99),
        ("1.299,00 €", 1299.0),
        ("1 299,00 kr", 1299.0),
        ("1\u00a0299,5 zł", 1299.5),
        ("CHF 1'299.90", 1299.9),
        ("1.299 €", 1299.0),
        ("1.299", 1.299),
        ("1,299", 1299.0),
        ("0,999 €", 0.999),
        ("12,99", 12.99),
        ("₹1,29,999.00", 129999.0),
        ("1.299.000 Ft", 1299000.0),
        ("from $5.", 5.0),
        ("Currently unavailable", None),
        (".a-box-inner{background-color:#fff}#alohaBuyBoxWidget .selected{border:1px}", None),
        (".a{b:1}", None),
        ("Save when you buy two of these lamps together with 3 bulbs at $9.99 each", None),
    ],
)
def test_a_price_is_its_lower_end_or_none(raw: object, price: float | None) -> None:
    assert clean_price(raw) == price


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_a_price_reads_the_same_in_every_convention(units: int, cents: int) -> None:
    english, price = f"{units:,}.{cents:02}", units + cents / 100
    german = english.translate(str.maketrans(",.", ".,"))
    spaced = english.replace(",", " ")
    assert [clean_price(f"${english}"), clean_price(f"{german} €"), clean_price(spaced)] == pytest.approx([price] * 3)


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (None, ()),
        ("Toys > Trains > Rails", ("Toys", "Trains", "Rails")),
        ("Toys &gt; Trains", ("Toys", "Trains")),
        ("Toys › Trains", ("Toys", "Trains")),
        (["Cards", "Cards", "Gift &amp; More"], ("Cards", "Gift & More")),
        ([["Beauty", "Skin"], ["Beauty", "Hair"]], ("Beauty", "Skin", "Hair")),
        (["Shoes", "</span></span></span>", "Rubber sole"], ("Shoes",)),
        (["Shoes", "It fits every foot.", "More"], ("Shoes",)),
        (["Shoes", "Fair trade"], ("Shoes",)),
        ("['Toys', 'Trains']", ("Toys", "Trains")),
        ("A->B", ("A->B",)),
    ],
)
def test_categories_are_flat_and_each_once(raw: object, names: tuple[str, ...]) -> None:
    assert clean_categories(raw, features=("Fair trade",)) == names


def test_category_paths_are_cut_at_the_separator_and_then_into_steps() -> None:
    assert clean_categories("A > B|C", separator="|") == ("A", "B", "C")


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (None, ()),
        (["B2", "B1", "B2"], ("B2", "B1")),
        (["B2", "SELF", ""], ("B2",)),
        ([" B2 ", "SELF "], ("B2",)),
        (["B-2", None, 7, 8.0], ("B-2", "7", "8")),
        ("B2", ("B2",)),
        ('["B2", "B3"]', ("B2", "B3")),
    ],
)
def test_links_keep_order_and_drop_doubles_and_the_product_itself(value: object, ids: tuple[str, ...]) -> None:
    assert clean_links(value, product_id="SELF") == ids


def test_links_in_one_text_are_cut_at_the_separator() -> None:
    assert clean_links("B2, B3,SELF", product_id="SELF", separator=",") == ("B2", "B3")


@pytest.mark.parametrize(
    ("value", "product_id"),
    [(" B1 ", "B1"), (17, "17"), (17.0, "17"), ("007", "007"), (None, ""), (["B1"], ""), ({}, ""), ("B\ud800", "B")],
)
def test_an_id_is_a_text_without_space_around(value: object, product_id: str) -> None:
    assert clean_id(value) == product_id


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("12", 12),
        ("-3", -3),
        ("2.50", 2.5),
        (4.0, 4),
        ("007", "007"),
        ("1234567890123456", "1234567890123456"),
        ("1e5", "1e5"),
        ("nan", "nan"),
        ("Navy &amp; Blue", "Navy & Blue"),
        (["red", "blue"], "red, blue"),
        (None, ""),
    ],
)
def test_a_further_field_is_a_number_only_when_it_is_written_as_one(value: object, kept: str | float) -> None:
    assert clean_field(value) == kept
    assert type(clean_field(value)) is type(kept)


def test_a_record_with_more_fields_is_richer_than_one_with_longer_text() -> None:
    bare = Product("A")
    worded = Product("A", title="Lamp " * 500)
    titled = Product("A", title="Lamp", price=0.0)
    longer = Product("A", title="Desk lamp", price=0.0)
    linked = Product("A", title="Lamp", price=0.0, also_buy=("B",), fields={"year": 2012})
    assert sorted([linked, longer, titled, worded, bare], key=richness) == [bare, worded, titled, longer, linked]
    assert richness(Product("A", title="ab", categories=("c",), also_buy=("de",))) == 3_000_005


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (" https://a.example/b.jpg?x=1&copy=2\n", "https://a.example/b.jpg?x=1&copy=2"),
        ("https://a.example/\ud83d\u200bb.jpg", "https://a.example/b.jpg"),
    ],
)
def test_an_address_keeps_its_ampersands_and_loses_what_cannot_be_stored(text, clean):
    assert clean_url(text) == clean


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("4.42e-05", 4.42e-05),
        ("1e-05", 1e-05),
        ("-2.5E+3", -2500.0),
        ("1e5", "1e5"),
        ("2E10", "2E10"),
        ("1.5e999", "1.5e999"),
    ],
)
def test_numbers_as_programs_write_them_are_numbers_and_codes_are_not(written, read):
    assert clean_field(written) == read


@pytest.mark.parametrize(
    ("value", "number"),
    [("1e5", 1e5), (" 2.5 ", 2.5), (True, 1.0), ("1_000", None), ("inf", None), ("", None), (None, None)],
)
def test_a_finite_number_is_read_from_what_is_one(value, number):
    found = finite_number(value)
    assert found == number if number is not None else math.isnan(found)
