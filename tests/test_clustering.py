import numpy as np
import pytest

from clustering.centroids import Centroids
from clustering.clustering import Clustering

MODEL = Centroids(np.eye(2, dtype=np.float32), spherical=False)


def test_sizes_and_noise_are_counted():
    found = Clustering(np.array([0, -1, 1, 0]), MODEL, np.array([0.5, 0, 1, 0.1], dtype=np.float32))
    assert (found.k, found.noise, found.sizes.tolist()) == (2, 1, [2, 1])


@pytest.mark.parametrize(
    ("row", "membership", "said"),
    [(0, 1.5, "1.5 in row 0 of label 0"), (0, -0.5, "-0.5 in row 0 of label 0"), (0, np.nan, "nan in row 0 of label 0"),
     (1, 0.5, "0.5 in row 1 of label -1")],
)  # fmt: skip
def test_memberships_are_from_0_to_1_and_0_for_noise(row, membership, said):
    memberships = np.array([1, 0], dtype=np.float32)
    memberships[row] = membership
    with pytest.raises(ValueError) as error:
        Clustering(np.array([0, -1]), MODEL, memberships)
    assert str(error.value) == f"memberships must be between 0 and 1, and 0 for noise, got {said}"


def test_labels_leave_no_number_out_and_have_a_membership_each():
    with pytest.raises(ValueError, match=r"^labels must use every number from 0 to 1, they use \[0, 2\] \.\.\.$"):
        Clustering(np.array([0, 2]), MODEL)
    with pytest.raises(ValueError, match=r"^2 labels need as many memberships, got 1$"):
        Clustering(np.array([0, 1]), MODEL, np.ones(1, np.float32))
