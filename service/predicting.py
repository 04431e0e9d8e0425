"""New products into clusters that are there already: the models kept with labels, used, taken out and brought in."""

import base64
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from clustering.clustering import NOISE
from clustering.models import Memberships, Model, from_bytes, to_bytes
from indexer.embedders.text import TextEmbedder
from indexer.featuring import KEPT
from indexer.store import LABELS, UNLABELLED, ProductStore, new_run

from . import marking
from .images import VISUAL_WORDS
from .kinds import Say
from .methods import check_name
from .names import names_of, publish
from .progress import Bar, no_bar
from .taxonomy import level_labels
from .vectors import label_column, made_by, take_vectors

Rows = NDArray[np.int64]

LEARNED: Mapping[str, str] = {"features": KEPT, "image": VISUAL_WORDS}
"""Kind of vector -> the file in which a store keeps what it learned to make them."""


@dataclass(frozen=True, slots=True, eq=False)
class Placing:
    """What puts products into clusters: of one label, or of all levels of a taxonomy by the model of the finest.

    Args:
        labels: Their names, the coarsest first.
        model: Of the last.
        about: What is known of it.
        above: Coarser level -> the cluster there of each of the finest clusters.
    """

    labels: list[str]
    model: Model
    about: dict[str, Any]
    above: Mapping[str, Mapping[int, int]]

    @classmethod
    def of(cls, store: ProductStore, label: str) -> Self:
        """Read what puts products into the clusters of a label.

        Raises:
            LookupError: If the label has no model, or is half written.
            ValueError: If the store's vectors are not of the kind the model was fitted on.
        """
        if label in store.unfinished_labels():
            store.check_label(label)
        levels = level_labels(store)
        labels = levels if label in levels else [label]
        model, about = model_of(store, labels[-1])
        _check_vectors(store, about)
        return cls(labels, model, about, _above(store, labels))

    def place(self, vectors: NDArray[np.float32]) -> tuple[dict[str, Rows], dict[str, Memberships]]:
        """Find the clusters of rows, float32 (m, d): label -> int64 (m,), and how surely where the model can say."""
        found, memberships = self.model.predict(vectors)
        finest = numbered(found, self.about)
        numbers = {
            label: np.array([above.get(cluster, UNLABELLED) for cluster in finest.tolist()], dtype=np.int64)
            for label, above in self.above.items()
        }
        last = self.labels[-1]
        return {**numbers, last: finest}, {} if memberships is None else {last: memberships}


