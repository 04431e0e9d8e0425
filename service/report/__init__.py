"""What a person looks at: grids of pictures; charts, which load matplotlib when one is drawn; pages that hold them."""

from .choosing import Part
from .grids import Cluster, GridSummary, write_grids
from .layout import Tile, Typeface

__all__ = ["Cluster", "GridSummary", "Part", "Tile", "Typeface", "write_grids"]
