"""Deep clustering: a network learns to describe rows in a few numbers in which they fall into clusters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .clustering import Clustering
from .depict_network import Network, hidden_units
from .depict_training import AT_ONCE, Course, Plan, Trainer
from .kmeans import kmeans
from .models import Arrays, check_width
from .progress import in_rows

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Depict:
    """Encode new rows and share them out to clusters by a Student's t-distribution around their centres.

    Args:
        mean: float32 (d,), subtracted from rows.
        scale: What they are then divided by.
        layers: Weights, float32 (out, in), and biases, float32 (out,), of each layer; a rectifier between them.
        centres: float32 (k, latent).
    """

    kind: ClassVar[str] = "depict"
    mean: FloatArray
    scale: float
    layers: tuple[tuple[FloatArray, FloatArray], ...]
    centres: FloatArray

    def predict(self, vectors: FloatArray) -> tuple[IntArray, FloatArray]:
        """Find the cluster of each row, float32 (m, d), and the share of the row that is in it."""
        check_width(vectors, len(self.mean))
        labels, shares = np.empty(len(vectors), np.int64), np.empty(len(vectors), np.float32)
        for start in range(0, len(vectors), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            found = self._shares(self.encode(vectors[part]))
            labels[part], shares[part] = found.argmax(axis=1), found.max(axis=1)
        return labels, shares

    def encode(self, vectors: FloatArray) -> FloatArray:
        """Give the latent means of rows, float32 (m, latent)."""
        found = standardised(vectors, self.mean, self.scale)
        for number, (weight, bias) in enumerate(self.layers, start=1):
            found = found @ weight.T + bias
            if number < len(self.layers):
                np.maximum(found, 0, out=found)
        return found

    def _shares(self, latents: FloatArray) -> NDArray[np.float64]:
        from scipy.spatial.distance import cdist

        kernel = 1 / (1 + cdist(latents, self.centres, "sqeuclidean"))
        return np.asarray(kernel / kernel.sum(axis=1, keepdims=True))

    def arrays(self) -> Arrays:
        """Give the encoder, the centres and how rows are standardised."""
        layers = {
            f"{name}_{number}": array
            for number, layer in enumerate(self.layers)
            for name, array in zip(("weight", "bias"), layer, strict=True)
        }
        return {"mean": self.mean, "centres": self.centres, **layers}

    def settings(self) -> Mapping[str, Any]:
        """Give the scale and the number of layers."""
        return {"scale": self.scale, "layers": len(self.layers)}

    @classmethod
    def restored(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make it again from `arrays` and `settings`."""
        layers = tuple((arrays[f"weight_{number}"], arrays[f"bias_{number}"]) for number in range(settings["layers"]))
        return cls(arrays["mean"], settings["scale"], layers, arrays["centres"])