def predict(
    store: ProductStore, label: str, *, everything: bool = False, say: Say = lambda text: None, bar: Bar = no_bar
) -> dict[str, int]:
    """Give products that are new since a label was made the cluster its model puts them into.

    The levels of a taxonomy are written together, whichever was named, so that they stay nested.

    Args:
        store: Filled by `index`.
        label: Made by `cluster NAME --method`, or with a model brought in by `import_model`.
        everything: Whether the products that have the label get it anew, too.
        say: Called with a line about what is done.
        bar: Draws how far a step is.

    Returns:
        How many products were looked at, how many of them are noise, and how many lack the vector.

    Raises:
        LookupError: If the label has no model or is half written, or the store holds no products.
        ValueError: If the store's vectors are not of the kind the model was fitted on.
    """
    started = time.monotonic()
    placing = Placing.of(store, label)
    with bar("reading the store", None):
        taken = take_vectors(store, placing.about["on"], weights=placing.about["weights"], keys=placing.labels)
    before = {name: label_column(taken.columns[name]) for name in placing.labels}
    lacking = np.any([column == UNLABELLED for column in before.values()], axis=0)
    rows = np.flatnonzero(lacking | everything)
    summary = {"predicted": len(rows), "noise": 0, "without_vector": len(taken.left_out)}
    if not len(rows):
        return summary
    if len(placing.labels) > 1:
        say(f"{', '.join(placing.labels)}: predicted together, so that they stay nested")
    with bar("predicting", None):
        found, memberships = placing.place(taken.vectors[rows])
    if not placing.about.get("memberships"):
        memberships = {}  # the label's own products have none, or of another kind: both would be one field
    summary["noise"] = int((found[label] == NOISE).sum())
    made = {key: placing.about[key] for key in ("method", "on", "weights")}
    run = new_run("predict", {"kinds": placing.labels, "everything": everything, **made})
    with marking.recorded(store, run, since=started) as results:
        results.update(dict.fromkeys(placing.labels, summary))
        with bar("writing labels", len(rows)) as done:
            previous = {name: column[rows] for name, column in before.items()}
            store.set_labels([taken.ids[row] for row in rows], found, previous, done, memberships)
        _show(store, found, run.run_id, bar)
        store.build_index()
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
        LookupError: If the label has no model, or is half written.
        ValueError: If the label was not made on text.
    """
    placing = Placing.of(store, label)
    if placing.about["on"] != "text":
        on = placing.about["on"]
        raise ValueError(f"label '{label}' was made on {on}, a text alone cannot be put into its clusters")
    vectors = (embedder or TextEmbedder(store.records.settings().text_model)).embed(list(texts))
    found, memberships = placing.place(vectors)
    sure: Sequence[float | None] = memberships[label].tolist() if label in memberships else [None] * len(texts)
    return list(zip(found[label].tolist(), sure, strict=True))


def model_of(store: ProductStore, label: str) -> tuple[Model, dict[str, Any]]:
    """Read the model kept with a label, and what is known of it.

    Raises:
        LookupError: If there is none.
    """
    content = store.records.file(marking.model_file(label))
    if content is None:
        store.check_label(label)
        if label in LABELS:
            raise LookupError(f"label '{label}' takes up new products when `assort cluster all` runs again")
        raise LookupError(
            f"label '{label}' has no model to predict by: make it with `assort cluster {label} --method METHOD`"
        )
    return from_bytes(content)


def export_model(store: ProductStore, label: str) -> bytes:
    """Give a label's model as a safetensors file, to be brought into another store.

    What was learned to make its vectors, a scaler or visual words, goes along.

    Raises:
        LookupError: If there is none.
    """
    model, about = model_of(store, label)
    here = made_by(store, about["on"])
    files = {
        kind: store.records.file(LEARNED[kind])
        for kind, fitted in about["vectors"].items()
        if kind in LEARNED and here[kind] == fitted
    }
    learned = {kind: base64.b64encode(content).decode() for kind, content in files.items() if content is not None}
    return to_bytes(model, about | {"learned": learned})


def import_model(store: ProductStore, label: str, content: bytes) -> dict[str, Any]:
    """Keep a model exported elsewhere under a label, for `predict` to use.

    A scaler or visual words that come with it are kept, too, where the store has no such vectors yet: `index` then
    makes these as the other store did.

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
    if label in (*store.label_names(), *store.unfinished_labels()):
        raise ValueError(f"there is a label '{label}' already: import the model under another name")
    learned: Mapping[str, str] = about.pop("learned", {})
    here = made_by(store, about["on"])
    brought = {kind: base64.b64decode(text) for kind, text in learned.items() if not here[kind]}
    _check_vectors(store, about, brought)
    for kind, kept in brought.items():
        store.records.save_file(LEARNED[kind], kept)
    if "features" in brought:
        settings = store.records.settings()
        store.records.save_settings(replace(settings, feature_model=about["vectors"]["features"]))
    store.records.save_file(marking.model_file(label), to_bytes(model, about))
    return about | {"brought": sorted(brought)}


def numbered(found: NDArray[np.int64], about: dict[str, Any]) -> NDArray[np.int64]:
    """Turn the model's own cluster numbers, -1 for noise, into those that its label was written with."""
    numbers = np.array([*about["numbers"], -1], dtype=np.int64)  # the last stands for noise
    return numbers[found]


def _above(store: ProductStore, labels: Sequence[str]) -> dict[str, dict[int, int]]:
    """Find the cluster of each coarser level that the products of each finest cluster are in, most of them."""
    columns = store.take(labels).columns if len(labels) > 1 else {}
    above = {}
    for label in labels[:-1]:
        pairs = np.stack([label_column(columns[labels[-1]]), label_column(columns[label])])
        (finest, coarse), counts = np.unique(pairs[:, (pairs >= 0).all(axis=0)], axis=1, return_counts=True)
        order = np.argsort(counts, kind="stable")  # of several the most frequent comes last, and stays
        above[label] = {NOISE: NOISE, **dict(zip(finest[order].tolist(), coarse[order].tolist(), strict=True))}
    return above


def _show(store: ProductStore, found: Mapping[str, Rows], run_id: str, bar: Bar) -> None:
    """Let readers see labels that were predicted, named where a cluster has no name yet."""
    written = store.records.settings().labels
    for label, numbers in found.items():
        used = set(numbers[numbers >= 0].tolist())
        made_by_run = written.get(label, run_id)
        if used <= names_of(store, label, used).keys():
            marking.finish(store, [label], made_by_run)
        else:
            publish(store, [label], made_by_run, bar)


def _check_vectors(store: ProductStore, about: dict[str, Any], brought: Container[str] = ()) -> None:
    """Refuse a model of other vectors than those here, or than those that what it brought will make."""
    here = made_by(store, about["on"])
    for kind, fitted in about["vectors"].items():
        if here[kind] != fitted and kind not in brought:
            raise ValueError(
                f"the model was fitted on vectors '{kind}' of '{fitted}', this collection's are of '{here[kind]}': "
                "cluster here again, or index with that model into another --collection"
            )
