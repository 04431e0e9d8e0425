import json

import numpy as np
import pytest
from click.testing import CliRunner

from indexer.catalogue import Catalogues
from indexer.products import Product
from service import memory, rehearsal
from service.catalogue import take_catalogue
from service.cli import main
from service.memory import Need, Size, check_indexing, clustering_bytes, in_words, must_map
from service.plan import COMPARED, STAGES, hints, in_time, predict, side_by_side
from service.rehearsal import Rehearsal, rehearse
from service.runs import KINDS, ClusterOptions

STEPS = [stage.name for stage in STAGES]
FIRST_RUN = [name for name in STEPS if name != "writing labels"]  # done with the complements where there are any


def rehearsed(**seconds):
    """A rehearsal of 1,000 products in 1,250 lines, a second a step where nothing else is said."""
    disk = dict.fromkeys(STEPS, 32e6 + 5e6)
    took = {name.replace("_", " "): value for name, value in seconds.items()}
    return Rehearsal(1250, 1000, 8, 3.0, 50e6, {**dict.fromkeys(STEPS, 1.0), **took}, disk)


def test_products_are_predicted_from_the_share_of_lines_that_hold_one():
    assert predict(rehearsed(), 12_500, neighbours=15, cores=2).products == 10_000


def test_each_step_grows_by_its_own_law():
    plan = predict(rehearsed(loading_the_model=3.0, k_means=0), 125_000, neighbours=15, cores=2)
    assert plan.seconds_of("loading the model") == 3.0
    assert plan.seconds_of("embedding") == pytest.approx(100)
    assert plan.seconds_of("nearest neighbours") == pytest.approx(100 * COMPARED / 1000)
    assert plan.seconds_of("building the vector index") > 100


def test_a_catalogue_that_was_rehearsed_whole_takes_what_it_took():
    plan = predict(rehearsed(writing=5.0), 1250, neighbours=15, cores=2)
    clustering = [stage for stage in STAGES if stage.command == "cluster"]
    assert plan.cluster_seconds == len(clustering)
    assert plan.index_seconds == 1.0 + side_by_side(1.0, 1.0, 5.0, 2)
    assert plan.seconds == plan.cluster_seconds + plan.index_seconds


def test_steps_that_a_catalogue_does_not_need_are_left_out():
    some = rehearsed()
    without = {name: took for name, took in some.seconds.items() if name != "ranking complements"}
    plan = predict(Rehearsal(1250, 1000, 8, 0.0, 0.0, without, some.disk), 1250, neighbours=15, cores=2)
    assert [each.stage for each in plan.stages] == [name for name in STEPS if name != "ranking complements"]


def test_disk_grows_with_the_products_beyond_what_a_store_takes_empty():
    plan = predict(rehearsed(), 12_500, neighbours=15, cores=2)
    assert {each.disk for each in plan.stages[:-1]} == {32e6 + 50e6}
    assert plan.disk == plan.stages[-1].disk == 32e6 + 2 * 50e6  # the index is built into a copy


@pytest.mark.parametrize(
    ("reading", "embedding", "writing", "cores", "together"),
    [(10, 0, 4, 2, 10), (4, 0, 10, 2, 10), (6, 0, 6, 2, 6), (6, 0, 6, 1, 12), (6, 60, 6, 2, 66), (8, 80, 8, 16, 81)],
)
def test_indexing_takes_as_long_as_its_slowest_stage_or_all_the_work_of_the_cores(
    reading, embedding, writing, cores, together
):
    assert side_by_side(reading, embedding, writing, cores) == together


def test_a_plan_that_fits_gives_no_hint():
    plan = predict(rehearsed(), 1250, neighbours=15, cores=2)
    assert hints(plan, memory=64e9, disk=1e12, fast=False) == []


