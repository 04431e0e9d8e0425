import json

import numpy as np
import pytest

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import open_store
from service import tally
from service.exploring import Duplicates, Links, correlations, explore, strongest
from service.report.exploration import exploration_blocks, exploration_lines
from service.report.page import write_page
from service.tally import Spread, Tally


def found_in(products, tmp_path, embedder, **options):
    with open_store(str(tmp_path / "store"), create=True) as store:
        index_products(products, store, embedder)
        return explore(store, **{"seed": 0, **options})


def songs():
    """Twenty songs: energy and loudness rise together, tempo is a number written as text, one key is missing."""
    return [
        Product(
            f"S{n:02}",
            title=f"song number{n}",
            price=1.0 + n,
            fields={
                "energy": float(n),
                "loudness": 2.0 * n - 40,
                "tempo": f" {60 + (n * 7) % 20}",
                "mode": 1.0,
                "genre": "rock" if n < 15 else "pop",
                **({"key": "a"} if n else {}),
            },
        )
        for n in range(20)
    ]


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    class Plain:
        name, dim = "plain", 4

        def embed(self, texts):
            return np.tile(np.eye(1, 4, dtype=np.float32), (len(texts), 1))

    return found_in(songs(), tmp_path_factory.mktemp("music"), Plain())


def test_gaps_kinds_and_common_values_of_each_field(music):
    genre, key, brand = music.field("genre"), music.field("key"), music.field("brand")
    assert (genre.kind, genre.filled, genre.different, genre.common) == ("text", 20, 2, [("rock", 15), ("pop", 5)])
    assert (key.filled, brand.filled, brand.common) == (19, 0, [])
    assert music.field("absent") is None


def test_a_number_written_as_text_counts_as_one(music):
    tempo = music.field("tempo")
    assert (tempo.kind, tempo.numbers.quantiles[0], tempo.numbers.quantiles[4]) == ("number", 60, 79)
    assert music.numeric == ["price", "energy", "loudness", "tempo", "mode"]


def test_a_field_is_numeric_only_where_nearly_all_its_values_are():
    counted = {}
    for numbers in (18, 19):
        field = Tally("size")
        for n in range(20):
            field.add(str(n) if n < numbers else "large", sampled=True)
        counted[numbers] = field.field().kind
    assert counted == {18: "text", 19: "number"}


@pytest.mark.parametrize("text", ["1_000", "nan", "inf", "12 kg", ""])
def test_what_only_looks_like_a_number_is_none(text):
    field = Tally("size")
    field.add(text, sampled=True)
    assert field.field().kind == "text"


def test_correlations_are_numpys_and_a_constant_field_has_none(music):
    place = {name: i for i, name in enumerate(music.numeric)}
    of = music.correlations
    assert of[place["energy"], place["loudness"]] == pytest.approx(1)
    tempo = [60 + (n * 7) % 20 for n in range(20)]
    assert of[place["energy"], place["tempo"]] == pytest.approx(np.corrcoef(range(20), tempo)[0, 1])
    assert np.isnan(of[place["mode"]]).all()
    assert strongest(music, 1) == [(("energy", "loudness"), pytest.approx(1))]


def test_correlations_are_over_the_rows_that_have_both():
    one = np.array([1, 2, np.nan, 4, 5.0])
    other = np.array([2, np.nan, 1, 3, 9.0])
    found = correlations([one, other, np.array([np.nan, np.nan, 1, 2, np.nan])])
    assert found[0, 1] == found[1, 0] == pytest.approx(np.corrcoef([1, 4, 5], [2, 3, 9])[0, 1])
    assert np.isnan(found[2]).all()
    assert correlations([]).shape == (0, 0)


