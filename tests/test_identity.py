import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from clustering import candidates, identity
from clustering.candidates import pairs_in_cells, pairs_sharing_tokens, unique_pairs
from clustering.identity import pair_scores, refine_identity
from clustering.kmeans import identity_k, kmeans
from clustering.metrics import b_cubed, links, pairwise
from clustering.tokens import read_tokens

CATALOGUES = Path(__file__).resolve().parents[2] / "shared" / "data"


def embed(titles, dim=64):
    """Stand in for a text model: titles that share words come out close."""
    vectors = np.zeros((len(titles), dim), np.float32)
    for row, title in enumerate(titles):
        for word in title.lower().split():
            vectors[row] += np.random.default_rng(list(word.encode())).normal(size=dim)
    vectors[~vectors.any(axis=1)] = 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def refine(titles, **options):
    return refine_identity(embed(titles), titles, np.zeros(len(titles), np.int64), **options).tolist()


PADDING = [
    f"{maker} {thing} {number}" for number in range(5) for maker in ("Orrin", "Tavaro") for thing in ("Mug", "Hat")
]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Quenta Flint 4 Smartphone 64GB Black", "Quenta Flint 4 Smartphone 128GB Black"),
        ("Quenta Flint 4 Smartphone 64GB Black", "Quenta Flint 4 Smartphone 64GB Blue"),
        ("Voltbee Clear Screen Guard for Flint 4, 2 Pack", "Voltbee Clear Screen Guard for Flint 4, 3 Pack"),
        ("Voltbee Wall Charger Dual Port 20W", "Voltbee Wall Charger Dual Port 30W"),
        ("Liebherr RF3111AW fridge", "Liebherr RF3112AW fridge"),
        ("Tavaro Quartz Sports Watch Men", "Tavaro Quartz Sports Watch Women"),
        ("Dark Qualatex Modelling Balloons x 20", "Dark Qualatex Modelling Balloons x 100"),
    ],
)
def test_variants_that_differ_in_one_token_are_different_products(one, other):
    titles = [one, one + " new", other, other + " new", *PADDING]

    assert refine(titles)[:4] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Liebherr RF 3111 AW Fridge white", "rf3111aw Liebherr upright fridge"),
        ("Samsung UE32M5520 TV", "TV smart Samsung ue32m5520akxxu 32 inch"),
        ("Quenta Flint 4 64 GB Black Smartphone", "Smartphone Quenta Flint 4, 64GB (Black)"),
        ("Voltbee Screen Guard Flint 4, Pack of 2", "Voltbee Screen Guard Flint 4 2-Pack"),
    ],
)
def test_differently_worded_offers_of_one_product_are_the_same(one, other):
    assert refine([one, other, *PADDING])[:2] == [0, 0]


def test_products_without_a_title_stay_alone_however_close_their_vectors():
    titles = ["", "", "", "Liebherr RF3111AW", "Liebherr RF3111AW"]

    labels = refine_identity(embed(["same"] * 5), titles, np.zeros(5, np.int64))

    assert labels.tolist() == [0, 1, 2, 3, 3]


def test_many_products_under_one_generic_title_are_no_giant_cluster():
    titles = ["Gift Card"] * 400 + ["Liebherr RF3111AW", "rf3111aw by Liebherr"]

    labels = np.array(refine(titles))

    assert np.bincount(labels).max() == 2
    assert labels[-1] == labels[-2]


def test_offers_of_one_product_meet_across_neighbouring_cells_and_far_ones():
    titles = ["Liebherr RF3111AW fridge", "Miele G6730 dishwasher", "fridge RF 3111 AW Liebherr", "Miele G6730"]

    for cells in ([0, 0, 1, 1], [0, 1, 2, 3], [5, 0, 9, 0]):
        assert refine_identity(embed(titles), titles, np.array(cells)).tolist() == [0, 1, 0, 1]


def test_a_line_of_products_that_differ_in_one_rare_word_is_no_single_product():
    animals = ["Zebra", "Snake", "Donkey", "Sheep", "Crocodile", "Cow", "Hen", "Goose", "Lion", "Bear", "Tiger", "Fox"]
    titles = [f"Plush Company Long Sleeves {animal} Hand Puppet" for animal in [*animals, "Zebra"]]

    assert refine(titles) == [*range(12), 0]


