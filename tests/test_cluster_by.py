from dataclasses import replace

import numpy as np
import pytest

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import Condition
from service import marking
from service.fusion import shares_of
from service.lookup import label_summary
from service.methods import METHODS, MethodOptions, _why_fewer, check_name, cluster_by, usual_vectors
from service.names import named_clusters
from service.predicting import export_model, import_model, model_of, predict, predict_texts
from service.refitting import origins

KINDS = {"phone": "nova phone black slim", "case": "clear case cover shell", "lamp": "desk lamp warm light"}


def products(each=12, *, first=0):
    """Three kinds of product that share no word, each with a word of its own."""
    return [
        Product(f"{kind}{n}", title=f"{words} item{kind}{n}")
        for n in range(first, first + each)
        for kind, words in KINDS.items()
    ]


@pytest.fixture
def kinds(store, embedder):
    index_products(products(), store, embedder)
    return store


def labels_of(store, label):
    return {i: payload.get(label) for i, payload in store.get([p.product_id for p in products(20)]).items()}


def one_each(labels):
    """Say whether products of a kind share a label, and kinds do not."""
    by_kind = {kind: {label for i, label in labels.items() if i.startswith(kind)} for kind in KINDS}
    return all(len(found) == 1 for found in by_kind.values()) and len(set.union(*by_kind.values())) == 3


def breaking(*arguments):
    raise OSError("the disk is full")


def asked(method, **settings):
    return MethodOptions(method, 0, settings=settings)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("kmeans", {"k": 3}),
        ("minibatch-kmeans", {"k": 3}),
        ("hdbscan", {"min_cluster_size": 5}),
        ("agglomerative", {"k": 3}),
        ("leiden", {"neighbours": 5}),
    ],
)
def test_a_label_of_any_method_is_written_with_its_run_and_its_model(kinds, method, settings):
    found = cluster_by(kinds, "shelf", asked(method, **settings))
    assert one_each(labels_of(kinds, "shelf"))
    assert (found["clusters"], found["noise"], found["largest"]) == (3, 0, 12)
    assert kinds.label_names() == ("shelf",)
    (run,) = [run for run in kinds.records.runs() if run.kind == "cluster"]
    assert (run.state, run.parameters["method"], run.parameters["settings"]) == ("done", method, settings)
    assert run.results["shelf"]["clusters"] == 3
    assert predict(kinds, "shelf") == {"predicted": 0, "noise": 0, "without_vector": 0}


def test_new_products_go_where_the_model_puts_them_and_the_others_stay(kinds, embedder):
    cluster_by(kinds, "shelf", asked("kmeans", k=3))
    before = labels_of(kinds, "shelf")
    index_products(products(2, first=12), kinds, embedder)
    assert predict(kinds, "shelf") == {"predicted": 6, "noise": 0, "without_vector": 0}
    after = labels_of(kinds, "shelf")
    assert len(after) == 42
    assert {i: after[i] for i in before} == before
    assert one_each(after)
    assert [run.kind for run in kinds.records.runs()][-1] == "predict"


def test_a_text_is_put_into_a_cluster_without_being_written(kinds, embedder):
    cluster_by(kinds, "shelf", asked("gmm", k=3))
    labels = labels_of(kinds, "shelf")
    found = predict_texts(kinds, "shelf", list(KINDS.values()), embedder=embedder)
    assert [number for number, _ in found] == [labels[f"{kind}0"] for kind in KINDS]
    assert all(0.9 < sure <= 1 for _, sure in found)


def test_memberships_are_payload_that_can_be_filtered_and_go_when_the_method_has_none(kinds):
    cluster_by(kinds, "shelf", asked("gmm", k=3))
    assert kinds.count([Condition("shelf_p", ">", (0.9,))]) == 36
    assert kinds.get(["phone0"])["phone0"]["shelf_p"] == pytest.approx(1, abs=0.01)
    cluster_by(kinds, "shelf", asked("kmeans", k=3))
    assert kinds.count([Condition("shelf_p", ">", (0,))]) == 0


def test_memberships_survive_an_update_of_the_product(kinds, embedder):
    cluster_by(kinds, "shelf", asked("gmm", k=3))
    before = kinds.get(["phone0"])["phone0"]
    index_products([replace(products()[0], title="nova phone black slim used")], kinds, embedder)
    after = kinds.get(["phone0"])["phone0"]
    assert after["title"] == "nova phone black slim used"
    assert (after["shelf"], after["shelf_p"]) == (before["shelf"], before["shelf_p"])


