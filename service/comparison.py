"""The same vectors through several methods: what each finds, how well, how long it takes and how much memory."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.extrinsic import agreement
from clustering.intrinsic import SAMPLE, calinski_harabasz, silhouette
from clustering.methods import Method, parameters, settings_of
from indexer.store import ProductStore

from .grading import MOST_PAIRED, paired
from .kinds import Say
from .measuring import Measured, measured
from .methods import METHODS
from .progress import Bar, no_bar
from .truth import Truth, classes, truth_of
from .vectors import take_vectors

FloatArray = NDArray[np.float32]
_NAME = re.compile(r"[A-Za-z0-9_+-]+")


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to cluster, by the name it has in the comparison.

    Args:
        name: As in NAME=METHOD.
        method: One of `methods.METHODS`.
        settings: The method's own parameters.
    """

    name: str
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Compared:
    """What became of one contender.

    Args:
        contender: Who.
        measured: Labels, time and memory; or why there are none.
        scores: Metric -> value, None where it is not defined.
    """

    contender: Contender
    measured: Measured
    scores: dict[str, float | None] = field(default_factory=dict)

    @property
    def worked(self) -> bool:
        """Whether it found anything."""
        return self.measured.labels is not None

    def as_dict(self) -> dict[str, Any]:
        """Give a row of the table, as JSON knows it."""
        labels, found = self.measured.labels, self.measured
        clusters = None if labels is None else int(labels.max(initial=-1)) + 1
        return {
            "name": self.contender.name,
            "method": self.contender.method,
            "settings": dict(self.contender.settings),
            "seconds": found.seconds,
            "memory_mb": found.peak_mb,
            "clusters": clusters,
            "largest": None if labels is None else int(np.bincount(labels[labels >= 0], minlength=1).max()),
            "noise": None if labels is None else int((labels < 0).sum()),
            **self.scores,
            "failed": found.reason,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Several methods on the same vectors.

    Args:
        rows: One a contender, as asked.
        vectors: float32 (n, d), what all worked on.
        truth: What they were graded against; None for nothing.
    """

    rows: list[Compared]
    vectors: FloatArray
    truth: Truth | None

    def as_dicts(self) -> list[dict[str, Any]]:
        """Give the table, each row with the same columns."""
        dicts = [row.as_dict() for row in self.rows]
        columns = [key for key in dict.fromkeys(key for each in dicts for key in each) if key != "failed"]
        return [{column: each.get(column) for column in (*columns, "failed")} for each in dicts]


def contenders(pairs: Sequence[str], sets: Mapping[str, str], k: str | None) -> list[Contender]:
    """Read who is compared.

    Args:
        pairs: NAME=METHOD, or METHOD alone, which is then its own name.
        sets: `param` or `NAME.param` -> its value as text; one without a name is for all methods that have it.
        k: Number of clusters, for all methods that take one; None for none.

    Raises:
        ValueError: If a name is of another form or given twice, there is no such method or parameter, or a value is
            wrong.
    """
    asked = {}
    for pair in pairs:
        name, equals, method = pair.partition("=")
        method = method if equals else name
        if not name or method not in METHODS:
            raise ValueError(f"'{pair}' is not NAME=METHOD: a method is one of {', '.join(METHODS)}")
        if not _NAME.fullmatch(name):  # a map is written as map_NAME.png, and NAME.param=value sets its parameter
            raise ValueError(f"a name in a comparison is letters, digits, -, _ and +, got '{name}'")
        if name in asked:
            raise ValueError(f"the name '{name}' is given twice: name them apart, such as a={method} b={method}")
        asked[name] = METHODS[method]
    texts = {**({} if k is None else {"k": k}), **sets}
    _check_sets(texts, asked)
    return [
        Contender(name, method.name, settings_of(method, _settings_for(name, method, texts)))
        for name, method in asked.items()
    ]


def _settings_for(name: str, method: Method, texts: Mapping[str, str]) -> dict[str, str]:
    """Pick what is set for one contender: for all that know it, and then for it alone."""
    common = {key: value for key, value in texts.items() if "." not in key and key in parameters(method)}
    own = {key.partition(".")[2]: value for key, value in texts.items() if key.partition(".")[0] == name and "." in key}
    return {**common, **own}


def _check_sets(texts: Mapping[str, str], asked: Mapping[str, Method]) -> None:
    """Refuse settings that are no one's."""
    for key in texts:
        name, dot, _ = key.partition(".")
        if dot and name not in asked:
            raise ValueError(f"'{key}' sets something of '{name}', who is not compared: there are {', '.join(asked)}")
        if not dot and not any(key in parameters(method) for method in asked.values()):
            raise ValueError(f"none of {', '.join(asked)} has a setting '{key}'")


def compare(
    store: ProductStore,
    who: Sequence[Contender],
    *,
    on: str,
    seed: int,
    truth: str | None = None,
    sample: int = SAMPLE,
    say: Say = lambda text: None,
    bar: Bar = no_bar,
) -> Comparison:
    """Run several methods on the same vectors, each in a process of its own; nothing is written to the store.

    A method that refuses, or whose process dies, is a row that says why.

    Args:
        store: Filled by `index`.
        who: At least one.
        on: Which vectors, one of `vectors.ON`.
        seed: Of every method, and of the silhouette's sample.
        truth: What to grade against, as `truth_of` reads it; None for nothing.
        sample: Rows scored for a silhouette.
        say: Called with a line about what is done.
        bar: Draws how far it is.

    Raises:
        LookupError: If the store holds no products, none with such a vector, or there is no such truth.
        ValueError: If `on` or the truth file is wrong.
    """
    with bar("reading the store", None):
        taken = take_vectors(store, on)
        known = None if truth is None else truth_of(store, taken.ids, truth)
    left_out = f", {len(taken.left_out):,} have none and are left out" if taken.left_out else ""
    say(f"{len(who)} methods on the {on} of {len(taken.ids):,} products{left_out}; nothing is written to the store")
    rows = []
    with TemporaryDirectory(prefix="assort-") as folder, bar("methods", len(who)) as done:
        path = Path(folder) / "vectors.npy"
        np.save(path, taken.vectors)
        for contender in who:
            found = measured(path, contender.method, contender.settings, seed=seed)
            say(f"{contender.name}: {_told(found)}")
            scores = {} if found.labels is None else _scores(taken.vectors, found.labels, known, seed, sample)
            rows.append(Compared(contender, found, scores))
            done(1)
    return Comparison(rows, taken.vectors, known)


def _told(found: Measured) -> str:
    return f"failed, {found.reason}" if found.labels is None else f"{found.seconds:.1f} s, {found.peak_mb:,.0f} MB"


def _scores(
    vectors: FloatArray, labels: NDArray[np.int64], truth: Truth | None, seed: int, sample: int
) -> dict[str, float | None]:
    """Grade one partition; noise counts for none of the intrinsic metrics, and as clusters of one beside a truth."""
    scores: dict[str, float | None] = dict.fromkeys(("silhouette", "davies_bouldin", "calinski_harabasz"))
    inside = labels[labels >= 0]
    if 2 <= len(np.unique(inside)) < len(inside):
        scores["silhouette"] = silhouette(vectors, labels, seed=seed, sample=sample).value
        scores["davies_bouldin"] = paired(vectors, labels)
        scores["calinski_harabasz"] = calinski_harabasz(vectors, labels)
    if truth is not None:
        rows = np.flatnonzero([value is not None for value in truth.values])
        scores.update(agreement(labels[rows], classes([str(truth.values[row]) for row in rows])[1]))
    return scores


def write_comparison(found: Comparison, folder: Path, *, seed: int, title: str) -> list[Path]:
    """Write `compare.html`: the table, and a map of each partition on one and the same projection."""
    from clustering.projection import project

    from .report.charts import map_chart
    from .report.page import Block, Chart, Heading, Side, Table, Text, write_page

    table = found.as_dicts()
    columns = [name for name in table[0] if name != "settings" and any(row[name] is not None for row in table)]
    positions = project(found.vectors, seed=seed)
    maps: list[Block] = []
    for row, figures in zip(found.rows, table, strict=True):
        if row.measured.labels is not None:
            name = f"{row.contender.name}: {figures['clusters']:,} clusters"
            figure = map_chart(positions, row.measured.labels, names={}, title=name)
            maps.append(Chart(figure, f"map of {name}", file=f"map_{row.contender.name}.png"))
    blocks: list[Block] = [
        Text(f"The same {len(found.vectors):,} products through {len(table)} methods. {MEASURED_HOW}"),
        Table(columns, [[_shown(row[name]) for name in columns] for row in table]),
        Heading("Maps"),
        Text("All maps place the products alike; colours tell the clusters of each method apart.", soft=True),
        Side(maps),
    ]
    return write_page(folder / "compare.html", title, blocks)


MEASURED_HOW = (
    "Time is that of the fit alone; memory is the most its process held at once, with Python, libraries and vectors. "
    f"Silhouette, Davies-Bouldin and Calinski-Harabasz leave noise out; Davies-Bouldin is of at most {MOST_PAIRED:,} "
    "clusters."
)


def _shown(value: Any) -> str | int | float | None:
    return value if value is None or isinstance(value, str | int | float) else str(value)
