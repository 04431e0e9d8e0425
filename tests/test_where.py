import pytest

from indexer.store.where import Condition, parse_condition, typed


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("brand=Apple", Condition("brand", "=", ("Apple",))),
        ("brand=Apple,Sony", Condition("brand", "=", ("Apple", "Sony"))),
        ("brand != Apple", Condition("brand", "!=", ("Apple",))),
        ("price<20", Condition("price", "<", (20,))),
        ("price<=19.5", Condition("price", "<=", (19.5,))),
        ("price>1e3", Condition("price", ">", (1000,))),
        ("price>=0", Condition("price", ">=", (0,))),
        ("brand=Hide\\, Co,Shell", Condition("brand", "=", ("Hide, Co", "Shell"))),
        ("title=a=b", Condition("title", "=", ("a=b",))),
        (" brand = two words ", Condition("brand", "=", ("two words",))),
    ],
)
def test_expressions_are_read_as_written(expression, expected):
    assert parse_condition(expression) == expected


@pytest.mark.parametrize("expression", ["", "brand", "=Apple", "<5"])
def test_what_is_no_filter_is_refused_with_the_form_it_needs(expression):
    with pytest.raises(ValueError, match="is not a filter: write FIELD=VALUE, with =, !=, <, <=, > or >="):
        parse_condition(expression)


def test_a_filter_without_a_value_is_refused():
    with pytest.raises(ValueError, match="the filter on 'brand' has no value: write brand=VALUE"):
        parse_condition("brand=,")


def test_an_ordering_needs_one_number():
    with pytest.raises(ValueError, match="'price<cheap' needs one number on the right: price<20"):
        parse_condition("price<cheap")
    with pytest.raises(ValueError, match="'price<1,2' needs one number on the right"):
        parse_condition("price<1,2")


def test_text_fields_keep_numbers_as_text_and_cannot_be_ordered():
    assert typed(parse_condition("brand=360"), "keyword").values == ("360",)
    with pytest.raises(ValueError, match="'brand' holds text, which < cannot order: use = or !="):
        typed(parse_condition("brand<5"), "keyword")


def test_labels_are_whole_numbers_and_prices_any():
    assert typed(parse_condition("identity=3,4"), "integer").values == (3, 4)
    assert [type(value) for value in typed(parse_condition("price=3"), "float").values] == [float]
    with pytest.raises(ValueError, match="'identity' holds numbers, got 'Apple'"):
        typed(parse_condition("identity=Apple"), "integer")


def test_a_label_is_never_rounded_to_another_one():
    with pytest.raises(ValueError, match=r"'identity' holds whole numbers, got 3\.5"):
        typed(parse_condition("identity=3.5"), "integer")


def test_a_users_column_is_matched_as_text_and_as_a_number():
    assert typed(parse_condition("year=2019"), None).values == ("2019", 2019.0)
    assert typed(parse_condition("tone=warm"), None).values == ("warm",)
