"""What a file is, told by its first bytes: the kinds of pictures that are read, and what comes in their place."""

LOOKED_AT = 1024
"""Bytes from which a kind is told: a page or a drawing names itself within them."""

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2")
"""Endings of picture files, the likeliest first."""

# Kind -> Pillow's decoder. None else is let near a file from elsewhere: some of them start programs.
READABLE = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
    "image/jp2": "JPEG2000",
}
# Kind -> position and bytes there; the first row that fits counts.
_SIGNS = (
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/webp", 8, b"WEBP"),
    ("image/gif", 0, b"GIF87a"),
    ("image/gif", 0, b"GIF89a"),
    ("image/bmp", 6, b"\0\0\0\0"),  # and "BM" before it, with which texts begin too
    ("image/tiff", 0, b"II*\0"),
    ("image/tiff", 0, b"MM\0*"),
    ("image/tiff", 0, b"II+\0"),
    ("image/avif", 4, b"ftypavi"),
    ("image/jp2", 0, b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("image/jp2", 0, b"\xff\x4f\xff\x51"),
    ("image/heic", 4, b"ftyphei"),
    ("image/heic", 4, b"ftypmif1"),
    ("application/pdf", 0, b"%PDF"),
    ("application/zip", 0, b"PK\x03\x04"),
    ("application/gzip", 0, b"\x1f\x8b"),
)
_BEGINS = {"image/bmp": b"BM", "image/webp": b"RIFF"}
_MARKUP = (
    ("text/html", b"<html"),
    ("text/html", b"<!doctype html"),
    ("text/html", b"<body"),
    ("image/svg+xml", b"<svg"),
)


def media_type(start: bytes) -> str:
    """Tell what a file is.

    Args:
        start: Its first `LOOKED_AT` bytes, or all of a shorter file.

    Returns:
        A media type, such as "image/png", "text/html", "text/plain"; "application/octet-stream" for the unknown.
    """
    for kind, position, sign in _SIGNS:
        if start.startswith(sign, position) and start.startswith(_BEGINS.get(kind, b"")):
            return kind
    lower = start.lower()
    for kind, tag in _MARKUP:
        if tag in lower:
            return kind
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(start) < LOOKED_AT or error.start < len(start) - 3:  # else a letter goes on behind what is looked at
            return "application/octet-stream"
        text = start[: error.start].decode("utf-8")
    return "application/octet-stream" if "\0" in text else "text/plain"


def no_picture(kind: str) -> str:
    """Word the reason why a kind of file is not read as a picture."""
    return f"unreadable kind of picture: {kind}" if kind.startswith("image/") else f"no picture, but {kind}"