BRANDS = ("Orrin", "Ocean Tree", "Tavaro", "Quenta", "Palm Road", "Voltbee", "Mossbay", "Sable")
GARMENTS = ("Shirt", "Skirt", "Scarf", "Jacket", "Trousers", "Cap", "Socks", "Belt")


def test_in_a_small_catalogue_a_brand_and_a_colour_are_no_product():
    colours = ("red", "blue", "green", "black")
    titles = [
        f"{brand} Solid {garment} {colours[number % 4]}"
        for number, brand in enumerate(BRANDS)
        for place, garment in enumerate(GARMENTS)
        if (place - number) % 8 < 4
    ]

    assert refine(titles) == list(range(len(titles)))


def test_a_brand_of_several_words_is_no_more_evidence_than_one_of_one_word():
    def score(brand):
        titles = [f"{brand} {garment}" for garment in GARMENTS] + [f"Other {garment}" for garment in GARMENTS]
        same = np.ones((len(titles), 1), np.float32)
        return pair_scores(same, read_tokens(titles), np.array([0]), np.array([1])).tolist()

    assert score("United Colors of Orrin") == score("Orrin")


def test_one_rare_word_in_common_says_less_than_two():
    titles = ["zebra crystal mug", "crystal zebra cup", "yonder mug", "yonder cup", *["mug", "cup"] * 30]
    same, tokens = np.ones((len(titles), 1), np.float32), read_tokens(titles)

    two, one = pair_scores(same, tokens, np.array([0, 2]), np.array([1, 3])).tolist()

    assert two > 0 > one


@pytest.mark.parametrize("cells", [[0, 0, 0, 1], [0, 1, 2, 3]])
def test_where_tokens_bring_no_pairs_neighbours_in_cells_do(monkeypatch, cells):
    monkeypatch.setattr(identity, "MAX_HOLDERS", 1)
    titles = ["Liebherr RF3111AW fridge", "Miele G6730 dishwasher", "fridge RF 3111 AW Liebherr", "Miele G6730"]

    labels = refine_identity(embed(titles), titles, np.array(cells))

    assert labels.tolist() == [0, 1, 0, 1]


def test_two_offers_of_one_source_are_two_products_and_the_better_one_finds_its_partner():
    titles = ["Miele G6730 SCi steel", "Miele G6730 SCi white", "Miele G6730 SCi white dishwasher", *PADDING]
    sources = np.array([1, 1, 2, *range(3, 3 + len(PADDING))])

    assert refine(titles, sources=sources)[:3] == [0, 1, 1]


WORDS = ["miele", "g6730", "flint", "64gb", "128gb", "black", "blue", "case", "rf", "3111", "rf3111", "x", "2pack", ""]
TITLES = st.lists(st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join), min_size=1, max_size=25)