def test_hints_name_the_way_out():
    plan = predict(rehearsed(embedding=1000.0), 1250, neighbours=15, cores=2)
    assert hints(plan, memory=1e6, disk=20e6, fast=False) == [
        f"memory: {in_words(plan.memory)} needed, this machine has 1 MB: "
        "run one kind of cluster at a time, or part of the catalogue with --limit",
        "disk: 42 MB needed, 20 MB free: give --store a folder with more room",
        f"embedding takes most of the time: --speed fast would take {in_time(plan.seconds - 990)} in all",
    ]
    assert len(hints(plan, memory=64e9, disk=1e12, fast=True)) == 0


def test_a_machine_that_is_too_small_in_memory_only_is_told_the_limit_to_set():
    plan = predict(rehearsed(), 1_250_000, neighbours=15, cores=2)
    between = (plan.memory + plan.least_memory) / 2
    (hint,) = hints(plan, memory=between, disk=1e12, fast=False)
    least = in_words(plan.least_memory).replace(" ", "")
    assert hint.endswith(f"this machine has {in_words(between)}: `assort cluster all --max-memory {least}` would do")


def test_a_limit_below_what_a_run_needs_is_refused_by_plan():
    with pytest.raises(ValueError, match=r"max memory must be at least .* for 1,000 products, got 2 MB: give more$"):
        predict(rehearsed(), 1250, neighbours=15, cores=2, limit=2_000_000)


def test_needs_add_up_by_what_a_catalogue_has():
    assert Need(fixed=5, product=7, dimension=4, link=3, neighbour=2).bytes(Size(10, 8, 1.5, 6)) == 5 + 10 * (
        7 + 32 + 4.5 + 12
    )


def test_vectors_go_into_a_file_only_where_the_limit_asks_for_it():
    size = Size(100_000, 384, 10, 15)
    whole, least = clustering_bytes(size, KINDS), clustering_bytes(size, KINDS, mapped=True)
    assert whole - least == 100_000 * 384 * 4
    assert [must_map(size, KINDS, limit) for limit in (None, int(whole) + 1, int(whole) - 1, int(least) + 1)] == [
        False, False, True, True,
    ]  # fmt: skip


def test_what_cannot_be_kept_is_refused_with_the_least_and_a_way():
    size = Size(100_000, 384, 10, 15)
    least = clustering_bytes(size, KINDS, mapped=True)
    apart = {kind: clustering_bytes(size, [kind], mapped=True) for kind in KINDS}
    kind = min(apart, key=apart.__getitem__)
    with pytest.raises(ValueError) as refused:
        must_map(size, KINDS, int(least) - 1)
    assert str(refused.value) == (
        f"max memory must be at least {in_words(least)} for 100,000 products, got {in_words(int(least) - 1)}: "
        f"give more, or run one kind at a time: `assort cluster {kind}` needs {in_words(apart[kind])}"
    )


def test_indexing_below_its_least_is_refused():
    with pytest.raises(
        ValueError, match=r"^max memory must be at least 1\.5 GB to index about 1,000,000 products, got"
    ):
        check_indexing(1_000_000, 0, 1_000_000)
    check_indexing(1_000_000, 0, 1_500_000_000)
    check_indexing(1_000_000, 0, None)


def test_numbers_of_bytes_are_rounded_up():
    assert [in_words(number) for number in (1, 999e6, 1e9, 3.141e9)] == ["1 MB", "999 MB", "1 GB", "3.15 GB"]


def test_spans_are_written_as_a_person_does():
    assert [in_time(span) for span in (0.4, 59.4, 60, 250.6, 3599.6, 7560)] == [
        "0 s", "59 s", "1 min 00 s", "4 min 11 s", "1 h 00 min", "2 h 06 min",
    ]  # fmt: skip


def catalogue(path, n, links=lambda row: []):
    lines = [{"asin": f"P{row}", "title": f"case {row} of {row % 7}", "also_buy": links(row)} for row in range(n)]
    path.write_text("\n".join(map(json.dumps, lines)))
    return Catalogues((path,))


