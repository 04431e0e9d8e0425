import numpy as np
import pytest
from sklearn.datasets import make_blobs

from clustering.choose import Choice
from clustering.scores import Scores
from clustering.verdict import Verdict
from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import open_store
from service.choosing import (
    Range,
    choice_as_dict,
    choose_number,
    choose_resolution,
    profile_as_dict,
    write_choice,
    write_profile,
)
from service.report import charts
from service.runs import ClusterOptions, cluster


class Placed:
    """Stands in for a model: the text `t7` lies where row 7 does."""

    name = "placed"

    def __init__(self, rows):
        self.rows, self.dim = rows, rows.shape[1]

    def embed(self, texts):
        return np.stack([self.rows[int(text.split()[0][1:])] for text in texts])


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """A store of 150 products around six places."""
    rows = make_blobs(150, 12, centers=6, center_box=(-10, 10), random_state=4)[0]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    with open_store(str(tmp_path_factory.mktemp("six") / "store"), create=True) as store:
        index_products([Product(f"P{row}", title=f"t{row}") for row in range(len(rows))], store, Placed(rows))
        yield store


@pytest.fixture
def said():
    return []


def number(store, said, *, ks, method="kmeans", sample=None, seed=0):
    return choose_number(store, method, on="text", ks=ks, sample=sample, seed=seed, say=said.append)


def resolution(store, said, *, ks=None, sample=None):
    return choose_resolution(store, on="text", ks=ks, sample=sample, seed=0, say=said.append)


@pytest.mark.parametrize(
    ("text", "ks", "closed"),
    [("2:200", (2, 200), False), ("3:4", (3, 4), False), ("35,5", (5, 35), True), (" 3, 4,9", (3, 4, 9), True)],
)
def test_a_range_is_from_to_or_a_list(text, ks, closed):
    assert Range.parsed(text) == Range(ks, closed)


@pytest.mark.parametrize("text", ["", "5", "2:3:4", "a:b", "2-5", "5,", "-2:5"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ValueError) as error:
        Range.parsed(text)
    assert str(error.value) == f"a range is written 2:200, or 5,35 to choose between numbers, got '{text}'"


@pytest.mark.parametrize("text", ["1:5", "9:3", "5,5", "1,4"])
def test_a_range_that_cannot_be_is_refused(text):
    with pytest.raises(ValueError) as error:
        Range.parsed(text)
    assert str(error.value) == f"a range needs different numbers from 2 on, the smaller first, got '{text}'"


def test_the_number_of_places_is_chosen_and_the_sample_is_said(six, said):
    choice = number(six, said, ks=Range((2, 12)), sample=100)
    assert (choice.verdict.k, choice.rows, choice.of) == (6, 100, 150)
    assert said == [
        "kmeans on the text of a sample of 100 of 150 products, beside 5 sets of as many rows without clusters"
    ]


def test_one_of_two_numbers_is_chosen_and_written(six, said, tmp_path):
    choice = number(six, said, ks=Range((3, 6), closed=True))
    told = choice_as_dict(choice, method="kmeans", on="text", seed=0)
    assert (told["recommended"], told["products"], [row["k"] for row in told["scores"]]) == (6, 150, [3, 6])
    written = write_choice(choice, tmp_path / "out", title="How many")
    assert [path.name for path in written] == ["choose_k.html", "choose_k.png"]
    page = written[0].read_text(encoding="utf-8")
    assert "6 clusters: silhouette, gap statistic" in page
    assert "Scored on 150 of 150 products." in page


@pytest.mark.parametrize(
    ("verdict", "told", "title"),
    [
        (
            Verdict(None, None, "no clusters: rows without any are as tight", {"gap": 1}),
            "No clusters: rows without any are as tight; try --on another kind of vectors, or leiden or hdbscan, which "
            "need no number.",
            "No clusters",
        ),
        (
            Verdict(None, (2, 9), "no clear number, between 2 and 9: silhouette 2", {"gap": None}),
            "No clear number, between 2 and 9: silhouette 2.",
            "No clear number",
        ),
    ],
)
def test_no_number_is_said_once_and_what_to_do_without_clusters(tmp_path, monkeypatch, verdict, told, title):
    titles, drawn = [], charts.elbow_chart
    monkeypatch.setattr(charts, "elbow_chart", lambda *a, **given: titles.append(given["title"]) or drawn(*a, **given))
    choice = Choice((Scores(2, 1.0, 0.1), Scores(3, 0.5, 0.2)), verdict, 10, 10)

    page = write_choice(choice, tmp_path, title="How many")[0].read_text(encoding="utf-8")

    assert f">{told}<" in page
    assert titles == [title]
    reason = choice_as_dict(choice, method="kmeans", on="text", seed=0)["reason"]
    assert f"{reason[0].upper()}{reason[1:]}." == told


def test_a_resolution_is_chosen_and_written(six, said, tmp_path):
    profile = resolution(six, said)
    told = profile_as_dict(profile, on="text", seed=0)
    assert told["clear"]
    assert told["plateaus"][0]["clusters"] == (6, 6)
    assert said == ["resolution: 17 from 0.1 to 10, each with 3 seeds: Leiden runs 51 times"]
    written = write_profile(profile, tmp_path, title="Which resolution")
    assert [path.name for path in written] == ["resolutions.html", "resolutions.png"]
    assert "6 clusters from resolution" in written[0].read_text(encoding="utf-8")


def test_a_sampled_graph_warns_that_its_resolution_is_its_own(six, said):
    resolution(six, said, sample=60)
    assert said[0] == "a sample of 60 of 150 products: all of them need a higher resolution for as many"


def test_too_few_products_have_no_resolution(six, said):
    with pytest.raises(ValueError) as error:
        resolution(six, said, sample=3)
    assert str(error.value) == "at least 4 products are needed to choose a resolution, got 3"


def test_an_absent_vector_is_said(six, said):
    with pytest.raises(LookupError, match="has no vector 'image'"):
        choose_number(six, "kmeans", on="image", ks=None, sample=None, seed=0)


def test_resolution_auto_takes_the_middle_of_the_plateau_and_keeps_why(six, said):
    found = cluster(six, ["similarity"], ClusterOptions(seed=0, similarity_resolution="auto"), say=said.append)
    assert found["similarity"]["clusters"] == 6
    assert found["similarity"]["resolution_chosen"].startswith("6 clusters from resolution 0.1 to ")
    run = six.records.runs()[-1]
    assert run.parameters["similarity_resolution"] == "auto"
    assert run.results["similarity"]["resolution"] == found["similarity"]["resolution"]
    assert any(line.startswith("similarity: resolution ") for line in said)


def test_resolution_auto_stays_at_the_usual_one_without_a_plateau(tmp_path):
    rows = np.random.default_rng(0).normal(size=(80, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with open_store(str(tmp_path / "store"), create=True) as store:
        index_products([Product(f"P{row}", title=f"t{row}") for row in range(len(rows))], store, Placed(rows))
        found = cluster(store, ["similarity"], ClusterOptions(seed=0, similarity_resolution="auto"))
    assert found["similarity"]["resolution"] == 1.0
    assert found["similarity"]["resolution_chosen"].startswith("1 as usual: no plateau: ")


def test_a_resolution_that_is_neither_a_number_nor_auto_is_refused(six):
    with pytest.raises(ValueError) as error:
        cluster(six, ["similarity"], ClusterOptions(seed=0, similarity_resolution="automatic"))
    assert str(error.value) == "similarity_resolution must be greater than 0, got automatic"