def test_links_are_counted_in_and_out_of_the_set(tmp_path, embedder):
    products = [
        Product("A", title="a", also_buy=("B", "C", "X", "Y")),
        Product("B", title="b", also_buy=("A",), also_view=("Z",)),
        Product("C", title="c"),
        Product("D", title="d", also_buy=("D",)),
    ]
    buy, view, together = found_in(products, tmp_path, embedder).links
    assert buy == Links("also_buy", linking=3, links=6, inside=4, linked=3)  # nobody else links to D
    assert buy.dangling == pytest.approx(1 / 3)
    assert (view.inside, view.dangling) == (0, 1)
    assert (together.links, together.dangling) == (0, 0)


def test_titles_that_differ_in_case_and_punctuation_are_duplicates(tmp_path, embedder):
    titles = ["Red Case!", "red  case", "RED-CASE", "Blue case", "blue case.", "usb cable", ""]
    products = [Product(f"P{n}", title=title, brand="x") for n, title in enumerate(titles)]
    by_title, by_picture = found_in(products, tmp_path, embedder).duplicates
    assert (by_title.by, by_title.groups, by_title.products) == ("title", 2, 5)
    assert [size for _, _, size in by_title.largest] == [3, 2]
    title, product_id, _ = by_title.largest[0]
    assert product_id in ("P0", "P1", "P2")
    assert title == titles[int(product_id[1])]
    assert by_picture == Duplicates("picture", 0, 0, [])


def test_one_picture_of_several_products_is_found_and_a_plain_one_says_nothing(tmp_path, embedder):
    hashes = {"A": "00ff00ff00ff00ff", "B": "00ff00ff00ff00ff", "C": "8000000000000000", "D": "8000000000000000"}
    with open_store(str(tmp_path / "store"), create=True) as store:
        index_products([Product(i, title=f"title {i}") for i in hashes], store, embedder)
        vectors = {i: np.eye(1, 4, dtype=np.float32)[0] for i in hashes}
        store.set_vectors("image", vectors, {i: {"picture_hash": value} for i, value in hashes.items()})
        by_picture = explore(store, seed=0).duplicates[1]
    assert (by_picture.groups, by_picture.products) == (1, 2)


def test_a_sample_bounds_what_is_kept_but_not_what_is_counted(tmp_path, embedder):
    found = found_in(songs(), tmp_path, embedder, sample=5)
    price = found.field("price")
    assert (found.products, found.sampled, price.filled, price.numbers.count) == (20, 5, 20, 5)


def test_the_seed_suffices_and_matters(tmp_path, embedder):
    with open_store(str(tmp_path / "store"), create=True) as store:
        index_products(songs(), store, embedder)
        means = [explore(store, seed=seed, sample=5).field("price").numbers.mean for seed in (1, 1, 2)]
    assert means[0] == means[1] != means[2]


def test_progress_counts_both_passes(tmp_path, embedder):
    read = []
    found_in(songs(), tmp_path, embedder, progress=read.append)
    assert sum(read) == 40


def test_values_past_the_most_are_not_told_apart(monkeypatch):
    monkeypatch.setattr(tally, "MOST_VALUES", 3)
    field = Tally("brand")
    for value in "abcdea":
        field.add(value, sampled=True)
    found = field.field()
    assert (found.filled, found.different, found.common) == (6, 3, [("a", 2), ("b", 1), ("c", 1)])


def test_a_list_counts_each_value_once_a_product():
    field = Tally("categories")
    field.add(["phones", "cases", "phones"], sampled=True)
    field.add([], sampled=True)
    found = field.field()
    assert (found.kind, found.filled, found.common) == ("list", 1, [("cases", 1), ("phones", 1)])
    assert found.words.quantiles[2] == 3


def test_a_histogram_leaves_a_far_tail_out_and_says_how_much():
    numbers = np.append(np.linspace(0, 1, 1000), [1e6])
    spread = Spread.of(numbers)
    assert spread.left_out > 0
    assert spread.counts.sum() + spread.left_out == spread.count == 1001
    assert spread.edges[-1] < 2
    assert spread.quantiles[4] == 1e6