def test_a_rehearsal_times_every_step_of_a_run(tmp_path, embedder):
    records = catalogue(tmp_path / "shop.jsonl", 60, lambda row: [f"P{(row + 1) % 60}", "elsewhere"])
    found = rehearse(records, embedder, ClusterOptions(seed=0), total=60, text_fields=("title",))
    assert (found.lines, found.products, found.dim) == (60, 60, 32)
    assert found.links == 1.0  # the other one of each product leads elsewhere
    assert set(FIRST_RUN) == set(found.seconds)
    assert all(took >= 0 for took in found.seconds.values())
    assert found.disk["writing"] > 0
    assert found.disk.keys() == found.seconds.keys()


def test_a_catalogue_without_links_skips_what_they_are_for(tmp_path, embedder):
    found = rehearse(
        catalogue(tmp_path / "shop.jsonl", 40), embedder, ClusterOptions(seed=0), total=40, text_fields=("title",)
    )
    assert set(STEPS) - set(found.seconds) == {
        "nearest linked products", "complementary clusters", "ranking complements", "naming complementary",
    }  # fmt: skip


def test_a_beginning_without_a_single_text_is_nothing_to_plan_by(tmp_path, embedder):
    (tmp_path / "shop.jsonl").write_text('{"asin": "A", "also_buy": ["B"]}\n{"asin": "B", "also_buy": []}\n')
    records = Catalogues((tmp_path / "shop.jsonl",), {"mapping": {"title": "asin", "product_id": "asin"}})
    reading = Catalogues((tmp_path / "shop.jsonl",))
    assert rehearse(records, embedder, ClusterOptions(seed=0), total=2, text_fields=("title",)).products == 2
    with pytest.raises(ValueError, match=r"^none of the first 2 lines holds a product with a text: try --map title="):
        rehearse(reading, embedder, ClusterOptions(seed=0), total=2, text_fields=("title",))


def test_embedding_ends_with_its_time_and_the_rest_is_drawn(tmp_path, embedder, monkeypatch):
    monkeypatch.setattr(rehearsal, "EMBEDDING", 0.0)
    monkeypatch.setattr(rehearsal, "FIRST", 10)
    records = catalogue(tmp_path / "shop.jsonl", 60)
    rehearse(records, embedder, ClusterOptions(seed=0), total=60, text_fields=("title",))
    assert len(embedder.embedded) == 20  # once to make the model ready, once to take its time


def test_the_share_of_links_inside_a_catalogue_is_estimated_from_those_inside_the_sample():
    rng = np.random.default_rng(0)
    sample = [
        Product(f"P{row}", "case", also_buy=tuple(f"P{other}" for other in rng.integers(20_000, size=20)))
        for row in range(2000)
    ]
    assert rehearsal._share_inside(sample, 10_000) == pytest.approx(0.5, abs=0.05)
    assert rehearsal._share_inside([Product("P0", "case")], 10_000) == 0


