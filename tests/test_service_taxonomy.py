from dataclasses import replace

import numpy as np
import pytest

from clustering.models import to_bytes
from clustering.taxonomy import check_nested
from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import Condition
from service.branches import dendrogram, lines, nodes, twigs
from service.marking import model_file
from service.names import names_of, rename
from service.predicting import model_of, predict
from service.taxonomy import Branch, TaxonomyOptions, level_labels, made_on, make_taxonomy, parent_label

TYPES = {
    "phones": ("nova", "orbit"),
    "lamps": ("desk", "floor"),
    "shirts": ("checked", "striped"),
    "chairs": ("office", "garden"),
}
OPTIONS = TaxonomyOptions(0, fewest=2, most=2)


def products(first=0, each=18):
    """Four kinds of product, two sorts of each: words of the kind, of the sort, one of its own."""
    return [
        Product(f"{kind}-{sort}-{n}", title=f"{kind} {kind}a {kind}b {sort} {sort}a {sort}b item{kind}{sort}{n}")
        for kind, sorts in TYPES.items()
        for sort in sorts
        for n in range(first, first + each)
    ]


@pytest.fixture
def shop(store, embedder):
    index_products(products(), store, embedder)
    return store


def levels_of(store, count=2, ids=None):
    ids = ids or [product.product_id for product in products()]
    found = store.get(ids)
    return np.array([[found[i].get(f"taxonomy_{level}", -1) for i in ids] for level in range(1, count + 1)])


def rows_by(part, ids=None):
    ids = ids or [product.product_id for product in products()]
    return np.unique([i.rsplit("-", part)[0] for i in ids], return_inverse=True)[1]


def same_partition(first, second):
    return len(np.unique(np.stack([first, second]), axis=1).T) == len(np.unique(first)) == len(np.unique(second))


def test_levels_are_nested_and_leave_no_product_out(shop):
    figures = make_taxonomy(shop, OPTIONS)
    levels = levels_of(shop)
    check_nested(levels)
    assert levels.min() >= 0
    assert level_labels(shop) == list(figures) == ["taxonomy_1", "taxonomy_2"]
    assert same_partition(levels[0], rows_by(2))
    assert same_partition(levels[1], rows_by(1))
    assert figures["taxonomy_1"] | {"resolution": 0, "stability": 0} == {
        "clusters": 4, "largest": 36, "singletons": 0, "resolution": 0, "stability": 0,
    }  # fmt: skip


def test_clusters_have_names_of_their_own_and_siblings_differ(shop):
    make_taxonomy(shop, OPTIONS)
    levels = levels_of(shop)
    names = names_of(shop, "taxonomy_1", set(levels[0].tolist()))
    assert {name.split()[0].lower().rstrip("abs") for name in names.values()} == {"phone", "lamp", "shirt", "chair"}
    below = names_of(shop, "taxonomy_2", set(levels[1].tolist()))
    for parent in np.unique(levels[0]):
        children = np.unique(levels[1][levels[0] == parent]).tolist()
        assert len({below[child] for child in children}) == len(children) == 2


def test_the_run_is_on_record_and_the_same_seed_changes_nothing(shop):
    make_taxonomy(shop, OPTIONS)
    (run,) = [run for run in shop.records.runs() if run.kind == "cluster"]
    assert run.parameters["kinds"] == ["taxonomy_1", "taxonomy_2"]
    assert (run.parameters["method"], run.parameters["on"], run.parameters["seed"]) == ("taxonomy", "text", 0)
    assert run.state == "done"
    before = levels_of(shop)
    make_taxonomy(shop, OPTIONS)
    assert (levels_of(shop) == before).all()


def test_numbers_last_when_products_join(shop, embedder):
    make_taxonomy(shop, OPTIONS)
    before = levels_of(shop)
    index_products([*products(), *products(first=18, each=2)], shop, embedder)
    make_taxonomy(shop, OPTIONS)
    assert (levels_of(shop) == before).all()
    new = [product.product_id for product in products(first=18, each=2)]
    assert (levels_of(shop, ids=new) >= 0).all()


