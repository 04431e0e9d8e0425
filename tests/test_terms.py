import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.embedders.terms import terms, terms_text, words
from indexer.products import Product


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nova X2, 64 GB (Black)", ["nova", "x2", "64", "gb", "black", "64gb"]),
        ("64gb", ["64", "gb", "64gb"]),
        ("6.1-inch screen", ["6.1", "inch", "screen", "6.1inch"]),
        ("pack of cards", ["pack", "of", "cards"]),
        ("rf-3111/aw", ["rf", "3111", "aw", "3111aw"]),
        ("écran für täglich", ["écran", "für", "täglich"]),
        ("...", []),
    ],
)
def test_words_are_lower_case_and_a_number_is_also_joined_to_its_unit(text, expected):
    assert words(text) == expected


def test_two_spellings_of_a_capacity_give_the_same_vector():
    assert terms("phone 64 GB") == terms("phone 64gb")
    assert terms("phone 64 GB") != terms("phone 128 GB")


def test_a_word_said_twice_weighs_more_but_less_than_double():
    once, twice = terms("case").values[0], terms("case case").values[0]
    assert once == pytest.approx(1.0)
    assert twice == pytest.approx(2 * 2.2 / 3.2)


def test_a_product_without_a_title_is_found_by_its_features():
    product = Product("1", brand="Shell", categories=("Cases",), features=("clear",))
    assert terms_text(product) == "clear Shell Cases"


@given(st.text())
def test_any_text_gives_ascending_unique_indices_and_positive_weights(text):
    sparse = terms(text)
    assert list(sparse.indices) == sorted(set(sparse.indices))
    assert all(0 <= index < 2**32 for index in sparse.indices)
    assert all(value > 0 for value in sparse.values)