def test_skewed_prices_are_counted_by_factors_and_whole_numbers_one_by_one():
    prices = Spread.of(np.geomspace(1, 5000, 500))
    assert np.allclose(prices.edges[1:] / prices.edges[:-1], prices.edges[1] / prices.edges[0])
    assert prices.counts.sum() == 500
    years = Spread.of(np.array([2018.0, 2018, 2020]))
    assert (years.edges.tolist(), years.counts.tolist()) == ([2017.5, 2018.5, 2019.5, 2020.5], [2, 0, 1])


def test_a_constant_has_one_bar_and_nothing_has_none():
    assert Spread.of(np.full(5, 0.25)).counts.sum() == 5
    assert Spread.of(np.full(5, 3.0)).counts.tolist() == [5]
    assert Spread.of(np.array([np.nan, np.inf])) is None


def test_numbers_equal_but_for_rounding_are_a_constant(tmp_path, embedder):
    noise = np.array([0.3, 0.30000000000000004] * 500)
    assert Spread.of(noise).counts.tolist() == [1000]
    assert Spread.of(np.array([1e17, 1e17 + 16])).counts.tolist() == [2]
    tailed = Spread.of(np.append(noise, [5.0]))
    assert (tailed.counts.tolist(), tailed.left_out) == ([1000], 1)
    assert np.isnan(correlations([noise, np.arange(1000.0)])[0, 1])
    products = [Product(f"P{n}", title=f"song {n}", fields={"tempo": noise[n], "key": float(n)}) for n in range(6)]
    found = found_in(products, tmp_path, embedder)
    write_page(tmp_path / "explore.html", "Songs", exploration_blocks(found))
    assert found.field("tempo").numbers.counts.tolist() == [6]


def test_what_was_found_is_json(music):
    found = json.loads(json.dumps(music.as_dict(), allow_nan=False))
    assert found["products"] == 20
    assert found["correlations"][0] == {"fields": ["energy", "loudness"], "correlation": 1.0}
    (key,) = (field for field in found["fields"] if field["name"] == "key")
    assert (key["missing_share"], key["common"]) == (0.05, [{"value": "a", "products": 19}])


def test_the_summary_says_what_matters(music):
    lines = exploration_lines(music)
    assert lines[0] == "20 products, 8 fields: title, price, energy, loudness, tempo, mode, genre, key"
    assert lines[1] == "missing most often: key 5.0 %"
    assert "energy and loudness rise together (1.00)" in lines
    assert "genre: 2 values, most often rock 15, pop 5" in lines


def test_the_page_has_every_part_and_its_pictures(music, tmp_path):
    written = write_page(tmp_path / "explore.html", "Explored", exploration_blocks(music))
    assert [path.name for path in written] == [
        "explore.html", "explore-missing.png", "explore-prices.png", "explore-numbers.png", "explore-texts.png",
        "explore-correlations.png", "explore-values-1.png",
    ]  # fmt: skip
    text = written[0].read_text()
    for heading in ("What is there, and what is missing", "Prices", "Distributions", "Correlations", "Duplicates"):
        assert f"<h2>{heading}</h2>" in text
    assert "Links in and out" not in text


def test_a_catalogue_of_one_product_without_numbers_has_a_page(tmp_path, embedder):
    found = found_in([Product("A", title="only <b>one</b>")], tmp_path, embedder)
    assert exploration_lines(found) == ["1 products, 1 fields: title", "no field has a gap"]
    (page, *pictures) = write_page(tmp_path / "explore.html", "One", exploration_blocks(found))
    assert "No two products share a title or a picture." in page.read_text()
    assert [path.name for path in pictures] == ["explore-missing.png", "explore-texts.png"]


def test_an_empty_collection_is_named(store):
    with pytest.raises(LookupError, match="run `assort index CATALOGUE` first"):
        explore(store, seed=0)


def test_a_sample_of_nothing_is_refused(filled):
    with pytest.raises(ValueError, match="^sample must be at least 1 product, got 0$"):
        explore(filled, seed=0, sample=0)
