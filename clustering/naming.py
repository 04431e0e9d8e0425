"""Names of clusters, from the titles and categories of their products.

Phrases are weighed by class-based TF-IDF (Grootendorst, "BERTopic: neural topic modeling with a class-based TF-IDF
procedure", 2022): the share of a cluster's products that hold it, times how few other clusters do. Brands and model
numbers name a cluster only where nearly all its products share them, measures never do.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .distinct import told_apart
from .phrases import STOP_WORDS, Phrases, common_form, fold, is_colour, is_model, read_phrases, words_of

IntArray = NDArray[np.int64]

SAMPLED = 200  # products of a cluster that are read
NEARLY_ALL = 0.8  # share of the products from which a brand or a model number names them
BRAND = 0.8  # share of its titles that a word begins from which it is taken for a brand
LEAST = 0.15  # share of the products that a phrase must be in
HALF = 0.5  # share of the products up to which a further phrase is added
MOST = 0.75  # share of a phrase's products that a longer one must be in to stand for it
LONGER = 0.25  # how much more a phrase counts for each further word
COLOUR = 0.6  # how much a phrase of colours counts
TELLING = 0.6  # of the rarity of a name's words that a further word must have
PARTS = 3
FEW = 4  # clusters up to which what most of them share may still name one
CANDIDATES = 40  # phrases of a cluster that are looked at, the best of them
SMALL = 8.0  # mean products a cluster below which a cluster is called by one of its titles


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What is known of n products.

    Args:
        titles: n titles, empty where a product has none.
        categories: n lists of category names.
        brands: n brands, empty where a product has none; no categories or brands at all may be empty lists.
    """

    titles: Sequence[str]
    categories: Sequence[Sequence[str]] = ()
    brands: Sequence[str] = ()

    def some(self, rows: Sequence[int]) -> "Described":
        """Take some of the products."""
        return Described(
            [self.titles[row] for row in rows],
            [self.categories[row] for row in rows] if self.categories else (),
            [self.brands[row] for row in rows] if self.brands else (),
        )


def name_clusters(products: Described, labels: IntArray, parents: IntArray | None = None) -> dict[int, str]:
    """Name every cluster.

    Where clusters hold a handful of products each, as those of identity do, the title that says most of what its
    cluster shares is the name.

    Args:
        products: n of them.
        labels: int64 (n,), the cluster of each; below 0 for none.
        parents: int64 (n,), the cluster of the level above; None where all clusters are siblings. No two siblings get
            one name.

    Returns:
        Cluster -> name; none for clusters of which nothing is known.
    """
    clusters = np.unique(labels[labels >= 0])
    if not len(clusters):
        return {}
    groups = None if parents is None else dict(zip(labels.tolist(), parents.tolist(), strict=True))
    if (labels >= 0).sum() / len(clusters) < SMALL:
        return told_apart(central_titles(products.titles, labels), groups)
    rows = sampled_rows(labels)
    sample = products.some(rows.tolist())
    own = np.searchsorted(clusters, labels[rows])
    group = np.zeros(len(clusters), dtype=np.int64)
    if parents is not None:
        group[own] = parents[rows]
    names = _Namer(sample, own, len(clusters)).names(group)
    named = {int(cluster): name for cluster, name in zip(clusters, names, strict=True) if name}
    return told_apart(named, groups)


def sampled_rows(labels: IntArray, most: int = SAMPLED) -> IntArray:
    """Take at most so many rows of each cluster, spread evenly: int64, by cluster; none of those below 0."""
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] >= 0]
    parts = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    return np.concatenate([part[np.linspace(0, len(part) - 1, min(most, len(part))).astype(int)] for part in parts])


def central_titles(titles: Sequence[str], labels: IntArray) -> dict[int, str]:
    """Call each cluster by the title whose words its other titles share most, the shortest among equals.

    Args:
        titles: n of them; an empty one names nothing.
        labels: int64 (n,), below 0 for none.

    Returns:
        Cluster -> title.
    """
    members: dict[int, list[str]] = defaultdict(list)
    for row in sampled_rows(labels, most=20).tolist():
        if titles[row]:
            members[int(labels[row])].append(titles[row])
    names = {}
    for cluster, some in members.items():
        words = [set(title.lower().split()) for title in some]
        count = Counter(word for each in words for word in each)
        shared = [sum(count[word] for word in each) / len(each) if each else 0.0 for each in words]
        best = min(range(len(some)), key=lambda at: (-shared[at], len(some[at]), some[at]))
        names[cluster] = some[best]
    return names