def test_fewer_clusters_than_asked_for_are_said_with_the_reason(store, embedder):
    copies = [Product(f"{kind}{n}", title=words) for n in range(5) for kind, words in KINDS.items()]
    index_products(copies, store, embedder)
    places = np.eye(3, dtype=np.float32)[np.arange(15) % 3]
    store.set_vectors("image", dict(zip([product.product_id for product in copies], places, strict=True)), {})
    said = []
    cluster_by(store, "shelf", asked("agglomerative", k=3), say=said.append)
    assert len(said) == 1
    cluster_by(store, "shelf", MethodOptions("gmm", 0, "fused", {"k": 5}), say=said.append)
    assert said[1:] == [
        "shelf: gmm on the fused vectors of 15 products",
        "5 clusters were asked for, 3 found: only so many rows differ",
    ]
    assert _why_fewer(np.eye(4, dtype=np.float32), 3) == "the others were left without a product"


def test_how_a_number_of_gaussians_was_chosen_is_said_and_kept(kinds):
    said = []
    found = cluster_by(kinds, "shelf", asked("gmm", k_most=2), say=said.append)
    edge = "; that is the most tried, set k_most above 2 for more"
    told = [f"k = {k} has the lowest BIC of 1 to 2, on 36 of 36 rows" + (edge if k == 2 else "") for k in (1, 2)]
    assert found["k_chosen"] in told
    assert said[1:] == [f"shelf: {found['k_chosen']}"]


def test_clusters_that_live_on_keep_their_numbers(kinds):
    cluster_by(kinds, "shelf", asked("kmeans", k=3))
    before = labels_of(kinds, "shelf")
    cluster_by(kinds, "shelf", MethodOptions("agglomerative", 5, settings={"k": 3}))
    assert labels_of(kinds, "shelf") == before


def test_noise_is_kept_apart_or_joins_the_nearest(store, embedder):
    odd = [Product(f"odd{n}", title=f"strange{n} thing{n} never{n} seen{n}") for n in range(2)]
    index_products([*products(), *odd], store, embedder)
    found = cluster_by(store, "shelf", asked("hdbscan", min_cluster_size=5))
    assert (found["clusters"], found["noise"]) == (3, 2)
    assert {payload["shelf"] for payload in store.get(["odd0", "odd1"]).values()} == {-1}
    assert label_summary(store)[0]["noise"] == 2
    assert sorted(number for number, _ in store.cluster_sizes("shelf")) == [0, 1, 2]
    found = cluster_by(store, "shelf", replace(asked("hdbscan", min_cluster_size=5), noise="nearest"))
    assert (found["clusters"], found["noise"]) == (3, 0)
    assert store.count([Condition("shelf", ">=", (0,))]) == 38


def test_products_without_the_vector_have_no_label_and_are_counted(kinds):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = [product.product_id for product in products()][:20]
    kinds.set_vectors("image", dict(zip(ids, rows, strict=True)), {})
    said = []
    cluster_by(kinds, "look", MethodOptions("kmeans", 0, "image", {"k": 2}), say=said.append)
    assert said[0] == "16 products have no vector 'image' and get no label 'look'"
    assert sum(label is not None for label in labels_of(kinds, "look").values()) == 20
    assert predict(kinds, "look") == {"predicted": 0, "noise": 0, "without_vector": 16}


def test_a_run_that_breaks_off_leaves_the_label_unfinished(kinds, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(kinds), "set_labels", breaking)
        with pytest.raises(OSError, match="the disk is full"):
            cluster_by(kinds, "shelf", asked("kmeans", k=3))
    assert kinds.unfinished_labels() == ("shelf",)
    cluster_by(kinds, "shelf", asked("kmeans", k=3))
    assert kinds.unfinished_labels() == ()


def test_a_model_goes_to_another_store_and_labels_its_products_alike(kinds, embedder, tmp_path):
    from indexer.store import open_store

    cluster_by(kinds, "shelf", asked("kmeans", k=3))
    content = export_model(kinds, "shelf")
    with open_store(str(tmp_path / "other"), create=True) as other:
        index_products(products(5, first=30), other, embedder)
        import_model(other, "rack", content)
        assert predict(other, "rack") == {"predicted": 15, "noise": 0, "without_vector": 0}
        moved = {i: payload["rack"] for i, payload in other.get([f"{kind}30" for kind in KINDS]).items()}
        assert moved == {f"{kind}30": labels_of(kinds, "shelf")[f"{kind}0"] for kind in KINDS}
        assert other.label_names() == ("rack",)
        names = [row["name"].lower().split() for row in named_clusters(other, "rack")]
        assert sorted(" ".join(name[:4]) for name in names) == sorted(KINDS.values())
        made = origins(other, ("rack",))["rack"]
        assert (made.method, made.on, made.can_be_made_again) == ("kmeans", "text", False)
        with pytest.raises(ValueError) as error:
            import_model(other, "rack", content)
        assert str(error.value) == "there is a label 'rack' already: import the model under another name"