@given(TITLES, st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_whatever_the_titles_a_source_offers_each_product_once(titles, seed):
    rng = np.random.default_rng(seed)
    sources, cells = rng.integers(-1, 4, len(titles)), rng.integers(0, 5, len(titles))

    labels = refine_identity(embed(titles), titles, cells, sources=sources)

    offered = [(label, source) for label, source in zip(labels.tolist(), sources.tolist(), strict=True) if source >= 0]
    assert len(offered) == len(set(offered))
    first_seen = list(dict.fromkeys(labels.tolist()))
    assert first_seen == list(range(len(first_seen)))
    assert all((labels == labels[row]).sum() == 1 for row, title in enumerate(titles) if not title.strip())


def test_the_order_of_the_catalogue_does_not_matter():
    rng = np.random.default_rng(0)
    titles = [
        f"{brand} {code}{wording}"
        for brand, code in (("Miele", "g6730"), ("Bosch", "kgn34vw"), ("Smeg", "fab30"), ("Neff", "ki1212"))
        for wording in ("", " white", " kitchen machine")
    ] + PADDING
    order = rng.permutation(len(titles))

    labels = np.array(refine(titles))
    shuffled = np.empty(len(titles), int)
    shuffled[order] = refine([titles[row] for row in order])

    assert np.array_equal(labels[:, None] == labels, shuffled[:, None] == shuffled)
    assert labels[:12].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_scores_are_symmetric_and_do_not_depend_on_how_many_pairs_are_scored_at_once(monkeypatch):
    titles = ["Miele G6730 steel", "Miele g6730", "Bosch KGN34 64gb", "Bosch KGN35 32gb"]
    tokens, vectors = read_tokens(titles), embed(titles)
    first, second = np.triu_indices(4, 1)
    seen = []

    scores = pair_scores(vectors, tokens, first, second)
    monkeypatch.setattr(identity, "CHUNK", 4)

    assert np.allclose(scores, pair_scores(vectors, tokens, second, first, progress=seen.append))
    assert seen == [4, 2]
    assert [bool(score > 0) for score in scores] == [True, False, False, False, False, False]


@pytest.mark.parametrize("seed", range(3))
def test_titles_are_paired_with_those_of_the_highest_cosine(seed):
    rng = np.random.default_rng(seed)
    titles = [" ".join(rng.choice([f"word{n}x" for n in range(12)], 4)) for _ in range(30)]
    matrix = read_tokens(titles).matrix

    first, second = pairs_sharing_tokens(matrix, neighbours=3, max_holders=100)

    holders = np.asarray(matrix.sum(0)).ravel()
    weighted = matrix.toarray() * np.log(31 / holders)
    weighted /= np.linalg.norm(weighted, axis=1, keepdims=True)
    cosine = weighted @ weighted.T - 2 * np.eye(30)
    least = np.sort(cosine, axis=1)[:, -3]
    expected = {(a, b) for a in range(30) for b in range(a) if cosine[a, b] > min(least[a], least[b]) + 1e-6}
    assert expected <= {(b, a) for a, b in zip(first.tolist(), second.tolist(), strict=True)}
    assert np.all(first < second)


@pytest.mark.parametrize("seed", range(3))
def test_looking_into_every_cell_finds_the_exact_nearest(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    first, second = pairs_in_cells(vectors, rng.integers(0, 7, 60), neighbours=4, nearby=7)

    nearest = np.argsort(-(vectors @ vectors.T - 2 * np.eye(60)), axis=1)[:, :4]
    expected = {(min(row, other), max(row, other)) for row in range(60) for other in nearest[row].tolist()}
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == expected


def test_looking_into_one_cell_stays_inside_it():
    vectors, cells = embed([f"row {n}" for n in range(20)]), np.arange(20) % 4

    first, second = pairs_in_cells(vectors, cells, neighbours=9, nearby=1)

    assert np.array_equal(cells[first], cells[second])
    assert len(first) == 4 * 10


@pytest.mark.parametrize("block", [4096, 7])
@pytest.mark.parametrize("seed", range(3))
def test_rows_left_out_change_nothing_for_the_others(monkeypatch, seed, block):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cells = rng.integers(-1, 6, 50)
    kept = np.flatnonzero(cells >= 0)

    alone = pairs_in_cells(vectors[kept], cells[kept], neighbours=3, nearby=2)
    monkeypatch.setattr(candidates, "BLOCK", block)

    first, second = pairs_in_cells(vectors, cells, neighbours=3, nearby=2)

    assert first.tolist() == kept[alone[0]].tolist()
    assert second.tolist() == kept[alone[1]].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_told_once_in_order_and_never_a_row_with_itself(seed):
    first, second = np.random.default_rng(seed).integers(0, 9, (2, 60))

    low, high = unique_pairs(first, second, 9)

    pairs = {(min(pair), max(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)}
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == sorted(pair for pair in pairs if pair[0] < pair[1])


@pytest.mark.parametrize("n", [0, 1])
def test_a_catalogue_of_none_or_one_is_no_trouble(n):
    assert refine_identity(embed(["a1"] * n), ["a1"] * n, np.zeros(n, np.int64)).tolist() == [0] * n


@pytest.mark.parametrize(
    ("brands", "labels"),
    [
        (["Gripwell", "Pockette"], [0, 1]),
        (["Sony", "SONY Corp."], [0, 0]),
        (["Gripwell", ""], [0, 0]),
        (["Gripwell", "Unknown"], [0, 0]),
        (["n/a", "Generic"], [0, 0]),
    ],
)
def test_two_known_brands_are_two_products(brands, labels):
    titles = ["Red Studio Headphones 119", "Studio Headphones 119 Red", *PADDING]

    assert refine(titles, brands=brands + [""] * len(PADDING))[:2] == labels


def test_a_shared_generic_title_is_no_obstacle_where_shops_are_known():
    titles = ["Quenta Flint 4 64GB"] * 60 + PADDING * 20

    assert len(set(refine(titles)[:60])) == 60
    shops = refine(titles, sources=np.arange(len(titles)))
    assert len(set(shops[:60])) < 20


def test_inputs_of_different_lengths_are_refused():
    vectors, cells = embed(["a", "b"]), np.zeros(2, np.int64)

    with pytest.raises(ValueError, match=r"^titles must have one entry for each of the 2 vectors, got 1$"):
        refine_identity(vectors, ["a"], cells)
    with pytest.raises(ValueError, match=r"^cells must have one entry for each of the 2 vectors, got 1$"):
        refine_identity(vectors, ["a", "b"], cells[:1])
    with pytest.raises(ValueError, match=r"^sources must have one entry for each of the 2 vectors, got 3$"):
        refine_identity(vectors, ["a", "b"], cells, sources=np.zeros(3, np.int64))
    with pytest.raises(ValueError, match=r"^brands must have one entry for each of the 2 vectors, got 0$"):
        refine_identity(vectors, ["a", "b"], cells, brands=[])


def latent(titles):
    """Embed by latent semantic analysis: quick, and no model to download."""
    weighted = TfidfVectorizer(min_df=2).fit_transform(titles)
    vectors = TruncatedSVD(64, random_state=0).fit_transform(weighted).astype(np.float32) + 1e-6
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.skipif(not CATALOGUES.exists(), reason="the real catalogues are not here")
def test_offers_of_three_hundred_shops_find_each_other():
    with gzip.open(CATALOGUES / "pricerunner" / "pricerunner_aggregate.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    rows = [rows[row] for row in np.random.default_rng(0).permutation(len(rows))]
    titles, truth = [row[1] for row in rows], [row[3] for row in rows]
    sources = np.unique([row[2] for row in rows], return_inverse=True)[1]
    vectors = latent(titles)
    cells = kmeans(vectors, identity_k(len(rows))[0], seed=1, iterations=5).labels

    alone = refine_identity(vectors, titles, cells)
    shops = refine_identity(vectors, titles, cells, sources=sources)

    assert pairwise(alone, truth).f1 > 0.60
    assert b_cubed(alone, truth).f1 > 0.80
    assert pairwise(shops, truth).f1 > 0.70
    assert b_cubed(shops, truth).f1 > 0.84
    assert len(np.unique(np.stack([shops, sources]), axis=1).T) == len(rows)


@pytest.mark.skipif(not CATALOGUES.exists(), reason="the real catalogues are not here")
def test_two_shops_find_the_products_they_both_sell():
    folder = CATALOGUES / "abt_buy"
    sides = []
    for name in ("Abt.csv", "Buy.csv", "abt_buy_perfectMapping.csv"):
        with (folder / name).open(encoding="latin-1", newline="") as file:
            sides.append(list(csv.DictReader(file)))
    abt, buy, mapping = sides
    row_of = {("a", row["id"]): n for n, row in enumerate(abt)}
    row_of |= {("b", row["id"]): n + len(abt) for n, row in enumerate(buy)}
    pairs = [(row_of["a", match["idAbt"]], row_of["b", match["idBuy"]]) for match in mapping]
    titles = [row["name"] for row in abt + buy]
    shops = np.repeat([0, 1], [len(abt), len(buy)])
    vectors = latent(titles)
    cells = kmeans(vectors, identity_k(len(titles))[0], seed=1).labels

    assert links(refine_identity(vectors, titles, cells), pairs, shops).f1 > 0.78
    assert links(refine_identity(vectors, titles, cells, sources=shops), pairs, shops).f1 > 0.87


def test_a_banner_for_another_birthday_is_another_product():
    titles = [
        f"perfectly pink party happy {age} birthday paper flag bunting" for age in ("18th", "21 st", "40th", "18 th")
    ]
    titles += [f"{colour} wooden toy train number {n}" for n, colour in enumerate(("oak", "elm", "ash", "fir", "yew"))]
    labels = refine_identity(np.eye(9, 16, dtype=np.float32), titles, np.zeros(9, np.int64))
    assert labels[0] == labels[3]
    assert len(set(labels[:3].tolist())) == 3
