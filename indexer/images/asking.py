"""Ask a server for one picture: its size, its kind and its patience are watched while it comes."""

import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from .addresses import CheckedTransport, Unanswered
from .content import LOOKED_AT, READABLE, media_type, no_picture
from .pixels import BadPicture

_HEADERS = {
    "User-Agent": "assort (puts product catalogues in order)",
    "Accept": "image/jpeg, image/png, image/webp, image/*;q=0.8, */*;q=0.1",
    "Accept-Encoding": "identity",  # pictures are packed already
}
_MOST_REDIRECTS = 5
_LONGEST = 5  # times the longest wait for one piece: a server that sends byte after byte is left
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # RFC 9110, 6585 and 8470: the same request may succeed later
_UNNAMED = {"", "application/octet-stream", "binary/octet-stream"}  # servers that do not know what they have
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,40}")


def open_client(*, connections: int, timeout_s: float, private: bool) -> httpx.Client:
    """Open what `get_picture` asks through; close it, or use it in a `with` block.

    Args:
        connections: Most at a time.
        timeout_s: Longest wait for a connection and for each piece, in seconds.
        private: Allow addresses that are not public.
    """
    return httpx.Client(
        transport=CheckedTransport(connections, private=private),
        headers=_HEADERS,
        timeout=timeout_s,
        follow_redirects=True,
        max_redirects=_MOST_REDIRECTS,
    )


def get_picture(client: httpx.Client, url: str, *, most_bytes: int) -> bytes:
    """Download a picture file; its first bytes are those of a picture, more is not known before it is decoded.

    Args:
        client: As `open_client` makes it.
        url: An http or https address.
        most_bytes: Break off when there is more.

    Raises:
        Unanswered: If there was no answer, half of one, or one that says to come again later.
        BadPicture: If there is no picture at this address.
    """
    try:
        with client.stream("GET", url) as response:
            _check_head(response, most_bytes)
            content = _body(response, most_bytes, patience=_LONGEST * (client.timeout.read or 0))
    except (httpx.TimeoutException, httpcore.TimeoutException) as error:
        raise Unanswered("timed out") from error
    except httpx.TooManyRedirects as error:
        raise BadPicture("redirected too often") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as error:
        raise BadPicture("no http address") from error
    except (httpcore.ConnectError, httpx.ConnectError) as error:
        raise Unanswered("no connection") from error
    except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise Unanswered("connection broke off") from error
    if not content:
        raise BadPicture("empty file")
    kind = media_type(content[:LOOKED_AT])
    if kind not in READABLE:
        raise BadPicture(no_picture(kind))
    return content


def _check_head(response: httpx.Response, most_bytes: int) -> None:
    """Refuse by status, stated kind or stated size, before anything is downloaded."""
    status = response.status_code
    if status in _PASSING:
        raise Unanswered(f"HTTP {status}", _retry_after(response.headers.get("Retry-After", "")))
    if status != httpx.codes.OK:
        raise BadPicture(f"HTTP {status}")
    stated = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if stated not in _UNNAMED and not stated.startswith("image/"):
        raise BadPicture(no_picture(stated) if _MEDIA_TYPE.fullmatch(stated) else "no picture")
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > most_bytes:
        raise BadPicture("too large")


def _body(response: httpx.Response, most_bytes: int, *, patience: float) -> bytes:
    """Download the content, no more and no longer than allowed."""
    content, until = bytearray(), time.monotonic() + patience
    for piece in response.iter_bytes():
        content += piece
        if len(content) > most_bytes:
            raise BadPicture("too large")
        if time.monotonic() > until:
            raise Unanswered("timed out")
    return bytes(content)


def _retry_after(value: str) -> float:
    """Read seconds to wait from a number of them or a date; 0 for anything else."""
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
