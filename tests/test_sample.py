import csv
import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from itertools import pairwise
from random import Random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.sample import COLOURS, MINIMUM, Role, sample_products, write_sample
from indexer.sample.kinds import ACCESSORIES, HUBS, PHONE
from indexer.sample.lines import DIRT, Outcome, amazon_line, amazon_record
from indexer.sample.products import asin
from indexer.sample.wording import ProductLine, offer_titles
from indexer.sample.words import PRICE_JUNK, TITLE_JUNK

SEEDS = (0, 1, 7)


@pytest.fixture(scope="module", params=SEEDS)
def world(request):
    return list(sample_products(1500, seed=request.param))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), products=1500, seed=7)


def lines_of(summary):
    with gzip.open(summary.catalogue, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def by(products, attribute):
    groups = defaultdict(list)
    for product in products:
        groups[getattr(product, attribute)].append(product)
    return groups


def dirt(name):
    (found,) = (row for row in DIRT if row.name == name)
    return found


# The same arguments, the same bytes


def test_the_same_arguments_write_the_same_bytes_anywhere(tmp_path):
    one = write_sample(tmp_path / "one", products=300, seed=3)
    two = write_sample(str(tmp_path / "deep" / "two"), products=300, seed=3)
    assert digest(one.catalogue) == digest(two.catalogue)
    assert digest(one.truth) == digest(two.truth)
    assert (one.catalogue.name, one.truth.name) == ("catalogue.jsonl.gz", "truth.csv")


def test_another_seed_writes_another_catalogue(tmp_path):
    digests = {digest(write_sample(tmp_path, products=300, seed=seed).catalogue) for seed in (-1, 0, 1, 2)}
    assert len(digests) == 4


def test_the_packed_file_tells_neither_its_name_nor_its_time(tmp_path):
    header = write_sample(tmp_path, products=50, seed=1).catalogue.read_bytes()[:8]
    assert header == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


def test_another_seed_invents_other_products():
    titles = [{product.title for product in sample_products(300, seed=seed)} for seed in (-1, 0, 1, 2)]
    hubs = {title for _, title, _ in HUBS}
    assert all(len(one & other) < 0.1 * len(one) for one, other in pairwise(titles))
    assert set.intersection(*titles) == hubs


def test_a_sample_replaces_the_one_before(tmp_path):
    write_sample(tmp_path, products=600, seed=1)
    small = write_sample(tmp_path, products=100, seed=1)
    assert len(lines_of(small)) == small.lines
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalogue.jsonl.gz", "truth.csv"]


def test_too_few_products_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(
        ValueError, match=r"^products must be at least 50 to fill one phone's shelf, got 49: ask for more$"
    ):
        write_sample(tmp_path / "new", products=49, seed=1)
    assert not (tmp_path / "new").exists()


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    file = tmp_path / "taken"
    file.write_text("mine")
    with pytest.raises(NotADirectoryError) as refused:
        write_sample(file, products=50, seed=1)
    assert str(refused.value) == f"cannot write a sample into {file}, which is a file: name a directory"
    assert file.read_text() == "mine"


def test_progress_adds_up_to_the_products_written(tmp_path):
    steps = []
    write_sample(tmp_path, products=123, seed=1, progress=steps.append)
    assert sum(steps) == 123


# The file against the world, line by line


def test_the_truth_has_each_usable_product_exactly_once(written):
    with written.truth.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    expected = [
        [product.product_id, str(product.identity), str(product.variant_group), product.category, product.role.value]
        for product in sample_products(1500, seed=7)
    ]
    assert rows == [["product_id", "identity", "variant_group", "category", "role"], *expected]


def test_every_line_is_a_clean_product_or_counted_as_dirty(written):
    world = {product.product_id: amazon_record(product) for product in sample_products(1500, seed=7)}
    found = Counter(kind_of_line(line, world) for line in lines_of(written))
    clean = found.pop("clean")
    assert found == Counter(written.unusable) + Counter(written.readable) + Counter(
        {"duplicate id": written.duplicates}
    )
    assert clean == written.products - sum(written.readable.values())
    assert written.lines == written.products + sum(written.unusable.values()) + written.duplicates


def kind_of_line(line, world):
    """Tell what a line is with one plain question after another."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return "broken JSON"
    if not record:
        return "empty object"
    if "asin" not in record:
        return "no product id"
    if record["asin"] not in world:
        return "no text"
    clean = world[record["asin"]]
    changed = {name for name in clean if record[name] != clean[name]}
    if not changed:
        return "clean"
    if record["title"] in TITLE_JUNK:
        return ("markup for a title", "script for a title")[TITLE_JUNK.index(record["title"])]
    if changed == {"price"}:
        return "price range" if " - " in record["price"] else "style sheet for a price"
    if changed == {"description"}:
        return "description as text"
    if changed == {"category"}:
        return "nested category"
    return "duplicate id" if record["title"] == clean["title"] else "tags and entities"


def test_about_two_in_a_hundred_lines_are_dirty_as_many_of_each_kind(tmp_path):
    summary = write_sample(tmp_path, products=6000, seed=2)
    assert summary.unusable == dict.fromkeys(("broken JSON", "no product id", "empty object", "no text"), 10)
    assert summary.duplicates == 10
    assert set(summary.readable.values()) == {10}
    assert len(summary.readable) == 7


def test_the_summary_counts_what_the_world_holds(written):
    world = list(sample_products(1500, seed=7))
    assert written.products == len(world) == 1500
    assert written.identities == len({product.identity for product in world})
    assert written.variant_groups == len({product.variant_group for product in world})
    assert written.roles == Counter(product.role for product in world)


def test_offers_of_one_product_do_not_lie_together_in_the_file(written):
    identity = {product.product_id: product.identity for product in sample_products(1500, seed=7)}
    ids = re.findall(r'"asin": "(\w+)"', "\n".join(lines_of(written)))
    known = [identity[product_id] for product_id in ids if product_id in identity]
    assert sum(one == next_one for one, next_one in pairwise(known)) < len(known) / 100


# Dirty lines


@pytest.fixture
def product():
    return next(product for product in sample_products(200, seed=1) if product.description and product.features)


def test_a_clean_line_says_what_the_product_is(product):
    record = json.loads(amazon_line(amazon_record(product)))
    assert record["asin"] == product.product_id
    assert record["title"] == product.title
    assert record["brand"] == product.brand
    assert record["price"] == f"${product.price:,.2f}"
    assert tuple(record["description"]) == product.description
    assert tuple(record["feature"]) == product.features
    assert tuple(record["category"]) == product.categories
    assert tuple(record["also_buy"]) == product.also_buy
    assert tuple(record["also_view"]) == product.also_view
    assert record["imageURL"] == [f"https://images.example/{product.product_id}.jpg"]


def test_tags_and_entities_hide_the_same_words(product):
    record = amazon_record(product) | {"title": "Finch & Row Case", "brand": "Finch & Row", "description": ['7" & up']}
    dirty = json.loads(dirt("tags and entities").line(record, ""))
    assert dirty["title"] == "<b>Finch</b>&nbsp;&amp; Row Case"
    assert dirty["brand"] == "Finch &amp; Row"
    assert dirty["description"] == ["<p>7&quot; &amp; up</p><br />"]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("markup for a title", "title", TITLE_JUNK[0]),
        ("script for a title", "title", TITLE_JUNK[1]),
        ("style sheet for a price", "price", PRICE_JUNK),
        ("price range", "price", "$1,299.00 - $1,623.75"),
        ("description as text", "description", "Case. Sold as shown."),
        ("nested category", "category", [["Phones", "Cases"]]),
    ],
)
def test_readable_dirt_spoils_one_field(product, name, field, value):
    record = amazon_record(product) | {"title": "Case", "price": "$1,299.00", "category": ["Phones", "Cases"]}
    dirty = json.loads(dirt(name).line(record, ""))
    assert dirty == record | {field: value}


def test_a_line_without_text_has_an_id_of_its_own_and_nothing_to_embed(product):
    record = json.loads(dirt("no text").line(amazon_record(product), "B0SPARE000"))
    assert record["asin"] == "B0SPARE000"
    assert not any(record[name] for name in ("title", "brand", "main_cat", "description", "feature", "category"))


def test_a_duplicate_is_the_poorer_of_the_two(product):
    clean = amazon_record(product)
    poorer = json.loads(dirt("duplicate id").line(clean, ""))
    assert {name for name in clean if poorer[name] and poorer[name] != clean[name]} == set()
    assert {name for name in clean if clean[name] and not poorer[name]} >= {"description", "feature", "price"}


def test_unusable_lines_never_borrow_the_id_of_a_product(product):
    for row in DIRT:
        if row.outcome is Outcome.UNUSABLE:
            assert f'"asin": "{product.product_id}"' not in row.line(amazon_record(product), "B0SPARE000")


# Products


@settings(max_examples=15, deadline=None)
@given(products=st.integers(MINIMUM, 500), seed=st.integers())
def test_a_world_has_as_many_products_as_asked_numbered_without_gaps(products, seed):
    world = list(sample_products(products, seed=seed))
    assert len({product.product_id for product in world}) == len(world) == products
    for number in ("identity", "variant_group"):
        numbers = {getattr(product, number) for product in world}
        assert numbers == set(range(len(numbers)))


@given(st.lists(st.integers(0, 36**8 - 1), unique=True))
def test_different_numbers_give_different_ids(numbers):
    ids = {asin(number) for number in numbers}
    assert len(ids) == len(numbers)
    assert all(re.fullmatch(r"B0[0-9A-Z]{8}", product_id) for product_id in ids)


def test_ids_repeat_only_after_all_of_them_were_used():
    # Multiples of the stride repeat earlier exactly if it shares a factor, 2 or 3, with the number of ids.
    assert asin(0) == asin(36**8)
    assert len({asin(0), asin(36**8 // 2), asin(36**8 // 3)}) == 3


def test_a_product_has_one_name_and_a_name_one_product(world):
    assert len({(product.identity, product.name) for product in world}) == len(by(world, "identity"))
    assert len(by(world, "name")) == len(by(world, "identity"))


def test_offers_of_one_product_are_worded_differently_and_never_like_another_product(world):
    offers = by(world, "identity").values()
    assert sum(len(group) >= 2 for group in offers) > 0.5 * len(offers)
    assert all(len({product.title for product in group}) == len(group) for group in offers)
    assert all(len({product.identity for product in group}) == 1 for group in by(world, "title").values())


def test_every_title_names_what_tells_its_variant_apart(world):
    for product in world:
        title = re.sub(r"[ ,]", "", product.title).lower().replace("pk", "pack")
        assert all(re.sub(" ", "", option).lower() in title for option in product.variant.split(", ")), product.title


def test_every_title_names_the_phone_it_is_made_for(world):
    made_for_one = {kind.name for kind in (PHONE, *ACCESSORIES) if kind.fits_model or kind is PHONE}
    for product in world:
        if product.goes_with and product.category in made_for_one:
            _, _, model = product.goes_with.partition(" ")
            assert model.lower() in product.title.lower()


def test_every_variant_differs_from_a_sibling_in_one_word(world):
    for group in by(world, "variant_group").values():
        names = {product.name for product in group}
        for name in names if len(names) > 1 else ():
            words = name.replace(",", "").split()
            others = [other.replace(",", "").split() for other in names - {name}]
            assert min(sum(a != b for a, b in zip(words, other, strict=True)) for other in others) == 1, names


def test_variants_share_brand_and_category_but_not_identity(world):
    groups = by(world, "variant_group").values()
    assert all(len({(product.brand, product.category) for product in group}) == 1 for group in groups)
    assert sum(len({product.identity for product in group}) > 1 for group in groups) > 0.5 * len(groups)


def test_offers_of_one_product_cost_about_the_same(world):
    for group in by(world, "identity").values():
        prices = [product.price for product in group]
        assert max(prices) <= 1.1 * min(prices)


def test_prices_lie_in_the_range_of_their_kind(world):
    ranges = {kind.name: kind.prices for kind in (PHONE, *ACCESSORIES)}
    for product in world:
        low, high = ranges[product.category]
        assert 0.95 * low <= product.price <= 1.5 * high


def test_every_product_has_a_colour_and_shows_it_where_colour_is_what_varies(world):
    assert {product.colour for product in world} == set(COLOURS)
    for product in world:
        named = [option for option in product.variant.split(", ") if option in COLOURS]
        assert named in ([], [product.colour])


def test_a_product_has_no_more_offers_than_there_are_templates():
    with pytest.raises(ValueError, match=r"^one product can have at most 6 offers, got 7: add a title template$"):
        offer_titles(ProductLine("B", "L", "S", ("N",), None), ("1",), 7, Random(1))


# Links


def arrivals(world):
    return Counter(other for product in world for other in (*product.also_buy, *product.also_view))


def test_hubs_are_linked_far_more_often_than_anything_else(world):
    linked = arrivals(world)
    hubs = [product for product in world if product.role is Role.HUB]
    others = [linked[product.product_id] for product in world if product.role is not Role.HUB]
    assert len(hubs) == 4
    assert min(linked[hub.product_id] for hub in hubs) > 20 * median(others)
    assert min(linked[hub.product_id] for hub in hubs) > 3 * max(others)


def test_cold_products_have_no_link_in_either_direction(world):
    linked = arrivals(world)
    cold = [product for product in world if product.role is Role.COLD]
    assert 0.05 * len(world) < len(cold) < 0.15 * len(world)
    assert not any(product.also_buy or product.also_view or linked[product.product_id] for product in cold)


def test_popularity_is_far_from_even(world):
    counts = arrivals(world)
    linked = sorted(counts[product.product_id] for product in world if product.role is not Role.HUB)
    assert sum(linked[-len(linked) // 10 :]) > 0.25 * sum(linked)


def test_shoppers_buy_what_goes_with_their_phone_and_view_what_could_replace_it(world):
    known = {product.product_id: product for product in world if product.role is not Role.HUB}
    bought = [(one, known[other]) for one in known.values() for other in one.also_buy if other in known]
    viewed = [(one, known[other]) for one in known.values() for other in one.also_view if other in known]
    complements = [(one, other) for one, other in bought if one is not other]
    substitutes = [(one, other) for one, other in viewed if one is not other]
    same_phone = sum(one.goes_with == other.goes_with for one, other in complements)
    assert 0.9 * len(complements) < same_phone < len(complements)
    assert sum(one.category == other.category for one, other in complements) < 0.05 * len(complements)
    assert all(one.category == other.category and one.identity != other.identity for one, other in substitutes)
    assert sum(one.brand != other.brand for one, other in substitutes) > 0.2 * len(substitutes)


def test_some_links_go_one_way_some_lead_nowhere_and_some_back_to_their_start(world):
    phones = {product.product_id: product.goes_with for product in world}
    links = {(product.product_id, other) for product in world for other in (*product.also_buy, *product.also_view)}
    on_one_shelf = {(one, other) for one, other in links if one != other and phones[one] == phones.get(other)}
    answered = sum((other, one) in on_one_shelf for one, other in on_one_shelf)
    assert 0.5 * len(on_one_shelf) < answered < 0.9 * len(on_one_shelf)
    assert 0.02 * len(links) < sum(other not in phones for _, other in links) < 0.2 * len(links)
    assert 0 < sum(one == other for one, other in links) < 0.02 * len(world)


def test_no_list_of_links_names_a_product_twice(world):
    for product in world:
        assert len(set(product.also_buy)) == len(product.also_buy)
        assert len(set(product.also_view)) == len(product.also_view)
