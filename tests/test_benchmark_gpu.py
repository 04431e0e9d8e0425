import importlib
import json
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """Import a script by its name, as its siblings do."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return lambda name="": importlib.import_module(f"benchmark_gpu{name and '_'}{name}")


@pytest.fixture
def told():
    return []


@pytest.fixture
def bench(script, told):
    return script("timing").Bench("cpu", 3, told.append)


def unit_rows(seed, n, dim=16):
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True))


# --- counting the work -----------------------------------------------------------------------------------------------


def test_a_matrix_product_multiplies_and_adds_once_a_triple(script):
    costs = script("costs")
    assert costs.gemm(2, 3, 5, itemsize=4) == costs.Cost(2 * 2 * 3 * 5, 4 * (10 + 15 + 6))


def test_a_copy_reads_and_writes(script):
    assert script("costs").copy(100) == script("costs").Cost(0, 200)


def test_lloyd_assigns_once_more_than_it_averages(script):
    costs = script("costs")
    assign, average = (2 * 10 * 3 * 4, 4 * (30 + 12) + 10 * 12), (30, 4 * 12)
    assert costs.lloyd(10, 3, 4, iterations=0) == costs.Cost(*assign)
    assert costs.lloyd(10, 3, 4, iterations=2) == costs.Cost(
        3 * assign[0] + 2 * average[0], 3 * assign[1] + 2 * average[1]
    )


def test_exact_neighbours_compare_every_pair_and_candidates_once_more(script):
    costs = script("costs")
    assert costs.exact_knn(10, 4, 2, itemsize=2) == costs.Cost(2 * 100 * 4, 2 * 40 + 20 * 12)
    again = costs.exact_knn(10, 4, 2, itemsize=2, candidates=3)
    assert again == costs.Cost(800 + 2 * 10 * 3 * 4, 80 + 240 + 4 * 10 * 4 * (3 + 1))


def test_an_encoder_layer_is_four_projections_two_products_of_tokens_and_a_feed_forward_network(script):
    flops = script("costs").encoder_flops(5, layers=2, hidden=8, intermediate=16)
    assert flops == 2 * (4 * (2 * 5 * 8 * 8) + 2 * (2 * 5 * 5 * 8) + 2 * (2 * 5 * 8 * 16))


def test_a_batch_reads_the_weights_once(script):
    costs = script("costs")
    assert costs.forward(7, 10, weights=100, input_bytes=3, dim=5, itemsize=2) == costs.Cost(70, 200 + 30 + 100)


def counted_by_torch(model, run):
    """Count with attention as plain products: of the fused ones torch counts only some."""
    from torch.utils.flop_counter import FlopCounterMode

    model.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@pytest.mark.parametrize("tokens", [3, 17])
def test_the_text_model_costs_what_torch_counts(script, tokens):
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    model = BertModel(BertConfig(vocab_size=50, **sizes), add_pooling_layer=False)
    ids = torch.zeros(1, tokens, dtype=torch.int64)
    counted = counted_by_torch(model, lambda: script("models").text_vectors(model, ids))
    assert script("costs").encoder_flops(tokens, layers=2, hidden=32, intermediate=48) == counted


@pytest.mark.parametrize("tower", [0, 1])
@pytest.mark.parametrize("image", [32, 64])
def test_an_image_tower_costs_what_torch_counts(script, tower, image):
    models = script("models")
    made = models.TOWERS[tower]
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    sizes = {**made.sizes, **sizes, "image_size": image, "patch_size": 16}
    model = made.build(sizes)
    counted = counted_by_torch(model, lambda: models.image_vectors(model, torch.randn(1, 3, image, image)))
    assert made.flops(sizes) == counted


def test_clip_costs_what_open_clip_lists_for_it(script):
    clip = script("models").TOWERS[0]
    assert clip.flops(clip.sizes) / 2 == pytest.approx(4.41e9, rel=0.01)  # image_gmacs of ViT-B-32, model_profile.csv


def test_a_table_of_words_is_not_counted_as_read(script):
    words = torch.nn.Module()
    words.word_embeddings, words.dense = torch.nn.Embedding(100, 4), torch.nn.Linear(4, 4)
    assert script("models").weights(words) == 4 * 4 + 4


# --- timing ----------------------------------------------------------------------------------------------------------


def clock(monkeypatch, script, *durations):
    """Let runs take these seconds, one after the other."""
    ticks = [tick for i, seconds in enumerate(durations) for tick in (1000.0 * i, 1000.0 * i + seconds)]
    monkeypatch.setattr(script("timing").time, "perf_counter", iter(ticks).__next__)


def test_the_median_of_the_runs_after_the_warm_up_counts(script, bench, told, monkeypatch):
    clock(monkeypatch, script, 19, 4, 2, 3)
    numbers = count()
    row, result = bench.measure("a", "b", numbers.__next__, figures=lambda last, s: {"last": last, "seconds": s})
    assert (row.seconds, row.runs, result) == (3, 3, 3)
    assert row.figures == {"last": 3, "seconds": 3}
    assert told == [row]


def test_long_stages_are_repeated_less(script, bench, monkeypatch):
    clock(monkeypatch, script, 15, 18, 10)
    row, _ = bench.measure("a", "b", lambda: None)
    assert (row.seconds, row.runs) == (14, 2)


def test_a_very_long_stage_is_its_own_warm_up(script, bench, monkeypatch):
    clock(monkeypatch, script, 61)
    row, _ = bench.measure("a", "b", lambda: None)
    assert (row.seconds, row.runs) == (61, 1)


def fail_with(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB."), "not run: out of memory"),
        (RuntimeError("StandardGpuResources: alloc fail type TemporaryMemoryBuffer"), "not run: out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not run: out of memory"),
        (MemoryError(), "not run: out of memory"),
        (ModuleNotFoundError("No module named 'igraph'", name="igraph"), "not run: igraph is not installed"),
    ],
)
def test_what_lacks_memory_or_a_package_is_a_row_that_says_so(script, bench, told, error, note):
    row, result = bench.measure("a", "b", fail_with(error), precision="fp32")
    assert row == script("timing").Row("a", "b", note=note)
    assert told == [row]
    assert result is None


def test_any_other_error_is_not_passed_over(bench, told):
    with pytest.raises(RuntimeError, match="illegal memory access"):
        bench.measure("a", "b", fail_with(RuntimeError("CUDA error: an illegal memory access was encountered")))
    assert told == []


def test_a_precision_is_set_for_a_stage_and_set_back(bench):
    before = torch.get_float32_matmul_precision()
    _, inside = bench.measure("a", "b", torch.get_float32_matmul_precision, precision="tf32")
    assert (inside, torch.get_float32_matmul_precision()) == ("high", before)


def test_ceilings_are_rates_of_the_rows_beside_them(script, bench, monkeypatch):
    clock(monkeypatch, script, *[9, 1, 2, 3] * 3)
    rows, reached = script("timing").ceilings(bench, side=4, size=800, times=10)
    assert reached == {"bf16": 10 * 2 * 4**3 / 2, "fp32": 10 * 2 * 4**3 / 2, "copy": 10 * 2 * 800 / 2}
    assert [row.stage for row in rows] == [
        "ceiling: bf16 matrix product",
        "ceiling: fp32 matrix product",
        "ceiling: copy in memory",
    ]


# --- the stages on vectors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("dtype", "candidates"), [(torch.float32, 5), (torch.bfloat16, 60)])
def test_neighbours_agree_with_sorting_all_similarities(script, monkeypatch, seed, dtype, candidates):
    arrays, vectors = script("arrays"), unit_rows(seed, 120)
    monkeypatch.setattr(arrays, "SCORES", 120 * 4 * 7)  # blocks of seven rows, the last one shorter
    cosines, indices = arrays.torch_knn(vectors, 5, dtype=dtype, candidates=candidates)
    scores = vectors.numpy() @ vectors.numpy().T
    np.fill_diagonal(scores, -np.inf)
    assert indices.tolist() == np.argsort(-scores, axis=1)[:, :5].tolist()
    np.testing.assert_allclose(cosines, -np.sort(-scores, axis=1)[:, :5], atol=1e-5)


def test_faiss_finds_the_same_neighbours_behind_the_row_itself(script):
    vectors = unit_rows(0, 80)
    found = script("arrays").faiss_knn(vectors.numpy(), 5, gpu=False)[1]
    assert found[:, 0].tolist() == list(range(80))
    assert (
        found[:, 1:].tolist() == script("arrays").torch_knn(vectors, 5, dtype=torch.float32, candidates=5)[1].tolist()
    )


def test_recall_is_the_share_of_true_neighbours(script):
    vectors = unit_rows(1, 50)
    scores = vectors @ vectors.T
    order = scores.fill_diagonal_(-torch.inf).argsort(dim=1, descending=True)
    assert script("arrays").recall(vectors, order[:, :4]) == 1
    assert script("arrays").recall(vectors, order[:, [0, 1, 2, 40]]) == 0.75


def three_directions():
    """Thirty rows close to three axes, ten to each."""
    rows = torch.eye(8)[torch.arange(30) % 3] + 0.01 * unit_rows(3, 30, 8)
    return torch.nn.functional.normalize(rows)


def test_lloyd_finds_three_directions(script, monkeypatch):
    arrays, vectors = script("arrays"), three_directions()
    monkeypatch.setattr(arrays, "SCORES", 3 * 4 * 7)
    monkeypatch.setattr(arrays, "SEED", 1)
    assert arrays.inertia(arrays.torch_lloyd(vectors, 3)) == pytest.approx(0, abs=1e-3)
    assert arrays.inertia(arrays.torch_lloyd(vectors, 1)) == pytest.approx(2 - 2 * 3**-0.5, abs=0.01)


@pytest.mark.parametrize("k", [1, 4, 9])
def test_lloyd_of_torch_and_of_faiss_come_out_alike(script, k):
    arrays, vectors = script("arrays"), script("arrays").draw(600, 24, "cpu")
    ours, theirs = arrays.torch_lloyd(vectors, k), arrays.faiss_lloyd(vectors.numpy(), k, gpu=False)
    assert arrays.inertia(ours) == pytest.approx(arrays.inertia(theirs), rel=0.03)


def test_drawn_vectors_have_length_one_and_lie_around_centres(script):
    vectors = script("arrays").draw(900, 64, "cpu")
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(900))
    nearest = (vectors @ vectors.T).fill_diagonal_(-1).amax(dim=1)
    assert nearest.median() > 0.5
    assert torch.equal(vectors, script("arrays").draw(900, 64, "cpu"))


def test_faiss_without_a_gpu_is_skipped_on_a_gpu_and_used_on_a_cpu(script, monkeypatch):
    import faiss

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0, raising=False)
    assert script("arrays").faiss_blind("cpu") == ""
    reason = "not run: this faiss sees no GPU, it needs faiss-cuda==1.14.1.post4 or faiss-gpu"
    assert script("arrays").faiss_blind("cuda") == reason


def test_stages_of_faiss_give_the_reason_they_were_skipped(script, bench, monkeypatch):
    arrays = script("arrays")
    monkeypatch.setattr(arrays, "faiss_blind", lambda device: "not run: blind")
    rows = [*arrays.kmeans_stage(bench, 100, 8, [4]), *arrays.graph_stage(bench, 100, 8)]
    assert [row.stage for row in rows if row.note == "not run: blind"] == [
        "k-means, Lloyd 20 times, Faiss",
        "k-means, clustering.kmeans",
        "exact kNN, Faiss",
    ]


@pytest.fixture
def gpu_bench(script, told, monkeypatch):
    """A bench that believes in a GPU, and counts how often it waited for it."""
    waits = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append(1))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    bench = script("timing").Bench("cuda", 3, told.append)
    return bench, waits


def test_a_gpu_is_waited_for_before_the_clock_is_read(gpu_bench):
    bench, waits = gpu_bench
    bench.measure("a", "b", lambda: None)
    assert len(waits) == 2 * (1 + 3)


def test_on_a_gpu_faiss_is_told_to_use_it_and_torch_may_use_tf32(script, gpu_bench, monkeypatch):
    import faiss

    arrays, asked = script("arrays"), []
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", lambda index: index, raising=False)
    monkeypatch.setattr(arrays, "faiss_lloyd", lambda rows, k, gpu: asked.append(("lloyd", gpu)) or np.ones(3))
    monkeypatch.setattr(arrays, "faiss_knn", lambda rows, k, gpu: asked.append(("knn", gpu)))
    vectors = unit_rows(0, 100)
    monkeypatch.setattr(arrays, "draw", lambda rows, dim, device: vectors)
    rows = [*arrays.kmeans_stage(gpu_bench[0], 100, 16, [4]), *arrays.graph_stage(gpu_bench[0], 100, 16)]
    assert set(asked) == {("lloyd", True), ("knn", True)}
    assert [row.precision for row in rows] == ["tf32", "fp32", "", "bf16", "fp32", "fp32", "", ""]


def test_faiss_searches_on_the_gpu_for_one_more_neighbour_than_asked_for(script, monkeypatch):
    import faiss

    vectors = unit_rows(0, 40).numpy()
    monkeypatch.setattr(faiss, "StandardGpuResources", lambda: "resources", raising=False)
    monkeypatch.setattr(faiss, "knn_gpu", lambda res, xq, xb, k, metric: [res, xq, xb, k, metric], raising=False)
    asked = script("arrays").faiss_knn(vectors, 15, gpu=True)
    assert (asked[0], asked[3], asked[4]) == ("resources", 16, faiss.METRIC_INNER_PRODUCT)
    assert asked[1] is asked[2] is vectors


def test_half_as_many_rows_are_tried_until_they_fit(script, bench, monkeypatch):
    arrays, draw = script("arrays"), script("arrays").draw

    def small_card(rows, dim, device):
        if rows > 300:
            raise RuntimeError("CUDA out of memory.")
        return draw(rows, dim, device)

    monkeypatch.setattr(arrays, "draw", small_card)
    rows = list(arrays.many_stage(bench, 1000, 8, 4))
    assert [(row.size, row.note) for row in rows[:3]] == [
        ("1,000 x 8", "not run: out of memory"),
        ("500 x 8", "not run: out of memory"),
        ("250 x 8, k = 4", ""),
    ]
    assert all(row.seconds for row in rows[2:])


def test_what_fits_is_not_sought_among_too_few_rows(script, bench, monkeypatch):
    monkeypatch.setattr(script("arrays"), "draw", lambda *sizes: fail_with(MemoryError())())
    assert [row.size for row in script("arrays").many_stage(bench, 1000, 8, 300)] == ["1,000 x 8", "500 x 8"]


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.fixture
def rows(script):
    cost, row = script("costs").Cost, script("timing").Row
    return [
        row(
            "k-means",
            "590,000 x 384",
            "tf32",
            0.5,
            5,
            cost(2 * 10**14, 10**9),
            {"inertia a row": 0.6123, "on the": "gpu"},
        ),
        row("Leiden", "590,000 rows", "", 12.34, 1, None, {"modularity": 0.9727, "edges": 6_300_000}),
        row("exact kNN, Faiss", "590,000 x 384", note="not run: out of memory"),
    ]


def test_each_stage_stands_beside_its_share_of_the_ceilings(script, rows):
    page = script("table").markdown(rows, {"tf32": 8e14, "copy": 4e12}, {"card": "X", "CUDA": "13.0"})
    assert "\nMade with: card X, CUDA 13.0.\n" in page
    assert page.endswith(
        """