def test_a_branch_is_clustered_anew_without_touching_the_others(shop, embedder):
    make_taxonomy(shop, OPTIONS)
    before = levels_of(shop)
    branch = int(before[0][0])
    title = "phones phonesa phonesb phones phonesa phonesb zed zeda zedb zed zeda"
    more = [Product(f"phones-zed-{n}", title=f"{title} itemzed{n}") for n in range(12)]
    index_products([*products(), *more], shop, embedder)
    predict(shop, "taxonomy_1")
    make_taxonomy(shop, TaxonomyOptions(0, within=Branch(1, branch)))
    after = levels_of(shop)
    others = before[0] != branch
    assert (after[0] == before[0]).all()
    assert (after[1][others] == before[1][others]).all()
    assert not set(after[1][~others].tolist()) & set(after[1][others].tolist())
    new = levels_of(shop, ids=[product.product_id for product in more])
    assert set(new[0].tolist()) == {branch}
    assert len(set(new[1].tolist())) == 1
    assert new[1][0] not in after[1]


@pytest.fixture
def pictured(shop):
    """All products have a picture, here the vector of their text, but four lamps."""
    taken = shop.take(vector="text")
    pictures = dict(zip(taken.ids, taken.vectors, strict=True))
    shop.set_vectors("image", {i: row for i, row in pictures.items() if i not in PLAIN}, {})
    make_taxonomy(shop, TaxonomyOptions(0, fewest=2, most=2, on="image"))
    return shop


PLAIN = [f"lamps-desk-{n}" for n in range(4)]


def test_a_branch_is_clustered_on_the_vectors_of_the_taxonomy_and_only_its_own_products_are_written(pictured):
    before = levels_of(pictured)
    ids = [product.product_id for product in products()]
    branch = int(before[0][ids.index("phones-nova-0")])
    gone = ["phones-nova-0", "chairs-office-0"]
    pictured.set_vectors("image", {}, {}, without=gone)

    make_taxonomy(pictured, TaxonomyOptions(0, within=Branch(1, branch)))

    inside = before[0] == branch
    after = levels_of(pictured)
    assert (after[:, ~inside] == before[:, ~inside]).all()
    assert {i for i, number in zip(ids, after[1], strict=True) if number < 0} == {*PLAIN, "phones-nova-0"}
    run = pictured.records.runs()[-1]
    assert (run.parameters["on"], run.state) == ("image", "done")
    assert [model_of(pictured, label)[1]["on"] for label in level_labels(pictured)] == ["image", "image"]
    assert len(dendrogram(pictured)[1]) == len(np.unique(after[1][after[1] >= 0]))


def test_a_branch_on_other_vectors_than_the_taxonomy_is_refused(pictured):
    with pytest.raises(ValueError) as refused:
        make_taxonomy(pictured, TaxonomyOptions(0, on="text", within=Branch(1, 0)))
    assert str(refused.value) == (
        "the taxonomy was made on image, and so are its branches: leave --on and --weights away"
    )


def test_fused_vectors_keep_the_shares_the_taxonomy_was_made_with(pictured):
    make_taxonomy(pictured, TaxonomyOptions(0, fewest=2, most=2, on="fused", weights={"text": 0.75}))
    settings = pictured.records.settings()
    pictured.records.save_settings(replace(settings, weights={"text": 0.1, "image": 0.9}))
    make_taxonomy(pictured, TaxonomyOptions(0, within=Branch(1, int(levels_of(pictured)[0][0]))))
    shares = {"text": 0.75, "image": 0.25}
    assert made_on(pictured) == ("fused", shares)
    assert pictured.records.runs()[-1].parameters["weights"] == shares
    assert model_of(pictured, "taxonomy_2")[1]["weights"] == shares


def test_a_level_that_is_called_like_a_field_is_refused(store, embedder):
    index_products([replace(each, fields={"taxonomy_2": "x"}) for each in products(each=2)], store, embedder)
    with pytest.raises(ValueError) as refused:
        make_taxonomy(store, OPTIONS)
    assert str(refused.value) == "'taxonomy_2' is a field of the products: index that column under another name"


def test_there_must_be_a_level_below_the_branch(store, embedder):
    index_products(products(), store, embedder)
    make_taxonomy(store, TaxonomyOptions(0, fewest=2, most=2))
    branch = int(levels_of(store)[1][0])
    with pytest.raises(LookupError) as refused:
        make_taxonomy(store, TaxonomyOptions(0, within=Branch(2, branch)))
    assert str(refused.value) == "there is no level below taxonomy_2: --within names a cluster of taxonomy_1"


