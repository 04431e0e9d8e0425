"""Pictures come in: from addresses, folders and tables, and become pixels."""

from .download import Downloads
from .kept import KEPT, keep_bytes
from .pixels import MOST_PIXELS, BadPicture, read_picture
from .sources import FirstOf, FromFolder, FromUrls, Kept, PictureSource

__all__ = [
    "KEPT",
    "MOST_PIXELS",
    "BadPicture",
    "Downloads",
    "FirstOf",
    "FromFolder",
    "FromUrls",
    "Kept",
    "PictureSource",
    "keep_bytes",
    "read_picture",
]
