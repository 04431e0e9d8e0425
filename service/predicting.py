"""New products into clusters that are there already: the models kept with labels, used, taken out and brought in."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.models import Model, from_bytes, to_bytes
from indexer.embedders.text import TextEmbedder
from indexer.store import UNLABELLED, ProductStore, new_run

from . import marking
from .methods import check_name, model_file, stored_labels
from .progress import Bar, no_bar
from .vectors import made_by, take_vectors


def predict(store: ProductStore, label: str, *, everything: bool = False, bar: Bar = no_bar) -> dict[str, int]:
    """Give products that are new since a label was made the cluster its model puts them into.

    Args:
        store: Filled by `index`.
        label: Made by `cluster NAME --method`, or with a model brought in by `import_model`.
        everything: Whether the products that have the label get it anew, too.
        bar: Draws how far a step is.

    Returns:
        How many products were looked at, how many of them are noise, and how many lack the vector.

    Raises:
        LookupError: If the label has no model, or the store holds no products.
        ValueError: If the store's vectors are not of the kind the model was fitted on.
    """
    started = time.monotonic()
    model, about = model_of(store, label)
    _check_vectors(store, about)
    with bar("reading the store", None):
        taken = take_vectors(store, about["on"], weights=about["weights"])
    before, _ = stored_labels(store, label)
    rows = np.array([row for row, i in enumerate(taken.ids) if everything or i not in before], dtype=np.int64)
    summary = {"predicted": len(rows), "noise": 0, "without_vector": len(taken.left_out)}
    if not len(rows):
        return summary
    with bar("predicting", None):
        found, memberships = model.predict(taken.vectors[rows])
    labels = numbered(found, about)
    summary["noise"] = int((labels < 0).sum())
    ids = [taken.ids[row] for row in rows]
    previous = np.array([before.get(i, UNLABELLED) for i in ids], dtype=np.int64)
    run = new_run("predict", {"kinds": [label], "everything": everything})
    marking.begin(store, [label])
    with bar("writing labels", len(ids)) as done:
        sure = None if memberships is None else {label: memberships}
        store.set_labels(ids, {label: labels}, {label: previous}, done, sure)
    marking.finish(store, [label], store.records.settings().labels.get(label, run.run_id))
    store.build_index()
    seconds = time.monotonic() - started
    store.records.save_run(replace(run, state="done", seconds=seconds, results={label: summary}))
    return summary


def predict_texts(
    store: ProductStore, label: str, texts: Sequence[str], *, embedder: TextEmbedder | None = None
) -> list[tuple[int, float | None]]:
    """Say into which cluster products with these texts would go, and how surely; nothing is written.

    Args:
        store: Filled by `index`.
        label: Made on text.
        texts: What the products' text fields would say.
        embedder: The model the store was made with; loaded when not given.

    Raises:
        LookupError: If the label has no model.
        ValueError: If the label was not made on text.
    """
    model, about = model_of(store, label)
    if about["on"] != "text":
        raise ValueError(f"label '{label}' was made on {about['on']}, a text alone cannot be put into its clusters")
    vectors = (embedder or TextEmbedder(store.records.settings().text_model)).embed(list(texts))
    found, memberships = model.predict(vectors)
    sure: Sequence[float | None] = [None] * len(texts) if memberships is None else memberships.tolist()
    return list(zip(numbered(found, about).tolist(), sure, strict=True))


def model_of(store: ProductStore, label: str) -> tuple[Model, dict[str, Any]]:
    """Read the model kept with a label, and what is known of it.

    Raises:
        LookupError: If there is none.
    """
    content = store.records.file(model_file(label))
    if content is None:
        raise LookupError(
            f"label '{label}' has no model to predict by: make it with `assort cluster {label} --method METHOD`; "
            "the labels of `assort cluster all` take up new products when it runs again"
        )
    return from_bytes(content)


def export_model(store: ProductStore, label: str) -> bytes:
    """Give a label's model as a safetensors file, to be brought into another store.

    Raises:
        LookupError: If there is none.
    """
    return to_bytes(*model_of(store, label))


def import_model(store: ProductStore, label: str, content: bytes) -> dict[str, Any]:
    """Keep a model exported elsewhere under a label, for `predict` to use.

    Args:
        store: Filled by `index`, with the embedding model that the other store had.
        label: Its name here; no label of that name may be there yet.
        content: The file.

    Returns:
        What is known of the model.

    Raises:
        ValueError: If it is no such file, the name is taken, or the vectors here are of another kind.
    """
    model, about = from_bytes(content)
    check_name(store, label)
    if label in store.label_names():
        raise ValueError(f"there is a label '{label}' already: import the model under another name")
    _check_vectors(store, about)
    store.records.save_file(model_file(label), to_bytes(model, about))
    return about


def numbered(found: NDArray[np.int64], about: dict[str, Any]) -> NDArray[np.int64]:
    """Turn the model's own cluster numbers, -1 for noise, into those that its label was written with."""
    numbers = np.array([*about["numbers"], -1], dtype=np.int64)  # the last stands for noise
    return numbers[found]


def _check_vectors(store: ProductStore, about: dict[str, Any]) -> None:
    """Refuse a model of other vectors than those here."""
    here = made_by(store, about["on"])
    for kind, fitted in about["vectors"].items():
        if here[kind] != fitted:
            raise ValueError(
                f"the model was fitted on vectors '{kind}' of '{fitted}', this collection's are of '{here[kind]}': "
                "cluster here again, or index with that model into another --collection"
            )