def test_links_that_leave_the_sample_come_back_to_the_group_and_one_id_to_one_product():
    sample = [
        Product(f"P{row}", "case", also_buy=("P0", *(f"far{row % 5}-{i}" for i in range(8)))) for row in range(400)
    ]
    rewired = list(rehearsal._rewired(sample, 1.0))
    ids = [product.product_id for product in sample]
    groups = [set(ids[:200]), set(ids[200:])]
    for row, product in enumerate(rewired):
        assert product.also_buy[0] == "P0"
        assert set(product.also_buy[1:]) <= groups[row // 200]
        assert product.also_buy == rewired[row % 5 + row // 200 * 200].also_buy
    assert list(rehearsal._rewired(sample, 0.0)) == sample


@pytest.fixture
def run(tmp_path, monkeypatch, embedder):
    monkeypatch.setenv("ASSORT_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    for place in ("service.cli.index", "service.cli.plan"):
        monkeypatch.setattr(f"{place}.TextEmbedder", lambda name, on_load: embedder)
    catalogue(tmp_path / "shop.jsonl", 40, lambda row: [f"P{(row + 1) % 40}"])
    return lambda *arguments: CliRunner().invoke(main, list(arguments))


def test_plan_prints_a_line_for_each_stage_and_leaves_no_store(run, tmp_path):
    done = run("plan", "shop.jsonl")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = [line.split("  ")[0].strip() or line.strip().split("  ")[0] for line in done.stdout.splitlines()]
    assert lines[0] == "stage"
    assert set(FIRST_RUN) < set(lines)
    assert {"index, side by side", "cluster all", "40 products in all"} < set(lines)
    assert not (tmp_path / "store").exists()


def test_plan_prints_json(run):
    found = json.loads(run("plan", "shop.jsonl", "--json").stdout)
    assert found["products"] == 40
    assert [stage["stage"] for stage in found["stages"]] == FIRST_RUN
    assert found["seconds"] == pytest.approx(found["index_seconds"] + found["cluster_seconds"])


@pytest.mark.parametrize("size", ["4", "GB", "0GB", "-1GB", "4 apples"])
@pytest.mark.parametrize("command", [["plan", "shop.jsonl"], ["index", "shop.jsonl"], ["cluster", "all"]])
def test_what_is_no_size_is_wrong_usage(run, command, size):
    done = run(*command, "--max-memory", size)
    assert done.exit_code == 2
    assert f"'{size}' is no size such as 500MB, 4GB or 4GiB" in done.stderr


def test_a_limit_that_cannot_be_kept_is_refused_before_anything_starts(run, tmp_path):
    for command in (["plan", "shop.jsonl"], ["index", "shop.jsonl"]):
        done = run(*command, "--max-memory", "1MB")
        assert done.exit_code == 1
        assert "max memory must be at least" in done.stderr
        assert "got 1 MB: give more" in done.stderr
    assert not (tmp_path / "store" / "products").exists()
    run("index", "shop.jsonl")
    done = run("cluster", "all", "--max-memory", "0.5MiB")
    assert done.exit_code == 1
    assert "for 40 products, got 1 MB: give more\n" in done.stderr


def test_an_absent_catalogue_is_named_by_plan(run):
    done = run("plan", "absent.csv")
    assert (done.exit_code, done.stderr) == (1, "Error: absent.csv: does not exist: check the path\n")


def test_a_run_held_to_a_limit_finds_the_same_clusters(run, monkeypatch):
    taken = []

    def take(*arguments, **options):
        taken.append(take_catalogue(*arguments, **options))
        return taken[-1]

    monkeypatch.setattr("service.runs.take_catalogue", take)
    run("index", "shop.jsonl")
    run("cluster", "all")
    found = run("products", "--limit", "40", "--json").stdout
    least = clustering_bytes(Size(40, 32, 1.0, 15), KINDS, mapped=True)
    done = run("cluster", "all", "--max-memory", f"{least / 1e3 + 2:.0f}KB")
    assert done.exit_code == 0, done.stderr
    assert "the vectors lie in a temporary file, to stay below the limit" in done.stderr
    assert "0 of 40 products got new labels" in done.stderr
    assert run("products", "--limit", "40", "--json").stdout == found
    assert [isinstance(catalogue.vectors.base, np.memmap) for catalogue in taken] == [False, True]
    assert (taken[0].vectors == taken[1].vectors).all()


@pytest.mark.skipif(not memory.private_bytes(), reason="the system does not tell how much memory is private")
def test_mapped_vectors_take_no_memory_that_the_system_cannot_take_back():
    from indexer.store.block import BlockWriter

    rows, dim = 8_000, 1_024  # 33 MB
    page = [np.full(dim, 1 / 3, dtype=np.float32)] * 100
    taken = []
    for limit in (None, 0):
        before = memory.private_bytes()
        block = BlockWriter(rows, dim, memory_limit=limit, exact=True)
        for _ in range(rows // 100):
            block.add(page)
        taken.append(memory.private_bytes() - before)
        assert (block.block() == page[0]).all()
        del block
    assert taken[0] > 0.9 * rows * dim * 4
    assert taken[1] < 0.1 * rows * dim * 4
