"""Catalogue files become products: `read_catalogue` is the door."""

from .errors import CatalogueError
from .reading import FORMATS, read_catalogue
from .sizing import estimate_lines
from .sources import Catalogues

__all__ = ["FORMATS", "CatalogueError", "Catalogues", "estimate_lines", "read_catalogue"]