| stage | size | seconds | FLOP/s | of the most | bytes/s | of the most | besides |
| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |
| k-means | 590,000 x 384 | 0.5 | 400 TFLOP/s | 50 % tf32 | 2 GB/s | 0.05 % | inertia a row .6123, on the gpu |
| Leiden | 590,000 rows | 12.3 |  |  |  |  | modularity .9727, edges 6,300,000 |
| exact kNN, Faiss | 590,000 x 384 |  |  |  |  |  | not run: out of memory |
"""
    )


def test_a_ceiling_that_was_not_reached_leaves_the_share_open(script, rows):
    assert script("table").share(rows[0], {"copy": 4e12}, "flops") is None
    assert script("table").share(rows[0], {"copy": 4e12}, "bytes") == pytest.approx(5e-4)


def test_the_figures_hold_work_seconds_and_shares(script, rows):
    written = script("table").figures(rows[:1], {"tf32": 8e14, "copy": 4e12}, {"card": "X"})
    assert json.loads(json.dumps(written)) == {
        "setup": {"card": "X"},
        "ceilings": {"tf32": 8e14, "copy": 4e12},
        "rows": [
            {
                "stage": "k-means",
                "size": "590,000 x 384",
                "precision": "tf32",
                "seconds": 0.5,
                "runs": 5,
                "cost": {"flops": 2 * 10**14, "bytes": 10**9},
                "figures": {"inertia a row": 0.6123, "on the": "gpu"},
                "note": "",
                "flops_share": 0.5,
                "bytes_share": 0.0005,
            }
        ],
    }


@pytest.mark.parametrize(("value", "text"), [(1.3239, "1.324"), (43.51, "43.51"), (12345.6, "12,346"), (1, "1")])
def test_figures_are_written_with_the_digits_that_matter(script, value, text):
    assert script("table").shown(value) == text


def test_the_setup_names_card_driver_and_cuda(script, tmp_path, monkeypatch):
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 580.1\n")
    driver.chmod(0o755)
    table = script("table")
    monkeypatch.setattr(table.shutil, "which", lambda name: str(driver))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda i: SimpleNamespace(total_memory=141e9))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: "NVIDIA H200")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    made_with = table.setup("cuda", repeats=3, model=None)
    assert (made_with["card"], made_with["driver"], made_with["CUDA"]) == ("NVIDIA H200 (141 GB)", "580.1", "13.0")
    assert (made_with["repeats"], made_with["text model"]) == ("3", "MiniLM's architecture, random weights")
    assert not {"card", "driver", "CUDA"} & set(table.setup("cpu", repeats=3, model=None))


# --- the whole way ---------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(script, monkeypatch):
    from dataclasses import replace

    small = replace(script().SIZES["cpu"], rows=200, dim=8, k=(5,), many_rows=300, many_dim=4, side=16, copied=8000)
    monkeypatch.setitem(script().SIZES, "cpu", replace(small, tokens=80, images=1))


def test_a_dry_run_measures_every_stage_on_a_cpu(script, tiny, tmp_path, capsys):
    json_file, page = tmp_path / "gpu.json", tmp_path / "gpu.md"
    arguments = ["--device", "cpu", "--repeats", "1", "--json", str(json_file), "--markdown", str(page)]
    assert script().main(arguments) == 0
    measured = json.loads(json_file.read_text())["rows"]
    assert [(row["stage"], row["size"]) for row in measured] == [
        ("ceiling: bf16 matrix product", "16 cubed, 10 times"),
        ("ceiling: fp32 matrix product", "16 cubed, 10 times"),
        ("ceiling: copy in memory", "8e-06 GB, 10 times"),
        ("k-means, Lloyd 20 times, torch", "200 x 8, k = 5"),
        ("k-means, Lloyd 20 times, Faiss", "200 x 8, k = 5"),
        ("k-means, clustering.kmeans", "200 x 8, k = 5"),
        ("k-means, Lloyd 20 times, torch", "300 x 4, k = 5"),
        ("k-means, Lloyd 20 times, Faiss", "300 x 4, k = 5"),
        ("k-means, clustering.kmeans", "300 x 4, k = 5"),
        ("exact kNN, torch bf16, best 64 again in fp32", "200 x 8, k = 15"),
        ("exact kNN, torch fp32, best 15 again in fp32", "200 x 8, k = 15"),
        ("exact kNN, Faiss", "200 x 8, k = 15"),
        ("kNN, graph.knn", "200 x 8, k = 15"),
        ("edges and Leiden, on the CPU", "200 rows, k = 15"),
        ("embedding, 1-layer MiniLM", "8 batches of 4 texts of 17 tokens"),
        ("embedding, 1-layer MiniLM", "8 batches of 1 texts of 80 tokens"),
        ("embedding, 1-layer CLIP ViT-B/32", "8 batches of 1 pictures of 224 x 224"),
        ("embedding, 1-layer SigLIP base 16", "8 batches of 1 pictures of 224 x 224"),
    ]
    assert all(row["seconds"] > 0 and row["runs"] == 1 for row in measured)
    rates = [rate * row["seconds"] for row in measured for name, rate in row["figures"].items() if name.endswith("/s")]
    assert rates == pytest.approx([8 * 4, 8, 8, 8])
    assert page.read_text().count("\n| ") == len(measured) + 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == len(measured)


def test_sizes_and_stages_can_be_chosen_and_the_table_goes_to_stdout(script, tiny, capsys):
    arguments = ["--device", "cpu", "--only", "kmeans", "--rows", "150", "--dim", "6", "--k", "3", "7"]
    assert script().main(arguments) == 0
    said = capsys.readouterr().out
    assert "150 x 6, k = 3 |" in said
    assert "150 x 6, k = 7 |" in said
    assert "kNN" not in said


def test_a_checkpoint_is_taken_instead_of_random_weights(script, tiny, tmp_path, capsys):
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 20}
    folder = tmp_path / "little-bert"
    BertModel(BertConfig(vocab_size=30, **sizes)).save_pretrained(folder)
    assert script().main(["--device", "cpu", "--only", "text", "--model", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "| embedding, 3-layer little-bert | 8 batches of 1 texts of 80 tokens |" in said
    assert "text model little-bert" in said


def test_without_a_gpu_it_says_what_it_takes(script, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert script().main([]) == 1
    assert capsys.readouterr().err == (
        f"torch {torch.__version__} sees no GPU: it takes an NVIDIA card, its driver and a torch built with CUDA; "
        "--device cpu runs everything small without one\n"
    )


def test_without_torch_it_says_so(script, monkeypatch, capsys):
    script()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert script().main(["--device", "cpu"]) == 1
    assert capsys.readouterr().err == "torch is not installed: pip install torch, built with CUDA for a GPU\n"


def test_a_folder_without_a_checkpoint_is_named(script, tmp_path, capsys):
    assert script().main(["--device", "cpu", "--model", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"there is no checkpoint at '{tmp_path}': give --model a folder with a config.json and weights\n"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--rows", "150", "--k", "20", "200"], "--k must be 150 or less for 150 rows, got 200"),
        (["--rows", "99", "--k", "5"], "--rows must be 100 or more, got 99"),
        (["--repeats", "0"], "argument --repeats: must be a whole number, 1 or more, got 0"),
    ],
)
def test_sizes_that_cannot_be_are_refused(script, capsys, arguments, complaint):
    with pytest.raises(SystemExit) as stopped:
        script().main(["--device", "cpu", *arguments])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: {complaint}\n")


def test_help_names_the_packages_it_needs(script, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmark_gpu.py"])
    with pytest.raises(SystemExit):
        script().main(["--help"])
    said = capsys.readouterr().out
    assert all(
        name in said for name in ("torch built with CUDA", "faiss-cuda==1.14.1.post4", "faiss-gpu", "transformers")
    )
