import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.report import charts
from service.report.charts_counts import per_cent
from service.report.charts_style import (
    NOISE_COLOUR,
    OTHER_COLOUR,
    PALETTE,
    colours_of,
    cut,
    last_steps,
    number,
    two_digits,
)


def texts(figure):
    """All that is written, in the figure and in its axes, ticks left out."""
    return [text.get_text() for text in (*figure.texts, *(t for axes in figure.axes for t in axes.texts))]


def ticks(figure, which="y", axes=0):
    figure.draw_without_rendering()
    return [label.get_text() for label in getattr(figure.axes[axes], f"get_{which}ticklabels")()]


def blobs(sizes, seed=0):
    """Clusters of these sizes far apart, their labels, and one product of noise."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    positions = np.column_stack([10 * labels, 10 * (labels % 2)]) + rng.normal(size=(len(labels), 2))
    return np.vstack([positions, [[5, 5]]]).astype(np.float32), np.append(labels, -1)


def test_importing_the_report_package_does_not_load_matplotlib():
    root = Path(__file__).parents[1]
    code = "import sys, service.report, service.report.charts, service.report.page; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "False\n"


def test_a_chart_leaves_the_settings_of_the_process_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    figure = charts.bars_chart([1.0], ["a"], title="One")
    assert dict(matplotlib.rcParams) == before
    assert figure.texts[0].get_color() == "#1f2328"


def test_the_same_figure_gives_the_same_png():
    drawn = [charts.png(charts.map_chart(*blobs([5, 3]), names={}, title="Two")) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith(b"\x89PNG")


def test_letters_that_no_font_has_are_drawn_without_a_warning():
    assert charts.png(charts.bars_chart([1.0], ["\U00013000 glyph"], title="\U00013000"))


def test_dollars_in_names_are_no_formula():
    figure = charts.bars_chart([1.0], ["under $5 and $_{10"], title="Costs $5^")
    assert ticks(figure) == ["under $5 and $_{10"]
    assert charts.png(figure)


def test_the_largest_clusters_are_coloured_and_the_rest_is_grey():
    colours = colours_of(np.array([1, *range(20, 35)]))
    assert colours[15] == PALETTE[0]
    assert colours[14] == PALETTE[1]
    assert colours[:4] == [OTHER_COLOUR] * 4
    assert sorted(set(colours[4:])) == sorted(PALETTE)


def test_a_map_names_clusters_by_their_name_or_number_and_says_what_grey_is():
    figure = charts.map_chart(*blobs([30, 20, 10]), names={0: "Phones", 2: "Cables"}, title="Three kinds")
    assert texts(figure) == [
        "Three kinds",
        "one point a product, alike ones close together; 1 in no cluster pale",
        "Phones",
        "1",
        "Cables",
    ]


def test_a_map_draws_noise_pale_and_below_everything_else():
    from matplotlib.colors import to_hex

    figure = charts.map_chart(*blobs([4, 3]), names={}, title="")
    noise, coloured = figure.axes[0].collections
    assert {to_hex(colour) for colour in noise.get_facecolor()} == {NOISE_COLOUR}
    assert {to_hex(colour) for colour in coloured.get_facecolor()} == set(PALETTE[:2])
    assert len(coloured.get_offsets()) == 7


def test_a_map_of_many_clusters_says_that_only_the_largest_have_colours():
    sizes = [40 - n for n in range(30)]
    figure = charts.map_chart(*blobs(sizes), names={}, title="Thirty")
    assert "the 12 largest of 30 clusters in colour, the others grey" in texts(figure)[1]


def test_names_on_a_map_never_cover_each_other_and_stay_on_the_page():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 60, 3000)
    positions = (rng.normal(size=(60, 2)) * 3)[labels] + rng.normal(size=(3000, 2))
    names = {n: f"A long name of cluster {n}" for n in range(60)}
    figure = charts.map_chart(positions.astype(np.float32), labels, names=names, title="")
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert 10 < len(boxes) < 41
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])
    assert all(box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 for box in boxes)


def test_a_sample_on_the_map_is_coloured_by_the_sizes_of_all():
    from matplotlib.colors import to_hex

    positions, labels = blobs([3, 2])
    figure = charts.map_chart(positions, labels, names={}, title="", sizes=np.array([10, 90]))
    shown = figure.axes[0].collections[1]
    of_second = shown.get_offsets()[:, 0] > 5
    assert {to_hex(colour) for colour in shown.get_facecolor()[of_second]} == {PALETTE[0]}


@pytest.mark.parametrize("labels", [np.empty(0, np.int64), np.array([-1, -1]), np.array([0])])
def test_a_map_of_nothing_of_noise_alone_and_of_one_product_is_drawn(labels):
    figure = charts.map_chart(np.zeros((len(labels), 2), np.float32), labels, names={}, title="Little")
    assert charts.png(figure)


def test_a_map_wants_a_label_for_each_position():
    with pytest.raises(ValueError, match="^3 positions need as many labels, got 2$"):
        charts.map_chart(np.zeros((3, 2), np.float32), np.array([0, 1]), names={}, title="")


def test_silhouettes_come_best_cluster_first_with_their_means():
    samples = np.array([0.1, 0.3, 0.8, 0.6, 0.9, -0.5])
    figure = charts.silhouette_chart(samples, np.array([0, 0, 1, 1, -1, 2]), names={1: "Phones"}, title="Fit")
    assert ticks(figure) == ["Phones  0.70", "cluster 0  0.20", "cluster 2  −0.50"]
    assert "mean 0.26" in texts(figure)


def test_silhouettes_of_many_clusters_show_the_smaller_ones_as_one():
    labels = np.repeat(np.arange(30), np.arange(31, 1, -1))
    figure = charts.silhouette_chart(np.where(labels < 24, 0.25, 0.75), labels, names={}, title="")
    assert len(ticks(figure)) == 25
    assert ticks(figure)[-1] == "6 smaller clusters  0.75"


def test_sizes_of_few_clusters_are_listed_and_of_many_counted_by_doubling():
    few = charts.sizes_chart(np.array([3, 1200]), title="", names=["Cases", "Phones"])
    assert ticks(few) == ["Phones", "Cases"]
    assert texts(few)[2:] == ["1,200", "3"]
    many = charts.sizes_chart(np.array([1] * 20 + [2, 3, 4] * 10), title="")
    assert ticks(many) == ["1", "2 to 3", "4 to 7"]
    assert texts(many)[2:] == ["20", "20", "10", "20", "50", "40"]
    assert [axes.get_title(loc="left") for axes in many.axes] == ["50 clusters", "110 products in them"]


def test_a_confusion_matrix_is_shares_of_rows_with_the_diagonal_in_order():
    counts = np.array([[0, 10], [9, 1]])
    figure = charts.confusion_chart(counts, ["small", "large"], ["x", "y"], title="")
    assert ticks(figure) == ["small  10", "large  10"]
    assert ticks(figure, "x") == ["y", "x"]
    assert texts(figure)[2:] == ["100", "10", "90"]


def test_a_large_confusion_matrix_sums_up_its_smaller_rows_and_columns():
    counts = np.diag(np.arange(50, 0, -1))
    figure = charts.confusion_chart(counts, [f"r{n}" for n in range(50)], [f"c{n}" for n in range(50)], title="")
    assert ticks(figure)[-1] == "21 smaller ones  231"
    assert ticks(figure, "x")[-1] == "21 smaller ones"
    assert len(ticks(figure)) == len(ticks(figure, "x")) == 30


def test_confusion_of_no_row_and_wrong_names():
    assert charts.png(charts.confusion_chart(np.zeros((0, 0), int), [], [], title=""))
    with pytest.raises(ValueError, match=r"^counts of shape \(1, 2\) need as many names, got 1 and 1$"):
        charts.confusion_chart(np.zeros((1, 2), int), ["a"], ["b"], title="")


def merges(n):
    from scipy.cluster.hierarchy import linkage

    return linkage(np.arange(n, dtype=float)[:, None] ** 2, "average")


def test_a_dendrogram_names_its_leaves_and_cuts_off_large_trees():
    few = charts.dendrogram_chart(merges(3), leaves=["a", "b", "c"], title="")
    assert sorted(ticks(few)) == ["a", "b", "c"]
    assert len(few.axes[0].collections[0].get_segments()) == 2
    many = charts.dendrogram_chart(merges(200), leaves=None, title="")
    assert len(ticks(many)) == 50
    assert sum(map(int, ticks(many))) == 200
    assert texts(many)[1] == "the last 49 of 199 merges; at the left, how many each branch holds"


def test_a_dendrogram_of_one_leaf_is_empty_and_names_must_fit():
    assert charts.png(charts.dendrogram_chart(np.empty((0, 4)), leaves=["a"], title=""))
    with pytest.raises(ValueError, match="^a tree of 3 leaves needs as many names, got 1$"):
        charts.dendrogram_chart(merges(3), leaves=["a"], title="")


def test_an_elbow_has_a_panel_a_score_and_leaves_gaps_out():
    scores = {"inertia": [9, 4, 3], "silhouette": [None, 0.5, float("nan")]}
    figure = charts.elbow_chart([2, 3, 4], scores, chosen=3, title="Three")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["inertia", "silhouette"]
    assert [list(axes.lines[0].get_xdata()) for axes in figure.axes] == [[2, 3, 4], [3]]
    assert texts(figure).count("k 3") == 2


def test_an_elbow_without_scores_or_with_too_few_is_refused():
    with pytest.raises(ValueError, match="^there must be at least one series to draw, got none$"):
        charts.elbow_chart([2], {}, chosen=None, title="")
    with pytest.raises(ValueError, match="^2 numbers of clusters need as many values of gap, got 1$"):
        charts.elbow_chart([2, 3], {"gap": [1]}, chosen=None, title="")


def test_a_profile_shades_plateaus_and_marks_the_choice():
    figure = charts.profile_chart([0.1, 1, 10], [2, 9, 300], [1, 0.9, 0.2], plateaus=[(0.5, 2)], chosen=1, title="")
    assert [len(axes.patches) for axes in figure.axes] == [1, 1]
    assert "resolution 1" in texts(figure)
    assert figure.axes[0].get_yscale() == "log"
    with pytest.raises(ValueError, match="^1 resolutions need as many numbers of clusters and stab.*, got 2 and 1$"):
        charts.profile_chart([1], [1, 2], [1], plateaus=[], chosen=None, title="")


def test_losses_have_a_panel_each_and_their_last_value():
    figure = charts.losses_chart({"reconstruction": [3, 2, 0.5], "clustering": [1.0]}, title="")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["reconstruction", "clustering"]
    assert texts(figure)[2:] == ["0.5", "1"]


def test_a_heatmap_writes_numbers_and_leaves_gaps_grey():
    figure = charts.heatmap_chart(np.array([[1, -0.5], [-0.001, np.nan]]), ["a", "b"], title="")
    assert texts(figure)[2:] == ["1.00", "−0.50", "0.00"]
    shown = figure.axes[0].images[0]
    assert shown.get_array().mask.tolist() == [[False, False], [False, True]]
    assert shown.get_clim() == (-1, 1)


def test_a_heatmap_may_have_other_columns_than_rows():
    figure = charts.heatmap_chart(np.zeros((1, 2)), ["a"], columns=["x", "y"], title="", limit=2)
    assert (ticks(figure), ticks(figure, "x")) == (["a"], ["x", "y"])
    with pytest.raises(ValueError, match=r"^a matrix of shape \(1, 2\) needs as many names, got 1 and 1$"):
        charts.heatmap_chart(np.zeros((1, 2)), ["a"], title="")


@pytest.mark.parametrize(("edges", "scale"), [(np.geomspace(1, 1000, 11), "log"), (np.linspace(1, 1000, 11), "linear")])
def test_a_histogram_of_edges_by_one_factor_has_such_an_axis(edges, scale):
    figure = charts.histogram_chart(np.arange(10), edges, title="Prices", unit="price")
    assert figure.axes[0].get_xscale() == scale
    assert figure.axes[0].get_xlabel() == "price"


def test_many_histograms_share_a_figure():
    histogram = (np.array([1, 2]), np.array([0.0, 1, 2]))
    figure = charts.histograms_chart({"tempo": histogram, "energy": histogram}, title="")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["tempo", "energy"]


def test_bars_show_counts_or_shares():
    assert texts(charts.bars_chart([12000, 0], ["a", "b"], title=""))[2:] == ["12,000", "0"]
    assert texts(charts.bars_chart([0.25], ["a"], title="", share=True))[2:] == ["25.0 %"]
    assert charts.png(charts.bars_chart([], [], title="None"))
    with pytest.raises(ValueError, match="^1 bars need as many names, got 2$"):
        charts.bars_chart([1], ["a", "b"], title="")


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (1, "100 %"), (0.0001, "< 0.1 %"), (0.99999, "> 99.9 %"), (0.1234, "12.3 %")]
)
def test_a_little_is_not_nothing_and_nearly_all_is_not_all(share, text):
    assert per_cent(share) == text


@pytest.mark.parametrize(("value", "text"), [(12000, "12,000"), (-0.25, "−0.25"), (1234.5, "1,234"), (3.0, "3")])
def test_numbers_are_written_as_a_person_would(value, text):
    assert number(value) == text


def test_a_small_negative_number_is_not_minus_nothing():
    assert [two_digits(value) for value in (-0.001, -0.25, 0.5)] == ["0.00", "−0.25", "0.50"]


def test_paths_are_shortened_to_what_tells_them_apart():
    paths = [
        "All > Phones > Smart",
        "All > Phones > Plain",
        "All > Phones > Plain > Very Old > With A Long Name Indeed",
    ]
    assert last_steps(paths) == ["Smart", "Plain", "… > With A Long Name Indeed"]
    assert last_steps(["All > Phones"]) == ["All > Phones"]
    assert last_steps(["All > Phones", "others"]) == ["All > Phones", "others"]
    assert last_steps(["All", "All > Phones"]) == ["All", "All > Phones"]
    assert last_steps([]) == []


def test_a_long_name_is_cut_with_an_ellipsis_and_kept_on_one_line():
    assert cut("a\nname  of words", 9) == "a name o…"
    assert cut("short") == "short"
