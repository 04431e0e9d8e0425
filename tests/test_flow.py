"""The main job from end to end through the command line, on the sample catalogue with the packaged MiniLM."""

import csv
import json
from collections import defaultdict

import pandas as pd
import pytest
from click.testing import CliRunner

from service.cli import main

PRODUCTS = 400


@pytest.fixture(scope="module", autouse=True)
def offline():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        yield


def assort(*arguments, stdin=None, code=0):
    """Run a command and give its standard output."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("flow")


@pytest.fixture(scope="module")
def shop(folder):
    """A store with an indexed and clustered sample."""
    assort("sample", folder, "--products", PRODUCTS, "--seed", 11)
    location = str(folder / "store")
    assort("index", folder / "catalogue.jsonl.gz", "--store", location)
    assort("cluster", "all", "--seed", 3, "--store", location)
    return location


@pytest.fixture(scope="module")
def truth(folder, shop):
    with (folder / "truth.csv").open(newline="") as file:
        return {row["product_id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def table(folder, shop):
    assort("export", folder / "all.csv", "--store", shop)
    return pd.read_csv(folder / "all.csv", dtype={"product_id": str}).set_index("product_id")


def asked(shop, *arguments, **options):
    return json.loads(assort(*arguments, "--json", "--store", shop, **options))


def test_every_usable_product_is_exported_once_with_all_its_clusters(table, truth):
    assert sorted(table.index) == sorted(truth)
    assert [table.index.name, *table.columns] == [
        "product_id", "title", "brand", "categories", "price", "image_url",
        "identity_cluster", "similarity_cluster", "complementary_cluster",
        "identity_name", "similarity_name", "complementary_name",
    ]  # fmt: skip
    assert table[["identity_cluster", "similarity_cluster", "complementary_cluster"]].notna().all(axis=None)


def test_offers_of_one_product_share_an_identity_and_variants_do_not(table, truth):
    from clustering.metrics import pairwise

    named = [product_id for product_id in truth if isinstance(table.title.get(product_id), str)]
    grade = pairwise(table.identity_cluster[named].to_numpy(), [int(truth[i]["identity"]) for i in named])
    assert grade.f1 > 0.75


def test_similarity_clusters_hold_products_of_one_kind(table, truth):
    from sklearn.metrics import homogeneity_score

    kinds = [truth[i]["category"] for i in table.index]
    assert homogeneity_score(kinds, table.similarity_cluster) > 0.8


def test_indexing_again_embeds_nothing_and_keeps_labels(folder, shop, table):
    said = assort("index", folder / "catalogue.jsonl.gz", "--store", shop)
    assert f"0 new products, 0 embedded, 0 updated without embedding, {PRODUCTS} unchanged" in said
    assort("export", folder / "again.csv", "--store", shop)
    assert (folder / "again.csv").read_text() == (folder / "all.csv").read_text()


def test_clustering_again_with_the_same_seed_changes_no_label(folder, shop, table):
    assort("cluster", "all", "--seed", 3, "--store", shop)
    assort("export", folder / "again.csv", "--store", shop)
    assert (folder / "again.csv").read_text() == (folder / "all.csv").read_text()


def test_the_same_seed_makes_the_same_labels_from_nothing(folder, shop, table, tmp_path):
    assort("index", folder / "catalogue.jsonl.gz", "--store", tmp_path / "s")
    assort("cluster", "all", "--seed", 3, "--store", tmp_path / "s")
    assort("export", tmp_path / "fresh.csv", "--store", tmp_path / "s")
    assert (tmp_path / "fresh.csv").read_text() == (folder / "all.csv").read_text()


def test_rejected_lines_are_kept_with_line_and_reason(folder, shop):
    rejects = [json.loads(line) for line in (folder / "store" / "products.rejects.jsonl").read_text().splitlines()]
    assert {"not JSON", "no product id"} < {rejected["reason"] for rejected in rejects}
    assert all(rejected["line"] > 0 and rejected["file"].endswith("catalogue.jsonl.gz") for rejected in rejects)


def test_similar_products_come_as_a_list_and_several_ids_as_an_object(shop, table):
    first, second = table.index[:2]
    answers = asked(shop, "similar", first, "--limit", 3)
    assert [set(answer) >= {"product_id", "score", "title", "brand", "price", "image_url", "identity", "similarity",
                            "complementary"} for answer in answers] == [True] * 3  # fmt: skip
    both = asked(shop, "similar", first, second, "--limit", 3)
    assert list(both) == [first, second]
    assert both[first] == answers
    assert asked(shop, "similar", "-", "--limit", 3, stdin=f"{first}\n{second}\n") == both


def test_an_unknown_id_among_several_is_answered_with_null(shop, table):
    assert asked(shop, "similar", table.index[0], "nobody", "--limit", 1)["nobody"] is None


def test_everything_in_a_cluster_can_be_listed(shop, table):
    cluster = int(table.similarity_cluster.mode()[0])
    listed = asked(shop, "products", "--where", f"similarity={cluster}", "--limit", PRODUCTS)
    assert {answer["product_id"] for answer in listed} == set(table.index[table.similarity_cluster == cluster])


def linked(shop, product_id):
    product = asked(shop, "show", product_id)
    return {*product.get("also_buy", ()), *product.get("bought_together", ())}


def test_complements_say_why_and_are_never_the_product_itself_in_another_offer(shop, table):
    for product_id in table.index[:20]:
        for answer in asked(shop, "complements", product_id, "--limit", 20):
            assert answer["why"]
            assert answer["identity"] != table.identity_cluster[product_id]


def test_new_complements_are_not_linked_yet_and_no_substitutes_leaves_the_similarity_cluster(shop, table):
    for product_id in table.index[:20]:
        new = asked(shop, "complements", product_id, "--new-only", "--no-substitutes")
        assert not {answer["product_id"] for answer in new} & linked(shop, product_id)
        assert all(answer["similarity"] != table.similarity_cluster[product_id] for answer in new)


def test_a_product_nobody_links_gets_complements_from_similar_products(shop, truth):
    cold = [product_id for product_id, row in truth.items() if row["role"] == "cold"]
    reasons = defaultdict(int)
    for answers in asked(shop, "complements", *cold).values():
        for answer in answers:
            reasons[answer["why"].split(" ", 1)[0]] += 1
    assert sum(reasons.values()) > 5 * len(cold)
    assert set(reasons) == {"bought"}  # "bought together by 3 similar products"


def test_a_product_that_arrives_after_the_run_gets_complements_too(shop, tmp_path, table):
    case = next(i for i, title in table.title.items() if "Case" in str(title))
    (tmp_path / "new.csv").write_text(f'id,title\nNEW1,"{table.title[case]} brand new"\n')
    assort("index", tmp_path / "new.csv", "--store", shop)
    answers = asked(shop, "complements", "NEW1", "--limit", 5)
    assert len(answers) == 5
    assert all("similar products" in answer["why"] for answer in answers)
    assert asked(shop, "show", "NEW1").get("identity") is None
    assert "1 products removed" in assort("delete", "NEW1", "--store", shop)


def test_free_text_finds_what_it_says(shop, truth):
    answers = asked(shop, "search", "memory card 128gb", "--limit", 5)
    assert {truth[answer["product_id"]]["category"] for answer in answers} == {"memory card"}
    assert all("128" in answer["title"] for answer in answers[:2])


def test_info_tells_what_made_the_labels(shop):
    described = asked(shop, "info")
    assert described["products"] == PRODUCTS
    assert described["vectors"] == {"text": 384}
    assert described["labels"]["identity"]["parameters"]["seed"] == 3
    assert described["cut_short"] == described["half_written"] == []


def test_labels_are_summed_up_and_listed_with_examples(shop, table):
    summary = {row["label"]: row for row in asked(shop, "labels")}
    assert set(summary) == {"identity_cell", "identity", "similarity", "complementary"}
    assert summary["identity"]["clusters"] == table.identity_cluster.nunique()
    largest = asked(shop, "labels", "similarity", "--limit", 1)[0]
    assert largest["size"] == table.similarity_cluster.value_counts().max()


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_the_other_export_formats_hold_the_same(folder, shop, table, ending):
    file = folder / f"all.{ending}"
    assort("export", file, "--store", shop)
    read = pd.read_parquet(file) if ending == "parquet" else pd.read_json(file, lines=True)
    assert read.set_index("product_id").similarity_cluster.to_dict() == table.similarity_cluster.to_dict()


def test_push_copies_a_store_without_embedding(shop, tmp_path, monkeypatch):
    """A folder stands in for the server here: `push` only knows stores."""
    from indexer.store import open_store
    from service.push import push

    with open_store(shop) as source, open_store(str(tmp_path / "copy"), create=True) as target:
        assert push(source, target) == PRODUCTS
        assert target.records.settings() == source.records.settings()
        assert [run.run_id for run in target.records.runs()] == [run.run_id for run in source.records.runs()]
        ids = source.take().ids
        assert target.similar(ids[:5]) == source.similar(ids[:5])
        assert target.cluster_sizes("identity") == source.cluster_sizes("identity")


def test_push_refuses_a_target_whose_own_products_would_mix_with_the_sources(shop, tmp_path, embedder):
    from indexer.indexing import index_products
    from indexer.products import Product
    from indexer.store import open_store
    from service.push import push

    with open_store(shop) as source, open_store(str(tmp_path / "other"), create=True) as target:
        index_products([Product("X", title="lamp")], target, embedder)
        with pytest.raises(
            ValueError, match="the target holds vectors of 'words' over title,description, the source of"
        ):
            push(source, target)
    with open_store(shop) as source, open_store(str(tmp_path / "copy"), create=True) as target:
        push(source, target)
        push(source, target)
        source_ids = source.take().ids
        assert target.take().ids == source_ids
    with open_store(shop) as source, open_store(str(tmp_path / "copy")) as target:
        target.delete(source_ids[:1])
        with pytest.raises(
            ValueError, match=f"holds {1} products that the source has not, '{source_ids[0]}' among them"
        ):
            push(target, source)
