"""Catalogue files become products: `read_catalogue` is the door."""

from .errors import CatalogueError
from .reading import FORMATS, read_catalogue
from .sizing import estimate_lines

__all__ = ["FORMATS", "CatalogueError", "estimate_lines", "read_catalogue"]
