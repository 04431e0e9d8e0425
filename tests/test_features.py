import numpy as np
import pytest
from scipy.sparse import csr_array

from indexer.embedders.features import Categories, FeatureScaler, Numbers, fit_features, on_plane, on_sphere
from indexer.embedders.plays import Plays, fit_plays

NAN = np.nan


def random_columns(seed=0, rows=200, dims=5):
    return np.random.default_rng(seed).normal(size=(rows, dims)).astype(np.float32)


@pytest.mark.parametrize("dims", [1, 2, 7, 64])
def test_a_row_on_the_sphere_has_length_1_and_comes_back_to_the_plane(dims):
    columns = random_columns(dims=dims)
    vectors = on_sphere(columns)
    assert (vectors.shape, vectors.dtype) == ((200, dims + 1), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(on_plane(vectors), columns, atol=1e-5)


def test_the_middle_of_all_columns_is_the_pole_and_far_rows_lose_nothing():
    far = np.array([[0, 0], [1e6, -3], [-1e4, 1e5]], dtype=np.float32)
    assert on_sphere(far)[0].tolist() == [0, 0, 1]
    np.testing.assert_allclose(on_plane(on_sphere(far)), far, rtol=1e-5)


def test_cosines_on_the_sphere_find_nearly_the_neighbours_that_euclidean_distances_find():
    columns = random_columns(rows=300, dims=11)
    vectors = on_sphere(columns)
    distances = np.linalg.norm(columns[:, None] - columns[None], axis=2)
    by_distance, by_cosine = np.argsort(distances)[:, 1:11], np.argsort(-(vectors @ vectors.T))[:, 1:11]
    shared = [len(set(a) & set(b)) for a, b in zip(by_distance, by_cosine, strict=True)]
    assert np.mean(shared) > 7.5


def test_what_is_no_projection_is_refused():
    with pytest.raises(ValueError, match=r"row 1 is no projection of columns, its last number is -1: index again"):
        on_plane(np.array([[0, 1], [0, -1]], dtype=np.float32))
    with pytest.raises(ValueError, match="at least one column is needed, got none"):
        on_sphere(np.empty((3, 0), dtype=np.float32))


def test_standard_scaling_is_scikit_learns_and_missing_numbers_become_the_median():
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    columns = np.random.default_rng(1).gamma(2, 30, size=(100, 3))
    columns[::7, 0] = NAN
    names = ["a", "b", "c"]
    numeric = dict(zip(names, columns.T, strict=True))
    scaler = fit_features(numeric, {}, scale="standard")
    medians = SimpleImputer(strategy="median").fit_transform(columns)
    expected = StandardScaler().fit(columns).transform(medians)
    np.testing.assert_allclose(scaler.transform(numeric, {}), expected, atol=1e-5)
    assert scaler.columns == ("a", "b", "c")


def test_minmax_scaling_is_scikit_learns():
    from sklearn.preprocessing import MinMaxScaler

    columns = np.random.default_rng(2).normal(size=(50, 2)) * [1, 1000]
    numeric = dict(zip(["a", "b"], columns.T, strict=True))
    scaler = fit_features(numeric, {}, scale="minmax")
    np.testing.assert_allclose(scaler.transform(numeric, {}), MinMaxScaler().fit_transform(columns), atol=1e-6)


def test_categories_are_scikit_learns_one_hot_with_the_rarer_ones_together():
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(3)
    values = [f"g{n:02}" for n in rng.zipf(1.3, 3000) if n < 90]
    scaler = fit_features({}, {"genre": values}, scale="standard")
    ours = scaler.transform({}, {"genre": values})
    theirs = OneHotEncoder(max_categories=51, sparse_output=False).fit_transform(np.array(values)[:, None])
    assert ours.shape == theirs.shape == (len(values), 51)
    assert sorted(ours.sum(axis=0)) == sorted(theirs.sum(axis=0))
    assert scaler.categorical[0].others == len(set(values)) - 50
    assert scaler.columns[:2] == ("genre=g01", "genre=g02")
    assert scaler.columns[-1] == "genre=*"


def test_an_unknown_category_and_a_missing_one_get_zeros():
    scaler = fit_features({}, {"genre": ["rock", "jazz", "rock"]}, scale="standard")
    columns = scaler.transform({}, {"genre": ["jazz", "polka", ""]})
    assert columns[:2].tolist() == [[0, 1], [0, 0]]
    assert np.isnan(columns[2]).all()  # it misses every column


def test_an_unknown_category_counts_among_the_rare_where_there_were_some():
    scaler = FeatureScaler("standard", (), (Categories("genre", ("rock", "jazz"), others=3),))
    assert scaler.transform({}, {"genre": ["polka", "rock"]}).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_rows_that_miss_every_column_are_nan_and_others_are_filled_in():
    numeric = {"tempo": np.array([100, 140, NAN, NAN]), "energy": np.array([0.5, NAN, 0.7, NAN])}
    columns = fit_features(numeric, {}, scale="minmax").transform(numeric, {})
    np.testing.assert_allclose(columns[:3], [[0, 0], [1, 0.5], [0.5, 1]], atol=1e-6)
    assert np.isnan(columns[3]).all()


def test_constant_columns_say_nothing_and_are_left_out():
    scaler = fit_features(
        {"mode": np.array([1.0, 1, NAN]), "tempo": np.array([0.1, 0.2, 0.3])},
        {"kind": ["x", "", "x"]},
        scale="standard",
    )
    assert scaler.constant == ("mode", "kind")
    assert scaler.columns == ("tempo",)
    columns = scaler.transform({"mode": np.array([5.0]), "tempo": np.array([NAN])}, {"kind": ["y"]})
    assert np.isnan(columns).all()  # nothing is known of the one column that counts


@pytest.mark.parametrize(
    ("numeric", "categorical", "scale", "problem"),
    [
        ({"a": [1, 2]}, {}, "robust", "scale must be one of standard, minmax, got 'robust'"),
        ({}, {}, "standard", "at least one column is needed, got none: name some with --numeric or --categorical"),
        ({"a": [1, np.inf]}, {}, "standard", "column 'a' holds infinite values: take them out first"),
        ({"a": [NAN, NAN]}, {}, "standard", "no product has a number in column 'a': leave it away, or name it with"),
        ({"a": []}, {}, "standard", "no product has a number in column 'a'"),
        ({}, {"g": ["", ""]}, "standard", "no product has a category in column 'g': leave it away"),
        ({"a": [2, 2]}, {"g": ["x", "x"]}, "minmax", r"every column has the same value in all products \(a, g\)"),
        ({"a": [1e308, -1e308]}, {}, "minmax", "the values of column 'a', up to 1e\\+308, are too large to scale"),
        ({"a": [1e300, 0]}, {}, "standard", "the values of column 'a', up to 1e\\+300, are too large to scale"),
    ],
)
def test_columns_that_cannot_be_used_are_refused(numeric, categorical, scale, problem):
    with pytest.raises(ValueError, match=problem):
        fit_features(
            {name: np.array(values, dtype=float) for name, values in numeric.items()}, categorical, scale=scale
        )


def test_a_later_value_however_far_stays_finite():
    scaler = fit_features({"a": np.array([0.0, 1])}, {}, scale="standard")
    vectors = on_sphere(scaler.transform({"a": np.array([1e300, -1e300])}, {}))
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(on_plane(vectors), [[1e6], [-1e6]], rtol=1e-5)


def test_a_scaler_comes_back_from_bytes_and_its_name_tells_it_from_others():
    numeric, categorical = {"a": np.array([1, 2.5, NAN])}, {"g": ["ä", "b", "b"]}
    scaler = fit_features(numeric, categorical, scale="standard")
    again = FeatureScaler.from_bytes(scaler.to_bytes())
    assert again == scaler
    assert again.name == scaler.name != fit_features(numeric, categorical, scale="minmax").name
    assert again.numeric == (Numbers("a", 1.75, 1.75, 0.75),)
    assert again.categorical == (Categories("g", ("b", "ä")),)


@pytest.fixture
def listens():
    """Six listeners: three of metal, three of jazz; the last of each only knows the rarest artist of the kind."""
    rows = [
        [90, 50, 0, 0, 0],
        [60, 70, 9, 0, 0],
        [0, 3, 5, 0, 0],
        [0, 0, 0, 40, 80],
        [0, 0, 0, 70, 20],
        [0, 0, 0, 0, 2],
    ]
    return csr_array(np.array(rows, dtype=float)), ["metallica", "slayer", "gojira", "coltrane", "davis"]


def test_who_played_the_same_is_near_and_who_played_nothing_in_common_is_not(listens):
    plays = fit_plays(*listens, over="artist", times="plays", seed=0)
    vectors = on_sphere(plays.transform(*listens))
    cosines = vectors @ vectors.T
    assert cosines[:3, :3].min() > cosines[:3, 3:].max()
    assert cosines[3:, 3:].min() > cosines[:3, 3:].max()


def test_all_directions_together_keep_the_cosines_of_weighted_counts(listens):
    counts, values = listens
    plays = fit_plays(counts, values, over="artist", times="plays", seed=0)
    rows = plays.transform(counts, values)
    weighted = np.log1p(counts.toarray()) * (np.log(7 / (1 + (counts.toarray() > 0).sum(axis=0))) + 1)
    weighted /= np.linalg.norm(weighted, axis=1, keepdims=True)
    assert rows.shape == (6, 5)
    np.testing.assert_allclose(rows @ rows.T / 5, weighted @ weighted.T, atol=1e-5)


def test_a_newcomer_is_placed_by_what_the_model_knows_in_any_order_of_columns(listens):
    counts, values = listens
    plays = fit_plays(counts, values, over="artist", times="plays", seed=0)
    new = csr_array(np.array([[80.0, 7, 0, 20], [0, 3, 0, 0]]))
    placed = plays.transform(new, ["davis", "unheard", "slayer", "coltrane"])
    np.testing.assert_allclose(placed[0], plays.transform(csr_array([[0, 0, 0, 20.0, 80]]), values)[0], atol=1e-5)
    assert np.isnan(placed[1]).all()


def test_fractions_of_a_play_count_too(listens):
    counts, values = listens
    rows = fit_plays(counts, values, over="a", times="p", seed=0).transform(csr_array([[0.01, 0, 0, 0, 0]]), values)
    assert np.isfinite(rows).all()


def test_plays_keep_at_most_64_directions_and_the_seed_suffices():
    counts = csr_array((np.random.default_rng(0).random((120, 100)) < 0.1).astype(float))
    values = [str(n) for n in range(100)]
    first, second, other = (fit_plays(counts, values, over="a", times="p", seed=seed) for seed in (1, 1, 2))
    assert first.directions.shape == (64, 100)
    assert first.to_bytes() == second.to_bytes()
    assert first.name == second.name != other.name


def test_plays_tell_what_speaks_for_some_rows(listens):
    counts, values = listens
    plays = fit_plays(counts, values, over="artist", times="plays", seed=0)
    rows = plays.transform(counts, values)
    kinds = np.stack([rows[:3].mean(axis=0), rows[3:].mean(axis=0)]) - rows.mean(axis=0)
    # By hand, weighted rows of metal: (.805 .593 0), (.693 .607 .388), (0 .548 .836), added up: (1.50 1.75 1.22).
    assert plays.telling(kinds, 1) == [["slayer"], ["davis"]]
    assert plays.telling(kinds, 9) == [["slayer", "metallica", "gojira"], ["davis", "coltrane"]]
    assert plays.telling(np.zeros_like(kinds), 3) == [[], []]


def test_plays_come_back_from_bytes(listens):
    plays = fit_plays(*listens, over="artist", times="plays", seed=0)
    again = Plays.from_bytes(plays.to_bytes())
    assert (again.over, again.times, again.values, again.name) == ("artist", "plays", tuple(listens[1]), plays.name)
    np.testing.assert_array_equal(again.transform(*listens), plays.transform(*listens))


def test_one_listener_tells_nothing_apart():
    with pytest.raises(ValueError, match="at least 2 products with counts are needed, got 1: is `--id` the right"):
        fit_plays(csr_array([[1.0, 2]]), ["a", "b"], over="a", times="p", seed=0)
