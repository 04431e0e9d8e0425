"""What shoppers did becomes edges: bought beside, bought together, viewed beside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .edges import Edges, check_rows, combine, from_matrix

TOGETHER = 0.5
"""What one basket adds to an edge, as a share of the mean also_buy edge. A pair bought together is nearly always in
also_buy too, so with both it weighs half again as much as also_buy alone."""

VIEWED = 0.3
"""Mean also_view edge in a complementary graph, as a share of the mean also_buy edge: shoppers view what replaces a
product more than what completes it (McAuley et al., "Inferring networks of substitutable and complementary products",
KDD 2015)."""

ATTACHED = 0.1
"""What likeness counts for an edge from a product without links, as a share of the mean also_buy edge: it places that
product and hardly moves the others."""


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """What a catalogue lists beside its products: one kind of link, each from the product that lists to the one listed.

    Args:
        source: int64 (m,), row numbers of the products that list.
        target: int64 (m,), row numbers of the products listed; duplicates and a product's own row are ignored.

    Raises:
        ValueError: If shapes or types differ from these, or a row number is negative.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name, array in (("source", self.source), ("target", self.target)):
            if array.ndim != 1 or array.dtype != np.int64:
                raise ValueError(f"{name} must be int64 (m,), got {array.dtype} {array.shape}")
            if len(array) and array.min() < 0:
                raise ValueError(f"row numbers must be 0 or more, got {array.min()}")
        if len(self.source) != len(self.target):
            raise ValueError(f"source and target must have one length, got {len(self.source)} and {len(self.target)}")

    @classmethod
    def none(cls) -> "Links":
        """Return links of a catalogue that lists none."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))

    def matrix(self, n: int) -> sparse.csr_array:
        """Return the directed adjacency matrix.

        Args:
            n: Number of products.

        Returns:
            float32 (n, n), sparse: 1 where the row lists the column, empty diagonal.

        Raises:
            ValueError: If a link names a row outside the catalogue.
        """
        check_rows(self.source, self.target, n=n)
        other = self.source != self.target
        ones = np.ones(np.count_nonzero(other), np.float32)
        matrix = sparse.csr_array((ones, (self.source[other], self.target[other])), shape=(n, n))
        matrix.sum_duplicates()
        matrix.data[:] = 1
        return matrix


def either_way(directed: sparse.csr_array) -> sparse.csr_array:
    """Return the undirected form of a 0/1 matrix: 1 where either product lists the other."""
    return directed.maximum(directed.T).tocsr()


def linked_rows(*links: Links, n: int) -> NDArray[np.bool_]:
    """Tell which products have a link of any kind, either way, to another.

    Args:
        links: Kinds of links.
        n: Number of products.

    Returns:
        bool (n,).
    """
    linked = np.zeros(n, dtype=bool)
    for kind in links:
        check_rows(kind.source, kind.target, n=n)
        other = kind.source != kind.target
        linked[kind.source[other]] = linked[kind.target[other]] = True
    return linked


def lift_edges(links: Links, n: int) -> Edges:
    """Join products that one lists beside the other, weighted by how little their popularity explains it.

    The weight is log(1 + lift). The lift 2 m / (d(i) d(j)), with m links in all and d(i) of product i, says how many
    times likelier the link is than the configuration model has it for two products as often linked as these. The
    logarithm makes it pointwise mutual information, kept positive (Church and Hanks, "Word association norms, mutual
    information, and lexicography", Computational Linguistics 1990). Two best sellers are linked
    to everything and say little; a link between two rarely linked products says much. Weights are divided by their
    mean, so that a catalogue's size and density do not decide what a link is worth beside other edges.

    Args:
        links: One kind of link.
        n: Number of products.

    Returns:
        One edge a pair, source < target, of mean weight 1.

    Raises:
        ValueError: If a link names a row outside the catalogue.
    """
    pairs = from_matrix(either_way(links.matrix(n)))
    if len(pairs) == 0:
        return pairs
    degree = np.bincount(np.concatenate([pairs.source, pairs.target]), minlength=n)
    lift = 2 * len(pairs) / (degree[pairs.source] * degree[pairs.target])
    weight = np.log1p(lift)
    return Edges(pairs.source, pairs.target, (weight / weight.mean()).astype(np.float32))


def view_edges(viewed: Links, n: int) -> Edges:
    """Join products viewed by the same shoppers, weight 1 each.

    That is about what `knn_edges` gives a typical nearest neighbour: what a shopper looked at
    instead counts like the closest likeness of text or image.

    Args:
        viewed: also_view links.
        n: Number of products.

    Returns:
        One edge a pair, source < target.

    Raises:
        ValueError: If a link names a row outside the catalogue.
    """
    return from_matrix(either_way(viewed.matrix(n)))


def shopper_edges(bought: Links, viewed: Links, together: Links, n: int) -> Edges:
    """Join products that shoppers put beside each other: also_buy by lift, baskets on top, also_view least.

    Args:
        bought: also_buy links.
        viewed: also_view links.
        together: bought_together links.
        n: Number of products.

    Returns:
        One edge a pair, source < target; the mean also_buy edge weighs 1.

    Raises:
        ValueError: If a link names a row outside the catalogue.
    """
    baskets = from_matrix(either_way(together.matrix(n)))
    return combine(lift_edges(bought, n), lift_edges(viewed, n).scaled(VIEWED), baskets.scaled(TOGETHER), n=n)


def attach(edges: Edges, likeness: Edges, n: int) -> Edges:
    """Join products without links to their nearest products that have some.

    Where no product has links, every product is joined to its nearest: likeness is then all that is known.

    Args:
        edges: Shoppers' edges.
        likeness: Nearest neighbour edges, those of products without links turned to linked ones (`turn_to`).
        n: Number of products.

    Returns:
        `edges` and the likeness edges between products with and without links, these at a tenth of their weight.

    Raises:
        ValueError: If an edge names a row outside the catalogue.
    """
    check_rows(edges.source, edges.target, likeness.source, likeness.target, n=n)
    if len(edges) == 0:
        return likeness
    linked = np.zeros(n, dtype=bool)
    linked[edges.source] = linked[edges.target] = True
    joins = linked[likeness.source] != linked[likeness.target]
    bridge = Edges(likeness.source[joins], likeness.target[joins], likeness.weight[joins])
    return combine(edges, bridge.scaled(ATTACHED), n=n)