def test_a_run_that_breaks_off_between_label_and_model_leaves_neither(kinds, monkeypatch):
    cluster_by(kinds, "shelf", asked("kmeans", k=3))
    with monkeypatch.context() as patch:
        patch.setattr(type(kinds.records), "save_file", breaking)
        with pytest.raises(OSError, match="the disk is full"):
            cluster_by(kinds, "shelf", asked("kmeans", k=2))
    assert kinds.unfinished_labels() == ("shelf",)
    assert kinds.records.file("model shelf") is None


def test_a_half_written_label_is_not_predicted(kinds):
    cluster_by(kinds, "shelf", asked("kmeans", k=3))
    kinds.records.save_settings(replace(kinds.records.settings(), unfinished=("shelf",)))
    for ask in (lambda: predict(kinds, "shelf", everything=True), lambda: predict_texts(kinds, "shelf", ["lamp"])):
        with pytest.raises(LookupError) as error:
            ask()
        assert str(error.value) == "label 'shelf' is half written by a run cut short: run `assort cluster` again"
    with pytest.raises(ValueError, match="there is a label 'shelf' already"):
        import_model(kinds, "shelf", export_model(kinds, "shelf"))
    assert kinds.unfinished_labels() == ("shelf",)


def test_a_prediction_that_breaks_off_is_on_record_and_the_next_completes_it(kinds, embedder, monkeypatch):
    cluster_by(kinds, "shelf", asked("kmeans", k=3))
    index_products(products(2, first=12), kinds, embedder)
    with monkeypatch.context() as patch:
        patch.setattr(type(kinds), "set_labels", breaking)
        with pytest.raises(OSError, match="the disk is full"):
            predict(kinds, "shelf")
    run = kinds.records.runs()[-1]
    assert (run.kind, run.state) == ("predict", "failed")
    assert kinds.readable_labels() == ("shelf",)
    assert predict(kinds, "shelf")["predicted"] == 6


def test_fused_vectors_keep_the_shares_they_were_clustered_with(kinds):
    rows = np.eye(36, dtype=np.float32)
    kinds.set_vectors("image", dict(zip(kinds.take().ids, rows, strict=True)), {})
    shares = shares_of(kinds)
    cluster_by(kinds, "both", MethodOptions("kmeans", 0, "fused", {"k": 3}))
    kinds.records.save_settings(replace(kinds.records.settings(), weights={"text": 0.1, "image": 0.9}))
    assert kinds.records.runs()[-1].parameters["weights"] == shares
    assert model_of(kinds, "both")[1]["weights"] == shares


def test_a_model_of_other_vectors_is_refused(kinds, embedder, tmp_path):
    from indexer.store import open_store

    cluster_by(kinds, "shelf", asked("kmeans", k=3))
    with open_store(str(tmp_path / "other"), create=True) as other:
        index_products(products(2), other, type(embedder)("other words"))
        with pytest.raises(ValueError) as error:
            import_model(other, "shelf", export_model(kinds, "shelf"))
    assert str(error.value) == (
        "the model was fitted on vectors 'text' of 'words', this collection's are of 'other words': "
        "cluster here again, or index with that model into another --collection"
    )


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (
            "9lives",
            "a label's name is at most 64 letters, digits, - and _, begins with a letter and does not end in _p",
        ),
        (
            "shelf_p",
            "a label's name is at most 64 letters, digits, - and _, begins with a letter and does not end in _p",
        ),
        ("brand", "'brand' is a field of the products: call the label otherwise, such as brand_cluster"),
        (
            "taxonomy_2",
            "'taxonomy_2' is a level of the taxonomy, which `assort taxonomy` makes: call the label otherwise",
        ),
        ("cluster_names", "'cluster_names' is a column of answers: call the label otherwise, such as cluster_names_"),
        ("score", "'score' is a column of answers: call the label otherwise, such as score_cluster"),
        ("colour", "'colour' is a field of the products: call the label otherwise, such as colour_cluster"),
    ],
)
def test_a_name_that_is_taken_is_refused(store, embedder, label, message):
    index_products([replace(product, fields={"colour": "red"}) for product in products(1)], store, embedder)
    with pytest.raises(ValueError) as error:
        check_name(store, label)
    assert str(error.value).startswith(message)


