import csv
import gzip
import importlib
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """Import a script by its name, as its siblings do."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return lambda name="": importlib.import_module(f"benchmark_quality{name and '_'}{name}")


def linked(pairs, n):
    ends = np.array([*pairs, *((b, a) for a, b in pairs)])
    return sparse.csr_array((np.ones(len(ends), np.float32), (ends[:, 0], ends[:, 1])), shape=(n, n))


def random_pairs(rng, n, m):
    pairs = np.sort(rng.integers(n, size=(m, 2)), axis=1)
    return np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)


# --- scores ----------------------------------------------------------------------------------------------------------


def test_ranking_counts_a_hidden_partner_from_both_ends(script):
    hidden = np.array([[0, 1], [0, 2], [0, 3]])
    answers = np.array([[1, 4], [4, 0], [4, -1], [-1, -1], [0, 1]])
    assert script("scores").ranking_scores(answers, hidden) == {
        "recall@2": pytest.approx((1 / 2 + 1 + 0 + 0) / 4),
        "recall@2 of all hidden": pytest.approx((1 / 3 + 1 + 0 + 0) / 4),
        "hit-rate@2": 0.5,
        "products asked about": 4,
    }


@pytest.mark.parametrize("seed", range(5))
def test_ranking_agrees_with_counting_by_hand(script, seed):
    rng = np.random.default_rng(seed)
    hidden = random_pairs(rng, 30, 80)
    answers = np.stack([rng.permutation(np.setdiff1d(np.arange(-1, 30), [i]))[:10] for i in range(30)])
    partners = [{b for a, b in hidden if a == i} | {a for a, b in hidden if b == i} for i in range(30)]
    found = [(len(set(answers[i]) & p), len(p)) for i, p in enumerate(partners) if p]
    scores = script("scores").ranking_scores(answers, hidden)
    assert scores["recall@10"] == pytest.approx(np.mean([f / min(10, w) for f, w in found]))
    assert scores["recall@10 of all hidden"] == pytest.approx(np.mean([f / w for f, w in found]))
    assert scores["hit-rate@10"] == pytest.approx(np.mean([f > 0 for f, _ in found]))


@pytest.mark.parametrize("seed", range(3))
def test_togetherness_agrees_with_looking_at_every_pair(script, seed):
    rng = np.random.default_rng(seed)
    labels, hidden = rng.integers(-1, 2, 40), random_pairs(rng, 40, 60)

    def share(pairs):
        return np.mean([labels[a] == labels[b] != -1 for a, b in pairs])

    scores = script("scores").togetherness_scores(labels, hidden)
    assert scores["hidden pairs inside one cluster"] == pytest.approx(share(hidden))
    assert scores["random pairs inside one cluster"] == pytest.approx(share(zip(*np.triu_indices(40, 1), strict=True)))
    assert scores["products left out"] == np.mean(labels == -1)


def test_edge_purity_looks_only_at_links_inside_a_cluster(script):
    labels, departments = np.array([0, 0, 0, 1, 1, -1]), np.array([7, 7, 8, 8, 8, 8])
    viewed = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]])
    scores = script("scores").department_scores(labels, departments, viewed)
    assert scores["edge purity"] == pytest.approx(2 / 3)
    assert scores["also_view links inside one cluster"] == pytest.approx(3 / 5)
    assert scores["products left out"] == pytest.approx(1 / 6)
    assert (scores["clusters"], scores["largest"], scores["singletons"]) == (2, 3, 0)


def test_matching_is_graded_by_pairs_across_the_shops_only(script):
    labels, sides = np.array([0, 0, 1, 0, 1, 2]), np.array([0, 0, 0, 1, 1, 1])
    scores = script("scores").matching_scores(labels, np.array([[0, 3], [2, 5]]), sides, np.array([0, 1, 2, 0, 3, 2]))
    assert (scores["precision"], scores["recall"]) == (pytest.approx(1 / 3), 0.5)


# --- hiding links ----------------------------------------------------------------------------------------------------


def test_a_link_both_ways_is_one_pair_and_links_to_oneself_or_to_strangers_are_none(script):
    records = [
        {"asin": "A", "also_buy": ["B", "A", "Z"], "bought_together": []},
        {"asin": "B", "also_buy": ["A"], "bought_together": ["C"]},
        {"asin": "C", "also_buy": [], "bought_together": None},
    ]
    assert script("beauty").linked_pairs(records, ["also_buy"]).tolist() == [[0, 1]]
    assert script("beauty").linked_pairs(records, ["also_buy", "bought_together"]).tolist() == [[0, 1], [1, 2]]


def test_hiding_takes_a_seeded_fifth_of_the_pairs(script):
    pairs = random_pairs(np.random.default_rng(0), 50, 200)
    hide = script("beauty").hide
    hidden = hide(pairs, seed=7)
    assert len(hidden) == len(pairs) // 5
    assert {tuple(pair) for pair in hidden} < {tuple(pair) for pair in pairs}
    assert hidden.tolist() == hide(pairs, seed=7).tolist() != hide(pairs, seed=8).tolist()


def test_a_hidden_pair_is_gone_in_both_directions_and_from_bought_together(script):
    records = [
        {"asin": "A", "also_buy": ["B", "C"], "bought_together": ["B"], "also_view": ["B"]},
        {"asin": "B", "also_buy": ["A"], "bought_together": [], "also_view": []},
    ]
    assert list(script("beauty").without(records, {("B", "A")})) == [
        {"asin": "A", "also_buy": ["C"], "bought_together": [], "also_view": ["B"]},
        {"asin": "B", "also_buy": [], "bought_together": [], "also_view": []},
    ]


# --- baselines -------------------------------------------------------------------------------------------------------


def test_popularity_recommends_the_most_linked_and_nothing_known(script):
    bought = linked([(0, 1), (0, 2), (0, 3), (1, 2), (4, 5)], 7)
    popular = script("baselines").popular(bought, 2)
    assert popular.tolist() == [[4, 5], [3, 4], [3, 4], [1, 2], [0, 1], [0, 1], [0, 1]]


@pytest.mark.parametrize("seed", range(3))
def test_common_neighbours_agree_with_counting_them_by_hand(script, seed):
    pairs = random_pairs(np.random.default_rng(seed), 25, 50)
    friends = [{b for a, b in pairs if a == i} | {a for a, b in pairs if b == i} for i in range(25)]
    expected = []
    for i in range(25):
        shared = {j: len(friends[i] & friends[j]) for j in range(25) if j != i and j not in friends[i]}
        best = sorted((j for j in shared if shared[j]), key=lambda j: (-shared[j], j))[:4]
        expected.append(best + [-1] * (4 - len(best)))
    assert script("baselines").common_neighbours(linked(pairs, 25), 4).tolist() == expected


def test_words_and_numbers_join_offers_and_keep_another_size_and_the_same_shop_apart(script):
    titles = ["nova x2 64 gb", "nova x2 64gb black", "nova x2 128gb", "nova x2 64gb black", "red lamp", "red lamp e27"]
    join = script("baselines").words_and_numbers
    titles += [f"thing {i} of {i + 100}" for i in range(6)]
    labels = join(titles, np.full(12, -1), seed=0)
    assert labels[0] == labels[1] == labels[3]
    assert len({*labels[[0, 2, 4, 5]], *labels[6:]}) == 10
    apart = join(titles, np.array([0, 1, 1, 1, *range(2, 10)]), seed=0)
    assert apart[1] != apart[3]
    assert apart[0] in (apart[1], apart[3])


def test_label_propagation_finds_two_triangles_and_leaves_a_stranger_alone(script):
    pytest.importorskip("networkx")
    labels = script("baselines").label_propagation(np.array([[0, 1], [1, 2], [0, 2], [3, 4], [4, 5], [3, 5]]), 7)
    assert len(set(labels)) == 3
    assert len(set(labels[:3])) == len(set(labels[3:6])) == 1


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.fixture
def case(script):
    scores = {"identity": {"F1": 0.64, "B-cubed F1": 0.8096, "clusters": 1200}, "k-means": {"F1": 0.0031}}
    return script("cases").Case("pricerunner_titles", "Offers", "What was done.", scores)


def test_a_figure_stands_beside_its_target_and_the_baselines(script, case):
    page = script("table").markdown([case], {"seed": "0", "numpy": "2.0"})
    assert "1 of 2 targets met.\n\nMade with: seed 0, numpy 2.0.\n" in page
    assert page.endswith(
        """
