"""Figures of the quality benchmark: name -> value, from labels, links and answers as arrays."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure

from clustering.metrics import Grade, b_cubed, links, pairwise

Rows = NDArray[np.int64]
Scores = Mapping[str, float]


def identity_scores(labels: Rows, truth: Rows) -> Scores:
    """Grade identity labels against the true product of each row."""
    return {**_grade(pairwise(labels, truth)), **_whole(labels, truth)}


def matching_scores(labels: Rows, matches: Rows, sides: Rows, truth: Rows) -> Scores:
    """Grade identity labels over two catalogues by the pairs across them.

    Args:
        labels: int64 (n,).
        matches: int64 (m, 2), the rows that truly match.
        sides: int64 (n,), the catalogue of each row.
        truth: int64 (n,), the connected component of each row in the matches.
    """
    return {**_grade(links(labels, matches, sides)), **_whole(labels, truth)}


def _grade(grade: Grade) -> Scores:
    return {"precision": grade.precision, "recall": grade.recall, "F1": grade.f1}


def _whole(labels: Rows, truth: Rows) -> Scores:
    return {
        "B-cubed F1": b_cubed(labels, truth).f1,
        "ARI": float(adjusted_rand_score(truth, labels)),
        "clusters": len(np.unique(labels)),
    }


def ranking_scores(answers: Rows, hidden: Rows) -> Scores:
    """Grade answers against hidden partners, averaged over the products that have any.

    Args:
        answers: int64 (n, limit), the rows recommended to each row, -1 where there are no more.
        hidden: int64 (h, 2), hidden pairs of rows, each once, in one direction.

    Returns:
        recall@limit (found, of the hidden partners or of `limit` where there are more), the same with all hidden
        partners below the line, and hit-rate@limit, the share of products with a partner found.
    """
    n, limit = answers.shape
    wanted = np.bincount(hidden.ravel(), minlength=n)
    both_ways = np.concatenate([hidden[:, 0] * n + hidden[:, 1], hidden[:, 1] * n + hidden[:, 0]])
    keys = np.arange(n)[:, None] * n + answers
    found = (np.isin(keys, both_ways) & (answers >= 0)).sum(axis=1)
    asked = wanted > 0
    found, wanted = found[asked], wanted[asked]
    return {
        f"recall@{limit}": float((found / np.minimum(limit, wanted)).mean()),
        f"recall@{limit} of all hidden": float((found / wanted).mean()),
        f"hit-rate@{limit}": float((found > 0).mean()),
        "products asked about": int(asked.sum()),
    }


def togetherness_scores(labels: Rows, hidden: Rows) -> Scores:
    """Say how often a hidden pair shares a cluster, and how often any two products do; noise (-1) shares none.

    Args:
        labels: int64 (n,), noise is -1.
        hidden: int64 (h, 2), pairs of rows.
    """
    n, sizes = len(labels), np.bincount(labels[labels >= 0]).astype(np.float64)
    return {
        "hidden pairs inside one cluster": float(_together(labels, hidden).mean()),
        "random pairs inside one cluster": float((sizes * (sizes - 1)).sum() / (n * (n - 1))),
        "products left out": float((labels < 0).mean()),
        **size_scores(labels),
    }


def department_scores(labels: Rows, departments: Rows, viewed: Rows) -> Scores:
    """Compare clusters with departments; noise (-1) counts as one cluster, as it does in scikit-learn.

    Rosenberg and Hirschberg, "V-Measure", EMNLP 2007; V-measure is the same as NMI with the arithmetic mean.

    Args:
        labels: int64 (n,), noise is -1.
        departments: int64 (n,).
        viewed: int64 (e, 2), also_view links between rows, for edge purity: of those inside one cluster, the share
            whose ends have one department.
    """
    inside = _together(labels, viewed)
    same = departments[viewed[:, 0]] == departments[viewed[:, 1]]
    return {
        **agreement_scores(labels, departments),
        "edge purity": float(same[inside].mean()) if inside.any() else 0.0,
        "also_view links inside one cluster": float(inside.mean()),
        "products left out": float((labels < 0).mean()),
        **size_scores(labels),
    }


def agreement_scores(labels: Rows, truth: Rows) -> Scores:
    """Compare clusters with coarse categories."""
    homogeneity, completeness, v_measure = homogeneity_completeness_v_measure(truth, labels)
    return {
        "homogeneity": float(homogeneity),
        "completeness": float(completeness),
        "V-measure (NMI)": float(v_measure),
    }


def size_scores(labels: Rows) -> Scores:
    """Count clusters, and products in the largest and in clusters of one."""
    sizes = np.bincount(labels[labels >= 0])
    sizes = sizes[sizes > 0]
    return {"clusters": len(sizes), "largest": int(sizes.max(initial=0)), "singletons": int((sizes == 1).sum())}


def _together(labels: Rows, pairs: Rows) -> NDArray[np.bool_]:
    first, second = labels[pairs[:, 0]], labels[pairs[:, 1]]
    return np.asarray((first == second) & (first >= 0))
