import importlib
import json
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """Import a script by its name, as its siblings do."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module


class Words:
    """An embedder whose vectors say which text they are of."""

    name, dim = "words", 8

    def embed(self, texts):
        vectors = np.stack([np.random.default_rng(list(text.encode())).normal(size=8) for text in texts])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def work(script, tmp_path, monkeypatch):
    """A small invented catalogue with embedded vectors."""
    making = script("make_big_catalogue")
    monkeypatch.setattr(making, "TextEmbedder", lambda *args, **options: Words())
    assert making.main([str(tmp_path), "--products", "400", "--vectors", "embedded", "--text-model", "words"]) == 0
    return script("benchmark_scale_inputs").Work(tmp_path, 400)


def test_every_text_of_the_catalogue_finds_its_vector(script, work):
    texts = [text for _, text in script("make_big_catalogue").texts(work.catalogue)]
    given = script("benchmark_scale_inputs").GivenVectors(work.folder)
    own = np.einsum("nd,nd->n", given.embed(texts), Words().embed(texts))
    # Of two lines of one product the later one's text stands for both.
    assert np.mean(np.abs(own - 1) < 1e-5) > 0.98
    with pytest.raises(LookupError, match="a text has no vector"):
        given.embed(["never seen"])


def test_drawn_vectors_lie_nearer_the_closer_products_are_related(script):
    draw = script("make_big_catalogue").draw
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(500, 64)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    #   two offers of one product, a variant of it, a group on the same shelf, one far away
    groups, identities = np.array([0, 0, 0, 1, 1000]), np.array([0, 0, 1, 2, 3])
    vectors = draw(centres, groups, identities, np.arange(5), 7)
    cosines = vectors[0] @ vectors.T
    assert cosines[0] == pytest.approx(1)
    assert (np.diff(cosines) < 0).all()
    assert (vectors == draw(centres, groups, identities, np.arange(5), 7)).all()
    assert (vectors != draw(centres, groups, identities, np.arange(5), 8)).any()


@pytest.mark.parametrize("seed", range(3))
def test_inertia_is_that_of_scikit_learn(script, seed):
    from sklearn.cluster import KMeans

    vectors = Words().embed([f"{seed} {number}" for number in range(200)])
    found = KMeans(7, n_init=1, random_state=seed, tol=0).fit(vectors)
    inertia = script("benchmark_scale_inputs").inertia(vectors, found.labels_.astype(np.int64))
    assert inertia == pytest.approx(found.inertia_, rel=1e-4)


def test_the_stages_run_one_after_another_on_what_the_one_before_kept(script, work):
    stages = script("benchmark_scale_stages").STAGES
    assert stages["index"](work)["products"] == 400
    for stage in ("take", "knn", "identity", "leiden", "complements", "labels", "cluster"):
        assert stages[stage](work)["seconds"] > 0
    assert stages["similar"](work)["ms with a filter"]["p95"] > 0


def row(stage, contender="assort", products=590_000, **figures):
    return {"stage": stage, "contender": contender, "products": products, "peak_gb": 1.0, **figures}


def test_the_page_says_which_goals_are_met_missed_and_not_run(script, tmp_path):
    rows = [
        row("knn", seconds=39.0, recall=0.975),
        row("knn", "EVoC", seconds=78.0, recall=0.98),
        row("take", seconds=14.0),
        row("kmeans_1000", seconds=10.0, inertia=101.0),
        row("kmeans_1000", "Faiss, Lloyd 20 times", seconds=41.0, inertia=100.5),
        row("leiden", seconds=11.0, modularity=0.95),
        row("leiden", "leidenalg", failed="not done after 900 s"),
    ]
    page = script("benchmark_scale_table").page(rows, {"date": "today"}, tmp_path / "none.md", "scaling.png")
    assert "| kNN graph, k = 15 | ≤ 40 s, ≤ 2.6 GB, recall ≥ .97 | 39.0 | 1.0 | yes | recall 0.975 |" in page
    assert "| vectors out of the store, one block | ≤ 13 s | 14.0 | 1.0 | **no** |  |" in page
    assert "≤ 1/4 of its time | 10.0 | 1.0 | yes | inertia 101 |" in page
    assert "| kNN graph, k = 15 | EVoC | 78.0 | 2.00 | 1.0 | recall 0.98 |" in page
    assert "| fuse edges, build the graph, Leiden | leidenalg | not done after 900 s | | | |" in page
    assert "| identity refinement | ≤ 40 s | not run | | | |" in page
    assert "- date: today" in page


def test_growth_compares_sizes_per_product_and_is_drawn(script, tmp_path):
    table = script("benchmark_scale_table")
    rows = [
        row("index", products=50_000, seconds=5.0),
        row("index", products=500_000, seconds=60.0),
        row("take", seconds=1.0),
    ]
    assert table.growth(rows) == {"index": {50_000: 0.1, 500_000: 0.12}}
    page = table.page(rows, {}, tmp_path / "none.md", "scaling.png")
    assert "| read, clean, upsert, payload indexes (vectors given) | 0.100 | 0.120 | 1.20 |" in page
    pytest.importorskip("matplotlib")
    table.plot(rows, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")


def test_the_median_run_is_reported_with_all_times(script):
    summary = script("benchmark_scale").summary
    assert summary([{"seconds": 3.0, "a": 1}, {"seconds": 1.0, "a": 2}, {"seconds": 2.0, "a": 3}]) == {
        "seconds": 2.0,
        "a": 3,
        "all_seconds": [3.0, 1.0, 2.0],
    }
    assert summary([{"failed": "so"}]) == {"failed": "so"}


def test_a_contender_that_fails_is_a_row_that_says_so(script, tmp_path, capsys):
    main = script("benchmark_scale").main
    (tmp_path / "9").mkdir()
    (tmp_path / "9" / "made.txt").write_text("seed 1, vectors embedded")
    figures = tmp_path / "figures.json"
    arguments = ["--products", "9", "--work", str(tmp_path), "--json", str(figures), "--only", "knn", "--no-peers"]
    assert main(arguments) == 1
    assert [row["failed"] for row in json.loads(figures.read_text())["rows"]] == ["ended with exit status 1"]


def test_private_memory_is_watched_while_it_is_held(script):
    inputs = script("benchmark_scale_inputs")
    if not inputs.private_bytes():
        pytest.skip("this system does not say what memory is private")
    before = inputs.private_bytes() / 1e9
    with inputs.private_peak() as peak:
        held = np.ones(50_000_000, np.int8)
        deadline = 200
        while peak[0] < before + 0.04 and deadline:
            np.sort(held[:1_000_000])
            deadline -= 1
    assert peak[0] > before + 0.04