## Offers

What was done.

| figure | target | met | identity | k-means |
| --- | ---: | ---: | ---: | ---: |
| F1 | ≥ .620 | yes | .640 | .00310 |
| B-cubed F1 | ≥ .810 | **no** | .810 |  |
| clusters |  |  | 1,200 |  |
"""
    )


def test_a_missed_target_is_named(script, case):
    assert script("table").missed([case]) == ["pricerunner_titles: B-cubed F1 is .810, target ≥ .810"]


# --- the whole way ---------------------------------------------------------------------------------------------------


def test_without_catalogues_it_says_so_and_fails(script, tmp_path, capsys):
    assert script().main(["--data", str(tmp_path / "absent")]) == 1
    said = capsys.readouterr().err
    assert said == f"there are no catalogues at '{tmp_path / 'absent'}': say with --data where they are\n"


def test_a_missing_catalogue_is_named(script, tmp_path, capsys, monkeypatch, embedder):
    monkeypatch.setattr(script(), "TextEmbedder", lambda: embedder)
    monkeypatch.setattr(script(), "missing_packages", list)
    assert script().main(["--data", str(tmp_path), "--only", "toys"]) == 1
    assert capsys.readouterr().err.startswith(str(tmp_path / "amazon_toys" / "amazon_co-ecommerce_sample.csv.gz"))


@pytest.fixture
def two_shops(tmp_path):
    """Two invented shops with 24 products each, named alike but for one word."""
    folder = tmp_path / "abt_buy"
    folder.mkdir()
    names = [f"{kind} {chr(97 + i)}{chr(120 - i)}-{731 + 57 * i}" for i in range(12) for kind in ("radio", "kettle")]
    for shop, first, extra in (("Abt", 1, "black"), ("Buy", 101, "new")):
        with (folder / f"{shop}.csv").open("w", encoding="latin-1", newline="") as file:
            rows = [(first + i, f"{name} {extra}", "", "$5.00") for i, name in enumerate(names)]
            csv.writer(file).writerows([("id", "name", "description", "price"), *rows])
    with (folder / "abt_buy_perfectMapping.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("idAbt", "idBuy"), *((1 + i, 101 + i) for i in range(24))])
    return tmp_path


def test_two_shops_are_graded_from_their_files_to_their_labels_and_embedded_once(script, two_shops, embedder):
    cases, said = script("cases"), []
    bench = cases.Bench(two_shops, two_shops / "work", embedder, 0, said.append)
    (first,) = cases.abt_buy(bench)
    embedded = len(embedder.embedded)
    (second,) = cases.abt_buy(bench)
    assert first == second
    assert (embedded, len(embedder.embedded)) == (48, 48)
    assert first.scores["identity"]["F1"] == first.scores["identity"]["B-cubed F1"] == 1
    assert list(first.scores) == [
        "identity",
        "identity_cell",
        "words and numbers",
        "k-means, k = 20",
        "k-means, true k = 24",
    ]
    assert said[:2] == ["abt_buy: indexing", "abt_buy: 48 products, 48 of them embedded now"]


def test_shop_offers_are_graded_with_and_without_their_shop(script, tmp_path, embedder):
    (tmp_path / "pricerunner").mkdir()
    with gzip.open(tmp_path / "pricerunner" / "pricerunner_aggregate.csv.gz", "wt", newline="") as file:
        names = [f"radio {chr(97 + i)}{chr(120 - i)}-{731 + 57 * i}" for i in range(12)]
        csv.writer(file).writerows((i, names[i // 2], 1 + i % 2, 500 + i // 2, "", 1, "Radios") for i in range(24))
    cases = script("cases")
    memory = cases.RememberingEmbedder(embedder)
    titles, sources = cases.pricerunner(cases.Bench(tmp_path, tmp_path / "work", memory, 0, lambda text: None))
    assert len(embedder.embedded) == 12
    assert titles.protocol.startswith("24 shop offers of 12 products; the title is embedded, nothing else is given.")
    assert list(titles.scores) == [
        "identity",
        "identity_cell",
        "words and numbers",
        "k-means, k = 20",
        "k-means, true k = 12",
    ]
    assert sources.scores["identity"] == {
        "precision": 1.0, "recall": 1.0, "F1": 1.0, "B-cubed F1": 1.0, "ARI": 1.0, "clusters": 12
    }  # fmt: skip


def test_a_remembering_embedder_embeds_a_text_once(script, embedder):
    remembering = script("cases").RememberingEmbedder(embedder)
    once = remembering.embed(["red phone", "blue phone", "red phone"])
    again = remembering.embed(["blue phone", "case"])
    assert embedder.embedded == ["red phone", "blue phone", "case"]
    assert np.array_equal(once[1], again[0])
    assert np.array_equal(once[0], once[2])
