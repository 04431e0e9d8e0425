import numpy as np
import pytest

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import open_store
from service.catalogue import LINK_NAMES, take_catalogue


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store"), create=True) as opened:
        yield opened


def linked(seed, n):
    """Products that link to each other, to themselves and to products nobody has, some of them from shops."""
    rng = np.random.default_rng(seed)

    def some():
        return tuple(dict.fromkeys(f"P{number}" for number in rng.integers(0, 2 * n, rng.integers(0, 6))))

    return [
        Product(
            f"P{number}",
            title=f"case {number}",
            brand=("", "Shell")[number % 2],
            source=("", "abt", "buy")[number % 3],
            **{name: some() for name in LINK_NAMES},
        )
        for number in range(n)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_links_join_the_rows_that_plain_loops_would_join(store, embedder, seed):
    products = {product.product_id: product for product in linked(seed, 40)}
    index_products(list(products.values()), store, embedder)
    taken = take_catalogue(store)
    row_of = {product_id: row for row, product_id in enumerate(taken.ids)}
    for name in LINK_NAMES:
        expected = [
            (row, row_of[other])
            for row, product_id in enumerate(taken.ids)
            for other in getattr(products[product_id], name)
            if other in row_of and other != product_id
        ]
        links = taken.links[name]
        assert list(zip(links.source.tolist(), links.target.tolist(), strict=True)) == expected
        assert links.target.dtype == np.int64


def test_every_column_stands_in_the_order_of_the_rows(store, embedder):
    products = {product.product_id: product for product in linked(0, 30)}
    index_products(list(products.values()), store, embedder)
    store.set_labels(["P3"], {"identity": np.array([7])}, {})
    taken, read = take_catalogue(store), []
    assert taken.titles == [products[i].title for i in taken.ids]
    assert taken.brands == [products[i].brand for i in taken.ids]
    sources = [products[i].source for i in taken.ids]
    met = [*dict.fromkeys(filter(None, sources))]
    assert taken.sources.tolist() == [met.index(source) if source else -1 for source in sources]
    assert sorted(met) == ["abt", "buy"]
    np.testing.assert_array_equal(taken.vectors, store.take(vector="text").vectors)
    assert dict(zip(taken.ids, taken.labels["identity"].tolist(), strict=True))["P3"] == 7
    assert sorted(set(taken.labels["identity"].tolist())) == [-1, 7]
    take_catalogue(store, read.append)
    assert sum(read) == 30


def test_a_catalogue_without_links_and_sources_has_none(store, shop, embedder):
    index_products([Product("A", title="case"), Product("B", title="lamp")], store, embedder)
    taken = take_catalogue(store)
    assert taken.sources is None
    assert [len(taken.links[name].source) for name in LINK_NAMES] == [0, 0, 0]