class _Namer:
    """Weighs the phrases of every cluster once, and puts names together from the best."""

    def __init__(self, products: Described, labels: IntArray, k: int) -> None:
        self._products, self._labels = products, labels
        self._phrases = read_phrases(products.titles, products.categories)
        self._rows = np.split(np.arange(len(labels)), np.flatnonzero(np.diff(labels)) + 1)
        self._words = [tuple(spelling.split()) for spelling in self._phrases.spellings]
        self._brands = self._brand_phrases()
        self._shares = _shares(self._phrases, labels, k)
        common = np.bincount(self._shares.indices[self._shares.data >= LEAST], minlength=len(self._words))
        self._everywhere = (common > HALF * k) & (k > FEW)  # the shop's own category, say: it names no cluster
        self._weights = self._weighed()
        self._best = [self._candidates(cluster) for cluster in range(k)]

    def names(self, group: IntArray) -> list[str]:
        """Name all clusters, telling those of a group apart where something does; empty where nothing names one."""
        parts = [self._parts(cluster) for cluster in range(len(self._best))]
        names = [self._written(cluster, chosen) for cluster, chosen in enumerate(parts)]
        alike: dict[tuple[int, str], list[int]] = defaultdict(list)
        for cluster, name in enumerate(names):
            if name:
                alike[int(group[cluster]), fold(name)].append(cluster)
        for clusters in alike.values():
            if len(clusters) > 1:
                for cluster in clusters:
                    names[cluster] += self._distinction(cluster, clusters, parts[cluster])
        return names

    def _weighed(self) -> sparse.csr_matrix:
        """Weigh phrases by class-based TF-IDF, longer ones more, colours less; a phrase is as rare as its words are."""
        spread = np.maximum(np.asarray(self._shares.sum(axis=0)).ravel(), 1e-9)
        single = np.array([len(words) == 1 for words in self._words], dtype=bool)
        held = np.bincount(self._phrases.matrix.indices, minlength=len(self._words))
        rarity = np.log1p(held[single].sum() / max(1, self._phrases.matrix.shape[0]) / spread)
        self._rarity = {words[0]: float(rarity[at]) for at, words in enumerate(self._words) if len(words) == 1}
        rarity = np.array([_mean_rarity(words, self._rarity, rarity[at]) for at, words in enumerate(self._words)])
        content = np.array([sum(word not in STOP_WORDS for word in words) for words in self._words])
        colours = np.array([all(map(is_colour, words)) for words in self._words], dtype=bool)
        factor = rarity * (1 + LONGER * (content - 1)) * np.where(colours, COLOUR, 1.0)
        weights = self._shares.copy()
        weights.data *= factor[weights.indices]
        return weights

    def _candidates(self, cluster: int) -> list[int]:
        """Give the phrases that may name a cluster, the best first; the very best where none does well."""
        row = slice(*self._weights.indptr[cluster : cluster + 2])
        columns, weights, shares = self._weights.indices[row], self._weights.data[row], self._shares.data[row]
        order = np.lexsort((columns, -weights))
        best = [int(columns[at]) for at in order[: 10 * CANDIDATES]]
        worded = [phrase for phrase in best if not all(map(is_model, self._words[phrase]))]
        share = dict(zip(columns.tolist(), shares.tolist(), strict=True))
        telling = [phrase for phrase in worded if not self._everywhere[phrase]] or worded
        kept = [phrase for phrase in telling if share[phrase] >= self._needed(phrase, cluster)]
        return kept[:CANDIDATES] or telling[:1]

    def _needed(self, phrase: int, cluster: int) -> float:
        """Say the share of a cluster's products that a phrase must be in to name it."""
        words = self._words[phrase]
        if any(map(is_model, words)) or phrase in self._brands or self._brand_words(cluster).intersection(words):
            return NEARLY_ALL
        return LEAST

    def _brand_phrases(self) -> frozenset[int]:
        """Find the phrases that titles mostly begin with, brands stand there, and their parts: Jony of Gini and Jony.

        Parts are words that hardly ever stand without the rest, where the first word hardly ever does, either.
        """
        held = np.bincount(self._phrases.matrix.indices, minlength=len(self._words))
        place = {words: phrase for phrase, words in enumerate(self._words)}
        leading: list[int] = np.flatnonzero(self._phrases.leading >= BRAND).tolist()
        brands = set(leading)
        for whole in leading:
            words = self._words[whole]
            if held[whole] >= BRAND * held[place.get(words[:1], whole)]:
                parts = (words[start:end] for start in range(len(words)) for end in range(start + 1, len(words) + 1))
                found = (place[part] for part in parts if part in place)
                brands.update(part for part in found if held[whole] >= BRAND * held[part])
        return frozenset(brands)

    def _brand_words(self, cluster: int) -> frozenset[str]:
        brands = {self._products.brands[row] for row in self._rows[cluster]} if self._products.brands else ()
        return frozenset(fold(word) for brand in brands for word in words_of(brand)) - STOP_WORDS

    def _parts(self, cluster: int) -> list[int]:
        """Choose phrases until they name half of the products, each of what the ones before it left over."""
        best = self._best[cluster]
        held = self._phrases.matrix[self._rows[cluster]][:, best].toarray() > 0
        weights = self._weight(cluster)
        left, chosen = np.ones(len(held), dtype=bool), list[int]()
        while best and len(chosen) < PARTS and left.mean() >= HALF:
            shares = held[left].sum(axis=0) / len(held)
            free = np.array([not self._overlaps(phrase, chosen) for phrase in best], dtype=bool)
            telling = weights >= TELLING * weights[best.index(chosen[0])] if chosen else np.ones(len(best), dtype=bool)
            gain = np.where(free & telling & (shares >= (LEAST if chosen else 0)), shares * weights, 0.0)
            if not gain.any():
                break
            at = self._longest(best, int(gain.argmax()), held)
            chosen.append(best[at])
            left &= ~held[:, gain.argmax()]
        return chosen

    def _longest(self, best: Sequence[int], at: int, held: NDArray[np.bool_]) -> int:
        """Take a longer phrase where most products that hold a phrase hold it: star wars for wars."""
        words, share = set(self._words[best[at]]), held[:, at].mean()
        least = HALF * _mean_rarity(self._words[best[at]], self._rarity, 0.0)
        fits = [
            other
            for other, phrase in enumerate(best)
            if words < set(self._words[phrase])
            and held[:, other].mean() >= MOST * share
            and all(self._rarity.get(word, least) >= least for word in set(self._words[phrase]) - words - STOP_WORDS)
        ]
        return max(fits, key=lambda other: (held[:, other].mean(), len(self._words[best[other]])), default=at)

    def _weight(self, cluster: int) -> NDArray[np.float64]:
        """Give the weights of a cluster's candidates, apart from how many products hold them."""
        columns = self._best[cluster]
        weights = np.asarray(self._weights[[cluster]][:, columns].toarray(), dtype=np.float64).ravel()
        return weights / np.asarray(self._shares[[cluster]][:, columns].toarray(), dtype=np.float64).ravel()

    def _overlaps(self, phrase: int, chosen: Sequence[int]) -> bool:
        """Say whether a phrase repeats a word of those chosen."""
        return any(set(self._words[phrase]) & set(self._words[other]) for other in chosen)

    def _written(self, cluster: int, phrases: Sequence[int]) -> str:
        forms = [self._form(cluster, phrase) for phrase in phrases]
        return " & ".join(filter(None, [", ".join(forms[:-1]), *forms[-1:]]))

    def _form(self, cluster: int, phrase: int) -> str:
        """Write a phrase the way most products of a cluster write it."""
        rows, products = self._rows[cluster], self._products
        named = [name for row in rows for name in products.categories[row]] if products.categories else []
        return common_form(self._phrases.spellings[phrase], [products.titles[row] for row in rows], named)

    def _distinction(self, cluster: int, alike: Sequence[int], taken: Sequence[int]) -> str:
        """Say what sets a cluster apart from those that would have the same name; empty where nothing does."""
        shares = np.asarray(self._shares[alike].toarray())
        own = alike.index(cluster)
        ahead = shares[own] - np.delete(shares, own, axis=0).max(axis=0)
        for phrase in np.argsort(-ahead, kind="stable")[:CANDIDATES].tolist():
            if ahead[phrase] < LEAST or shares[own, phrase] < self._needed_apart(phrase, cluster):
                continue
            if not self._overlaps(phrase, taken):
                return f": {self._form(cluster, phrase)}"
        return ""

    def _needed_apart(self, phrase: int, cluster: int) -> float:
        """Let a model number tell clusters apart that it would not name, but no lone digit."""
        if any(map(is_model, self._words[phrase])):
            return HALF if any(len(word) > 1 for word in self._words[phrase]) else np.inf
        return self._needed(phrase, cluster)


def _mean_rarity(words: Sequence[str], alone: Mapping[str, float], otherwise: float) -> float:
    """Average the rarity of the words that say something; of a category's words, which may stand nowhere else, none."""
    found = [alone.get(word, otherwise) for word in words if word not in STOP_WORDS]
    return sum(found) / len(found) if found else otherwise


def _shares(phrases: Phrases, labels: IntArray, k: int) -> sparse.csr_matrix:
    """Measure the share of each cluster's products that hold each phrase: CSR (k, phrases)."""
    sizes = np.bincount(labels, minlength=k)
    members = sparse.csr_matrix((1 / sizes[labels], (labels, np.arange(len(labels)))), shape=(k, len(labels)))
    return sparse.csr_matrix(members @ phrases.matrix)