def test_a_label_without_a_model_says_how_to_get_one(kinds):
    with pytest.raises(LookupError, match="^there is no label 'shelf': "):
        predict(kinds, "shelf")
    cluster_by(kinds, "shelf", MethodOptions("kmeans", 0, settings={"k": 3}))
    kinds.records.delete_file(marking.model_file("shelf"))
    with pytest.raises(LookupError) as error:
        predict(kinds, "shelf")
    assert str(error.value) == (
        "label 'shelf' has no model to predict by: make it with `assort cluster shelf --method METHOD`"
    )


def test_an_unknown_method_is_named_with_those_there_are():
    with pytest.raises(ValueError) as error:
        MethodOptions("kmedoids", 0)
    assert str(error.value) == f"a method is one of {', '.join(METHODS)}, got 'kmedoids'"


@pytest.mark.parametrize(
    ("options", "surely"),
    [
        (asked("leiden", neighbours=5), False),
        (asked("agglomerative", k=3), False),
        (asked("gmm", k=3), True),
        (MethodOptions("hdbscan", 0, settings={"min_cluster_size": 5}, noise="nearest"), False),
        (asked("hdbscan", min_cluster_size=5), True),
    ],
)
def test_predicted_products_say_how_surely_they_belong_only_where_the_label_itself_does(
    kinds, embedder, options, surely
):
    cluster_by(kinds, "shelf", options)
    index_products(products(2, first=12), kinds, embedder)
    assert predict(kinds, "shelf")["predicted"] == 6
    new = kinds.get([product.product_id for product in products(2, first=12)])
    assert {"shelf_p" in payload and payload["shelf_p"] is not None for payload in new.values()} == {surely}


def test_leiden_finds_its_own_resolution_where_nobody_sets_one(kinds):
    said = []
    found = cluster_by(kinds, "shelf", asked("leiden", neighbours=5, resolution=None), say=said.append)
    assert one_each(labels_of(kinds, "shelf"))
    assert found["resolution"] > 0
    assert f"shelf: {found['resolution_chosen']}" in said
    assert "3 clusters" in found["resolution_chosen"]


def test_a_label_is_made_on_what_it_was_made_on_before(kinds):
    kinds.set_vectors("image", dict(zip(kinds.take().ids, np.eye(36, dtype=np.float32), strict=True)), {})
    assert usual_vectors(kinds, "shelf") == "text"
    cluster_by(kinds, "shelf", MethodOptions("kmeans", 0, "image", {"k": 3}))
    assert usual_vectors(kinds, "shelf") == "image"
    assert usual_vectors(kinds, "other") == "text"


def test_no_label_is_called_like_all_kinds_or_leaves_its_memberships_in_a_field_of_the_products(store, embedder):
    index_products([replace(each, fields={"shelf_p": "abc"}) for each in products(2)], store, embedder)
    with pytest.raises(ValueError, match="`assort cluster all` makes the three kinds of cluster"):
        check_name(store, "all")
    with pytest.raises(ValueError, match="the products have a field 'shelf_p', where memberships of 'shelf' go"):
        check_name(store, "shelf")


def test_a_model_on_features_brings_its_scaler_along(embedder, tmp_path):
    from indexer.featuring import Columns, index_features
    from indexer.store import open_store

    def tracks(name, shift, numbers):
        store = open_store(str(tmp_path / name), create=True)
        made = [
            Product(f"{name}{n}", title=f"song {n}", fields={"tempo": float(n % 2 * 100 + n + shift)}) for n in numbers
        ]
        index_products(made, store, embedder)
        return store

    with tracks("a", 0, range(20)) as first, tracks("b", 5, range(6)) as other:
        index_features(first, Columns(("tempo",), ()))
        cluster_by(first, "mood", MethodOptions("kmeans", 0, "features", {"k": 2}))
        content = export_model(first, "mood")
        assert import_model(other, "mood", content)["brought"] == ["features"]
        assert not index_features(other).fitted
        assert predict(other, "mood")["predicted"] == 6
        labels = {i: payload["mood"] for i, payload in other.get([f"b{n}" for n in range(6)]).items()}
        theirs = first.get(["a0", "a1"])
        assert labels == {f"b{n}": theirs[f"a{n % 2}"]["mood"] for n in range(6)}
        with tracks("c", 50, range(6)) as third:
            index_features(third, Columns(("tempo",), ()))
            with pytest.raises(ValueError, match="the model was fitted on vectors 'features' of"):
                import_model(third, "mood", content)