def test_a_name_given_by_hand_survives_the_next_taxonomy(shop):
    make_taxonomy(shop, OPTIONS)
    number = int(levels_of(shop)[0][0])
    rename(shop, "taxonomy_1", number, "Telephones")
    make_taxonomy(shop, OPTIONS)
    assert names_of(shop, "taxonomy_1", [number]) == {number: "Telephones"}


def test_fewer_levels_than_before_hide_the_deeper_ones(shop):
    make_taxonomy(shop, OPTIONS)
    make_taxonomy(shop, TaxonomyOptions(0, fewest=1, most=1))
    assert level_labels(shop) == ["taxonomy_1"]


def test_new_products_are_put_into_every_level(shop, embedder):
    make_taxonomy(shop, OPTIONS)
    new = [product.product_id for product in products(first=18, each=1)]
    index_products([*products(), *products(first=18, each=1)], shop, embedder)
    for label in level_labels(shop):  # the coarser level's own model would put them elsewhere
        kept = model_file(label)
        model, about = model_of(shop, label)
        turned = about | {"numbers": about["numbers"][::-1]}
        shop.records.save_file(kept, to_bytes(model, about if label == "taxonomy_2" else turned))
    said = []
    assert predict(shop, "taxonomy_1", say=said.append)["predicted"] == 8
    assert said == ["taxonomy_1, taxonomy_2: predicted together, so that they stay nested"]
    assert predict(shop, "taxonomy_2") == {"predicted": 0, "noise": 0, "without_vector": 0}
    old = [i.rsplit("-", 1)[0] + "-0" for i in new]
    assert (levels_of(shop, ids=new) == levels_of(shop, ids=old)).all()


def test_the_tree_says_names_sizes_and_examples(shop):
    make_taxonomy(shop, OPTIONS)
    found = twigs(shop)
    assert [twig.size for twig in found] == [36] * 4
    assert [[child.size for child in twig.children] for twig in found] == [[18, 18]] * 4
    assert all(len(twig.examples) == 3 and twig.name for twig in found)
    assert [node.size for node in nodes(found)] == [36] * 4
    assert nodes(found)[0].note == f"taxonomy_1={found[0].number}"
    text = list(lines(found, depth=2, width=3))
    assert len(text) == 3 * 3 + 1
    assert text[-1] == "      and 1 more with 36 products"


def test_the_dendrogram_joins_siblings_first(shop):
    make_taxonomy(shop, OPTIONS)
    linkage, leaves = dendrogram(shop)
    assert (linkage.shape, len(leaves)) == ((7, 4), 8)
    assert linkage[:4, 3].tolist() == [2, 2, 2, 2]
    assert linkage[-1, 3] == 8


def test_what_is_not_there_is_said(shop):
    with pytest.raises(LookupError) as refused:
        twigs(shop)
    assert str(refused.value) == "there is no taxonomy: run `assort taxonomy` first"
    with pytest.raises(LookupError) as refused:
        make_taxonomy(shop, TaxonomyOptions(0, within=Branch(1, 0)))
    assert str(refused.value) == "there is no taxonomy to cluster a branch of anew: run `assort taxonomy` first"
    make_taxonomy(shop, OPTIONS)
    with pytest.raises(LookupError) as refused:
        make_taxonomy(shop, TaxonomyOptions(0, within=Branch(1, 99)))
    assert str(refused.value) == "label 'taxonomy_1' has no cluster 99: `assort labels taxonomy_1` lists them"


def test_products_that_are_all_alike_make_no_taxonomy(store, embedder):
    index_products([Product(f"P{n}", title="one and the same") for n in range(5)], store, embedder)
    with pytest.raises(ValueError) as refused:
        make_taxonomy(store, OPTIONS)
    assert str(refused.value) == "all 5 products have the same vector: there is nothing to tell them apart by"
    assert store.count([Condition("product_id", "=", ("P1",))]) == 1


@pytest.mark.parametrize(("label", "parent"), [("taxonomy_1", None), ("taxonomy_3", "taxonomy_2"), ("shelf", None)])
def test_only_a_deeper_level_has_a_parent(label, parent):
    assert parent_label(label) == parent
