import numpy as np
import pytest

from graph.edges import Edges
from graph.modalities import Modality, merge


def edges(*triples):
    source, target, weight = zip(*triples, strict=True)
    return Edges(np.array(source), np.array(target), np.array(weight, dtype=np.float32))


def has(*rows, n=4):
    return np.isin(np.arange(n), rows)


def as_dict(found):
    return {
        (i, j): round(float(w), 6)
        for i, j, w in zip(found.source.tolist(), found.target.tolist(), found.weight, strict=True)
    }


def test_each_kind_counts_by_its_share_and_a_pair_that_lacks_one_by_the_other_alone():
    text = Modality(edges((0, 1, 1.0), (1, 2, 1.0), (2, 3, 0.5)), has(0, 1, 2, 3), 0.25)
    image = Modality(edges((0, 1, 1.0), (2, 1, 2.0)), has(0, 1, 2), 0.75)
    assert as_dict(merge([text, image], 4)) == {(0, 1): 1.0, (1, 2): 0.25 + 1.5, (2, 3): 0.5}


def test_only_the_ratio_of_shares_matters():
    rng = np.random.default_rng(0)
    kinds = []
    for scale in (1.0, 7.0):
        pairs = [(i, j, float(rng.random() + 0.1)) for i in range(4) for j in range(i)]
        kinds.append([Modality(edges(*pairs), has(0, 1, 2, 3), scale * share) for share in (0.3, 0.7)])
    one = [Modality(kinds[0][k].edges, kinds[0][k].has, share) for k, share in enumerate((0.3, 0.7))]
    other = [Modality(kinds[0][k].edges, kinds[0][k].has, share) for k, share in enumerate((3.0, 7.0))]
    assert as_dict(merge(one, 4)) == as_dict(merge(other, 4))


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ([], "at least one kind of vector is needed, got none"),
        ([Modality(Edges.none(), has(0), 0.0)], "a share must be greater than 0, got 0.0"),
        ([Modality(Edges.none(), has(0, n=3), 1.0)], r"has must be bool \(4,\), got \(3,\)"),
        ([Modality(edges((0, 4, 1.0)), has(0), 1.0)], "row numbers must be between 0 and 3 in a graph of 4 rows"),
    ],
)
def test_what_is_no_graph_is_refused(modalities, message):
    with pytest.raises(ValueError, match=message):
        merge(modalities, 4)
