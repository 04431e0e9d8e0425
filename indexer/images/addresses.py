"""Which machines may be asked for a picture: public ones only, checked at the moment of connecting.

A catalogue comes from elsewhere, so an address in it may point at a machine of our own network. A name is resolved once
and the connection goes to the very address that was checked: a second answer of the name server changes nothing. As
every connection is made here, redirects are checked like the first address.
"""

import socket
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpcore
import httpx

from .pixels import NOT_PUBLIC, BadPicture

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


class Unanswered(BadPicture):
    """Say why a server gave no answer; asking again may help.

    Args:
        reason: In the same words for all of its kind.
        after: Seconds that the server wants to be left alone.
    """

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is one of the public internet: not private, loopback, link-local, multicast, reserved."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(address.packed[-4:])
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def resolve(host: str, port: int, *, private: bool) -> list[str]:
    """Resolve a host to the addresses that may be connected to.

    Args:
        host: A name or an address in any spelling.
        port: The port.
        private: Allow addresses that are not public.

    Raises:
        Unanswered: If there is no such host.
        BadPicture: If none of its addresses is allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unanswered("unknown host") from error
    addresses = list(dict.fromkeys(str(where[0]) for *_, where in found))
    allowed = [address for address in addresses if private or is_public(ip_address(address.partition("%")[0]))]
    if not allowed:
        raise BadPicture(NOT_PUBLIC)
    return allowed


class CheckedBackend(httpcore.NetworkBackend):
    """Opens connections to allowed addresses only.

    Args:
        private: Allow addresses that are not public.
    """

    def __init__(self, private: bool) -> None:
        self._private = private
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first allowed address of a host that answers."""
        *others, last = resolve(host, port, private=self._private)
        for address in others:
            try:
                return self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._sockets.connect_tcp(last, port, timeout, local_address, socket_options)


class _Body(httpx.SyncByteStream):
    """A response's content, handed from one library to the other."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield from self._content

    def close(self) -> None:
        if hasattr(self._content, "close"):
            self._content.close()


class CheckedTransport(httpx.BaseTransport):
    """Carries requests over connections that a `CheckedBackend` opens; httpx's own transport takes no backend.

    Args:
        connections: How many may be open at a time.
        private: Allow addresses that are not public.
    """

    def __init__(self, connections: int, *, private: bool) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=connections,
            network_backend=CheckedBackend(private),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, the first or a redirect.

        Raises:
            BadPicture: If it is not for http or https, or not for an allowed address.
        """
        url = request.url
        if url.scheme not in ("http", "https") or not url.host:
            raise BadPicture("no http address")
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
