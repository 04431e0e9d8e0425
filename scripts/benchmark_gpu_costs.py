"""What each stage has to do, counted by hand: floating-point operations, and the fewest bytes to and from memory.

A multiplication and an addition count as two operations. Bytes count every input once and every output once for each
pass that the algorithm makes over them; what stays between, such as the scores of rows against centroids, counts
nothing, so an implementation that writes it to memory shows a lower share of the card's bandwidth, not a higher one.
"""

from dataclasses import dataclass

FP32 = 4
INT64 = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """Work of one run.

    Args:
        flops: Floating-point operations.
        bytes: Bytes read and written.
    """

    flops: int
    bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.bytes + other.bytes)

    def __mul__(self, times: int) -> "Cost":
        return Cost(self.flops * times, self.bytes * times)


def gemm(m: int, n: int, inner: int, *, itemsize: int) -> Cost:
    """Count the product of an (m, inner) and an (inner, n) matrix."""
    return Cost(2 * m * n * inner, itemsize * (m * inner + inner * n + m * n))


def copy(size: int) -> Cost:
    """Count a copy of `size` bytes: each is read and written."""
    return Cost(0, 2 * size)


def lloyd(rows: int, dim: int, k: int, *, iterations: int) -> Cost:
    """Count Lloyd's algorithm on float32: `iterations` times assign and average, and assign once more at the end.

    Assigning reads rows and centroids and writes a label and a similarity a row; averaging adds up each row once, in
    the pass that assigns it, and writes the centroids.
    """
    assign = Cost(2 * rows * dim * k, FP32 * (rows * dim + k * dim) + rows * (INT64 + FP32))
    average = Cost(rows * dim, FP32 * k * dim)
    return (assign + average) * iterations + assign


def exact_knn(rows: int, dim: int, neighbours: int, *, itemsize: int, candidates: int = 0) -> Cost:
    """Count the comparison of all pairs of rows, then of each row's candidates once more in float32.

    Args:
        rows: Number of vectors.
        dim: Their dimensions.
        neighbours: Neighbours written for each row, a number and a similarity each.
        itemsize: Bytes of a number as it is compared first: 4 for float32, 2 for bfloat16.
        candidates: Rows compared again for each row; 0 where the first comparison is the last.
    """
    all_pairs = Cost(2 * rows * rows * dim, itemsize * rows * dim + rows * neighbours * (INT64 + FP32))
    again = Cost(2 * rows * candidates * dim, FP32 * rows * dim * (candidates + 1) if candidates else 0)
    return all_pairs + again


def encoder_flops(tokens: int, *, layers: int, hidden: int, intermediate: int) -> int:
    """Count the matrix products of a transformer encoder over one sequence (Vaswani et al. 2017).

    In each layer: queries, keys, values and their output (4 products of hidden x hidden), scores and their use
    (2 of tokens x tokens), and the two halves of the feed-forward network. Norms, softmax and activations are left out.
    """
    attention = 4 * 2 * tokens * hidden * hidden + 2 * 2 * tokens * tokens * hidden
    feed_forward = 2 * 2 * tokens * hidden * intermediate
    return layers * (attention + feed_forward)


def patches_flops(image: int, patch: int, hidden: int) -> int:
    """Count how a vision transformer makes tokens of a square RGB picture (Dosovitskiy et al. 2021)."""
    return 2 * (image // patch) ** 2 * (3 * patch * patch) * hidden


def clip_flops(*, image: int, patch: int, layers: int, hidden: int, intermediate: int, projection: int) -> int:
    """Count the image tower of CLIP (Radford et al. 2021) for one picture: a class token more, and a projection."""
    tokens = (image // patch) ** 2 + 1
    encoder = encoder_flops(tokens, layers=layers, hidden=hidden, intermediate=intermediate)
    return patches_flops(image, patch, hidden) + encoder + 2 * hidden * projection


def siglip_flops(*, image: int, patch: int, layers: int, hidden: int, intermediate: int) -> int:
    """Count the image tower of SigLIP (Zhai et al. 2023) for one picture.

    Its head is one learnt query that attends to all tokens: query and output of one token, keys and values of all,
    scores and their use, and a feed-forward network.
    """
    tokens = (image // patch) ** 2
    encoder = encoder_flops(tokens, layers=layers, hidden=hidden, intermediate=intermediate)
    head = 2 * 2 * (tokens + 1) * hidden * hidden + 2 * 2 * tokens * hidden + 2 * 2 * hidden * intermediate
    return patches_flops(image, patch, hidden) + encoder + head


def forward(flops: int, batch: int, *, weights: int, input_bytes: int, dim: int, itemsize: int) -> Cost:
    """Count one batch through a model: its weights and inputs read once, one vector written for each input.

    Args:
        flops: Operations for one input.
        batch: Inputs.
        weights: Parameters the model reads, look-up tables left out.
        input_bytes: Bytes of one input.
        dim: Dimensions of the vector that comes out.
        itemsize: Bytes of a parameter and of a number of that vector.
    """
    return Cost(flops * batch, itemsize * weights + batch * (input_bytes + itemsize * dim))
