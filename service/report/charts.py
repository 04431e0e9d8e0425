"""Every chart, one function each; all return a matplotlib `Figure`, which `png` turns into a picture."""

from .charts_clusters import confusion_chart, dendrogram_chart, silhouette_chart, sizes_chart
from .charts_counts import bars_chart, histogram_chart, histograms_chart
from .charts_map import map_chart
from .charts_scores import (
    elbow_chart,
    heatmap_chart,
    losses_chart,
    profile_chart,
)
from .charts_style import png

__all__ = [
    "bars_chart",
    "confusion_chart",
    "dendrogram_chart",
    "elbow_chart",
    "heatmap_chart",
    "histogram_chart",
    "histograms_chart",
    "losses_chart",
    "map_chart",
    "png",
    "profile_chart",
    "silhouette_chart",
    "sizes_chart",
]