def depict(
    vectors: FloatArray,
    k: int,
    *,
    seed: int,
    pretraining: int = 50,
    epochs: int = 100,
    patience: int = 10,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    gradient_norm: float = 5.0,
    latent: int = 10,
    noise: float = 0.2,
    prior_weight: float = 0.01,
    clustering_weight: float = 1.0,
    progress: Callable[[int], object] | None = None,
) -> Clustering[Depict]:
    """Learn an encoding of rows and k clusters in it together.

    A variational autoencoder (Kingma and Welling 2014; Jiang et al. 2017, VaDE) first learns to reconstruct rows. Then
    k-means places centres among its latent means, and three losses fall together: the error of the reconstruction, the
    divergence of the latent distribution from a standard Gaussian, and that of the rows' shares in the clusters, by
    Student's t around the centres, from targets which make sure shares surer (Xie et al. 2016, DEC). Targets come once
    an epoch from the encoder without noise, the shares from the one with noise (Ghasedi Dizaji et al. 2017, DEPICT).

    It differs from each: the prior is one Gaussian and not VaDE's mixture of k; DEC has no decoder while it clusters
    and no noise; DEPICT clusters by a softmax, weighs targets by the square root of a cluster's size where DEC and this
    weigh by the size, reconstructs every layer, and hides values of every layer, this only of the input.

    Against k-means on the same rows (scikit-learn, the best of ten starts), by normalised mutual information with the
    truth, a mean over seeds: handwritten digits (1,797 x 64, k = 10) 0.83 against 0.74; titles of fashion products
    (6,000 x 384, k = 38 categories) 0.56 against 0.55, from 0.54 to 0.58. It does not beat k-means where the truth is
    finer (10,000 titles, k = 50 for 120 kinds of article: 0.62 against 0.62), nor where rows lie in no clusters: audio
    features of tracks (10,963 x 11, 112 genres) 0.25 against 0.28 with k = 112, 0.19 against 0.20 with k = 20.

    Args:
        vectors: float32 (n, d): of length 1, or standardised columns of any length.
        k: Number of clusters; those that lose all their rows on the way are left out.
        seed: Decides weights, noise, the order of rows and where centres start.
        pretraining: Epochs at most in which only reconstruction is learned.
        epochs: Epochs at most in which both are learned.
        patience: Epochs after which a phase ends: the first, if its loss has not fallen by 0.1 %; the second, if no
            more than 0.1 % of the rows have changed their cluster in any of them. The second also ends where more than
            5 % of the clusters lose all their rows, with the network of the epoch before.
        batch_size: Rows a step; fewer where there are fewer than eight such batches.
        learning_rate: Of Adam, at the start of each phase; it falls to 0 along a cosine.
        gradient_norm: Length to which longer gradients are clipped.
        latent: Width of the encoding, d at most.
        noise: Share of the values of a row hidden from the noisy encoder, 0 to below 1.
        prior_weight: Weight of the divergence from the Gaussian, beside 1 for the reconstruction.
        clustering_weight: Weight of the divergence from the targets.
        progress: Called with the share of the work done since it was last called, counted in rows, n in all.

    Returns:
        The clustering; memberships are shares. Its figures: each loss an epoch, of both phases; how many epochs these
        took, and whether they stopped early; the share of steps whose gradient was clipped; the widths of the encoder;
        how many clusters were left out; and the device.

    Raises:
        ValueError: If k is not between 2 and n, noise is out of range, or training diverges.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    n, dims = vectors.shape
    if not 2 <= k <= n:
        raise ValueError(f"k must be between 2 and {n} for {n} vectors, got {k}")
    if not 0 <= noise < 1:
        raise ValueError(f"noise must be at least 0 and below 1, got {noise}")
    mean, scale = _spread(vectors)
    network = Network(dims, min(latent, dims), hidden_units(n, dims), seed=seed, device=_device())
    plan = Plan(batch_size, learning_rate, gradient_norm, patience, noise, prior_weight, clustering_weight)
    tell, epoch = in_rows(progress, n), count(1)
    trainer = Trainer(
        network,
        lambda rows: standardised(vectors[rows], mean, scale),
        n,
        plan,
        seed=seed,
        done=lambda: tell(next(epoch) / (pretraining + epochs + 1)),
    )
    first = trainer.pretrain(pretraining)
    network.place(kmeans(trainer.latents().cpu().numpy(), k, seed=seed).model.centroids)
    second = trainer.train(epochs)
    model = _without_empty(Depict(mean, scale, tuple(network.weights()), network.centre_array()), vectors)
    labels, shares = model.predict(vectors)
    tell(1)
    return Clustering(labels, model, shares, _figures(network, first, second, k - len(model.centres)))


def standardised(vectors: FloatArray, mean: FloatArray, scale: float) -> FloatArray:
    """Move rows, float32 (m, d), to a mean of 0 and divide all columns by one scale, which keeps their geometry."""
    return np.asarray((vectors - mean) / np.float32(scale), dtype=np.float32)


def _spread(vectors: FloatArray) -> tuple[FloatArray, float]:
    """Measure the mean of each column, and the one scale that makes the mean variance of columns 1."""
    from sklearn.preprocessing import StandardScaler

    machine = StandardScaler()
    for start in range(0, len(vectors), AT_ONCE):
        machine.partial_fit(vectors[start : start + AT_ONCE].astype(np.float64))
    return machine.mean_.astype(np.float32), float(np.sqrt(machine.var_.mean())) or 1.0


def _without_empty(model: Depict, vectors: FloatArray) -> Depict:
    """Leave out the centres that are nearest to no row."""
    used = np.unique(model.predict(vectors)[0])
    return Depict(model.mean, model.scale, model.layers, model.centres[used])


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _figures(network: Network, first: Course, second: Course, left_out: int) -> dict[str, Any]:
    steps = first.steps + second.steps
    return {
        "losses": {
            "pretraining_reconstruction": first.reconstruction,
            "pretraining_prior": first.prior,
            "reconstruction": second.reconstruction,
            "prior": second.prior,
            "clustering": second.clustering,
        },
        "epochs": len(second.reconstruction),
        "pretraining_epochs": len(first.reconstruction),
        "stopped_early": second.stopped_early,
        "stopped_for_empty_clusters": second.emptied,
        "pretraining_stopped_early": first.stopped_early,
        "clipped": (first.clipped + second.clipped) / steps if steps else 0.0,
        "network": network.widths,
        "empty_clusters": left_out,
        "device": network.device,
    }
