"""How every chart looks: one set of letters, greys and colours, and how a figure becomes a PNG."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from io import BytesIO
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Asked = ParamSpec("Asked")

INK, SOFT, RULE, FAINT = "#1f2328", "#636c76", "#d0d7de", "#f3f5f7"
NOISE_COLOUR, OTHER_COLOUR = "#d9dde2", "#a3abb4"
ACCENT, WARM = "#2f6db3", "#c4572a"
PALETTE = (
    "#2f6db3", "#e08a1e", "#2a9d78", "#b5406f", "#7cc4ea", "#6b4fa3",
    "#b3b02f", "#d1604d", "#155a63", "#e3a9c6", "#8a5a2b", "#5d8f2d",
)  # fmt: skip
"""Colours that stay apart for colour-blind eyes, by lightness where not by hue; the largest clusters get them."""

PNG_DPI = 160
_FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans", "Arial Unicode MS")
_STEP = " > "
_PANELS = 3  # in a row
_LONGEST = 34  # letters of a name within a chart

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.axisbelow": True,
    "font.size": 9.5,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,  # a price of $5 is no formula
    "xtick.color": RULE,
    "xtick.labelcolor": SOFT,
    "xtick.labelsize": 9,
    "ytick.color": RULE,
    "ytick.labelcolor": SOFT,
    "ytick.labelsize": 9,
}


def styled(draw: "Callable[Asked, Figure]") -> "Callable[Asked, Figure]":
    """Draw in the style above, whatever the process has set, and leave that as it was."""

    @wraps(draw)
    def drawn(*asked: Asked.args, **options: Asked.kwargs) -> "Figure":
        from matplotlib import rc_context
        from matplotlib.font_manager import get_font_names

        there = set(get_font_names())
        with rc_context(STYLE | {"font.family": [font for font in _FONTS if font in there]}):
            return draw(*asked, **options)

    return drawn


def new_figure(width: float, height: float, title: str, note: str = "") -> "Figure":
    """Begin a figure with its title, and a note below it, both at the left.

    Args:
        width: Inches.
        height: Inches.
        title: What the chart says, in a sentence.
        note: How to read it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)  # so that texts can be measured
    head = 0.34 + 0.22 * bool(note) if title else 0.06
    figure.get_layout_engine().set(rect=(0.006, 0.0, 0.988, 1 - head / height), w_pad=0.06, h_pad=0.06)  # type: ignore[union-attr, call-arg]
    letters = int(width * 11)
    figure.text(0.1 / width, 1 - 0.1 / height, cut(title, letters), fontsize=12.5, weight="bold", va="top")
    figure.text(0.1 / width, 1 - 0.37 / height, cut(note, int(letters * 1.35)), fontsize=9, color=SOFT, va="top")
    return figure


def panels_of(names: Sequence[str], title: str, note: str, *, height: float) -> "tuple[Figure, list[Axes]]":
    """Begin a figure of as many panels as there are names, three in a row."""
    if not names:
        raise ValueError("there must be at least one series to draw, got none")
    across = min(_PANELS, len(names))
    down = math.ceil(len(names) / across)
    figure = new_figure(max(5.4, 3.3 * across), 0.6 + height * down, title, note)
    panels = figure.subplots(down, across, squeeze=False).ravel().tolist()
    for empty in panels[len(names) :]:
        empty.set_visible(False)
    return figure, panels[: len(names)]


def png(figure: "Figure") -> bytes:
    """Give a figure as a PNG, the same bytes for the same figure."""
    content = BytesIO()
    with warnings.catch_warnings():
        # A letter that no font here has is drawn as a box, which says enough.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(content, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return content.getvalue()


def colours_of(sizes: NDArray[np.int64]) -> list[str]:
    """Give the largest clusters a colour each and the rest grey: k colours for int64 (k,) sizes."""
    colours = [OTHER_COLOUR] * len(sizes)
    for colour, cluster in zip(PALETTE, np.argsort(-sizes, kind="stable").tolist(), strict=False):
        colours[cluster] = colour
    return colours


def cut(text: str, longest: int = _LONGEST) -> str:
    """Shorten a text to one line of so many letters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def last_steps(names: Sequence[str]) -> list[str]:
    """Shorten paths such as A > B > C to the steps that tell them apart, from the narrowest on as many as fit."""
    paths = [name.split(_STEP) for name in names]
    shared = 0
    while len(paths) > 1 and all(len(path) > shared + 1 and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    shortened = []
    for path in (path[shared:] for path in paths):
        first = 0
        while first < len(path) - 1 and len(_STEP.join(path[first:])) + 4 * (first > 0) > _LONGEST:
            first += 1
        shortened.append(("… > " if first else "") + _STEP.join(path[first:]))
    return shortened


def name_of(cluster: int, names: Mapping[int, str], before: str = "") -> str:
    """Name a cluster, by its number, with a word before it, where it has no name."""
    return cut(names.get(cluster) or f"{before}{cluster}")


def thousands(axes: "Axes", *which: str) -> None:
    """Write the numbers of an axis, `x` or `y`, as 12,000."""
    from matplotlib.ticker import FuncFormatter

    for axis in which:
        getattr(axes, f"{axis}axis").set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def few_ticks(axes: "Axes", which: str, most: int, *, whole: bool = False) -> None:
    """Put at most so many ticks on an axis, `x` or `y`, only at whole numbers where it counts something."""
    from matplotlib.ticker import MaxNLocator

    getattr(axes, f"{which}axis").set_major_locator(MaxNLocator(most, integer=whole, steps=[1, 2, 2.5, 5, 10]))


def number(value: float) -> str:
    """Write a number as a person would: 12,000 or −0.25."""
    whole = float(value).is_integer() or abs(value) >= 1000
    return (f"{value:,.0f}" if whole else f"{value:.4g}").replace("-", "−")


def log_axis(axes: "Axes", which: str) -> None:
    """Space an axis, `x` or `y`, by factors, with plain numbers at its ticks."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    getattr(axes, f"set_{which}scale")("log")
    low, high = getattr(axes, f"get_{which}lim")()
    few = high < 300 * max(low, 1e-300)
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axis.set_minor_locator(NullLocator())
    thousands(axes, which)


def two_digits(value: float) -> str:
    """Write a number with two digits after the point: −0.25, but 0.00 and never −0.00."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def only_grid(axes: "Axes", which: str) -> None:
    """Draw faint lines across one axis, and no frame beside the one they start from."""
    axes.grid(axis=which, visible=True)  # type: ignore[arg-type]
    axes.tick_params(length=0)
    for side in ("left", "bottom", "top", "right"):
        axes.spines[side].set_visible(side == ("left" if which == "x" else "bottom"))


def rows_of(names: Sequence[str], axes: "Axes") -> None:
    """Name rows 0, 1 ... of a chart at its left, the first on top."""
    axes.set_yticks(range(len(names)), [cut(name) for name in names], color=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)


def check_alike(rows: NDArray[Any], labels: NDArray[np.int64], what: str) -> None:
    """Refuse labels that do not fit the rows they are for."""
    if len(rows) != len(labels):
        raise ValueError(f"{len(rows)} {what} need as many labels, got {len(labels)}")
