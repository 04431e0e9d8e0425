"""Downloads from a server of our own, which answers as badly as servers do."""

import gzip
import io
import socket
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpcore
import pytest
from PIL import Image

from indexer.images import BadPicture, Downloads, download, read_picture
from indexer.images.addresses import is_public, resolve
from indexer.images.asking import _retry_after


def png(colour="red"):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


PNG = png()


class Server(ThreadingHTTPServer):
    """Answers each path as a test says: a list of answers, one a request and the last for ever.

    An answer is (status, headers, content), or a function that is given the handler.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked, self.headers = {}, Counter(), []
        self.over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def add(self, path, *answers):
        self.answers[path] = answers
        return self.url + path

    def picture(self, path, content=PNG, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.add(path, (200, {"Content-Type": "image/png", **headers}, content))

    def handle_error(self, request, client_address):
        """A client that breaks off is no error here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        number = server.asked[self.path]
        server.asked[self.path] += 1
        server.headers.append(dict(self.headers))
        answers = server.answers.get(self.path, [(404, {}, b"")])
        answer = answers[min(number, len(answers) - 1)]
        if callable(answer):
            answer(self)
            self.close_connection = True
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    running = Server()
    yield running
    running.over.set()
    running.shutdown()
    running.server_close()


@pytest.fixture
def pauses(monkeypatch):
    """Waits take no time, and are written down."""
    noted = []
    monkeypatch.setattr(download, "_sleep", lambda stop, seconds: noted.append(seconds))
    return noted


@pytest.fixture
def downloads(tmp_path, pauses):
    return Downloads(tmp_path, private=True)


def told(downloads, *urls):
    """Give what is found: the content of files, or the words of a reason."""
    found = dict(downloads.fetch(urls))
    assert set(found) == set(urls)
    answers = [found[url] for url in urls]
    return [str(answer) if isinstance(answer, BadPicture) else answer.read_bytes() for answer in answers]


def test_pictures_are_fetched_once_and_then_found_in_the_cache(server, downloads, tmp_path):
    urls = [server.picture(f"/{n}.png", png((n, 0, 0))) for n in range(20)]
    first = dict(downloads.fetch(urls))
    assert [read_picture(first[url]).getpixel((0, 0)) for url in urls] == [(n, 0, 0) for n in range(20)]
    assert dict(Downloads(tmp_path, private=True).fetch(iter(urls))) == first
    assert set(server.asked.values()) == {1}
    assert len({path for path in tmp_path.rglob("*") if path.is_file()}) == 20


def test_a_server_is_told_who_asks(server, downloads):
    told(downloads, server.picture("/a.png"))
    (headers,) = server.headers
    assert headers["User-Agent"] == "assort (puts product catalogues in order)"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Accept"].startswith("image/jpeg, image/png")


def test_a_missing_picture_is_not_asked_for_again_in_this_run_but_in_the_next(server, downloads, tmp_path, pauses):
    url = server.add("/a.png", (404, {}, b"not here"))
    assert told(downloads, url) == ["HTTP 404"]
    assert told(downloads, url) == ["HTTP 404"]
    assert server.asked == {"/a.png": 1}
    server.picture("/a.png")
    assert told(Downloads(tmp_path, private=True), url) == [PNG]
    assert pauses == []


def test_a_server_that_stumbles_is_asked_again_after_growing_pauses(server, downloads, pauses):
    good = (200, {"Content-Type": "image/png"}, PNG)
    url = server.add("/a.png", (500, {}, b""), (503, {}, b""), good)
    assert told(downloads, url) == [PNG]
    first, second = pauses
    assert 1 <= first <= 2 <= second <= 3


def test_a_server_that_goes_on_stumbling_is_left(server, downloads, pauses):
    assert told(downloads, server.add("/a.png", (502, {}, b""))) == ["HTTP 502"]
    assert server.asked == {"/a.png": 3}
    assert len(pauses) == 2


def test_a_server_is_left_alone_as_long_as_it_asks(server, downloads, pauses):
    good = (200, {"Content-Type": "image/png"}, PNG)
    assert told(downloads, server.add("/a.png", (429, {"Retry-After": "37"}, b""), good)) == [PNG]
    assert pauses == [37]
    assert told(downloads, server.add("/b.png", (429, {"Retry-After": "3600"}, b""), good)) == ["HTTP 429"]
    assert pauses == [37]


def test_the_time_to_come_back_is_read_as_seconds_or_a_date():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    assert 590 < _retry_after(later) <= 600
    assert _retry_after(later.replace("GMT", "-0000")) > 590
    assert [_retry_after(value) for value in ("", "7", "soon", "Fri, 01 Jan 2021 00:00:00 GMT")] == [0, 7, 0, 0]


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("text/html; charset=utf-8", PNG, "no picture, but text/html"),
        ("image/svg+xml", b"<svg/>", "unreadable kind of picture: image/svg+xml"),
        ("image/jpeg", b"<!doctype html><title>Sorry</title>", "no picture, but text/html"),
        ("image/jpeg", b"", "empty file"),
        ("a/b c\td" * 30, PNG, "no picture"),
        ("application/octet-stream", b"%PDF-1.7", "no picture, but application/pdf"),
    ],
)
def test_what_is_no_picture_is_refused(server, downloads, tmp_path, kind, content, said):
    assert told(downloads, server.picture("/a.jpg", content, Content_Type=kind)) == [said]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["application/octet-stream", "binary/octet-stream", "", "image/jpg", "IMAGE/PNG"])
def test_servers_that_do_not_know_what_they_have_are_forgiven(server, downloads, kind):
    assert told(downloads, server.picture("/a", Content_Type=kind)) == [PNG]


def test_a_large_file_is_refused_by_what_is_said_of_it_and_by_what_comes(server, downloads, tmp_path):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "image/png")
        handler.end_headers()
        while not server.over.is_set():
            handler.wfile.write(PNG)

    said = server.picture("/said", Content_Length="20000001")
    assert told(downloads, said, server.add("/endless", endless)) == ["too large", "too large"]
    small = Downloads(tmp_path, private=True, most_bytes=len(PNG))
    assert told(small, server.picture("/a"), server.picture("/b", PNG + b"\0")) == [PNG, "too large"]


def test_packed_content_is_unpacked_and_watched(server, tmp_path, pauses):
    url = server.picture("/a", gzip.compress(PNG), Content_Encoding="gzip")
    bomb = server.picture("/b", gzip.compress(PNG + b"\0" * 1_000_000), Content_Encoding="gzip")
    assert told(Downloads(tmp_path, private=True, most_bytes=10_000), url, bomb) == [PNG, "too large"]


def test_a_server_that_keeps_silent_or_sends_byte_after_byte_is_left(server, tmp_path, pauses):
    def dripping(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "image/png")
        handler.end_headers()
        while not server.over.wait(0.02):
            handler.wfile.write(b"\x89")

    silent = server.add("/silent", lambda handler: server.over.wait())
    impatient = Downloads(tmp_path, private=True, tries=1, timeout_s=0.1)
    assert told(impatient, silent, server.add("/dripping", dripping)) == ["timed out", "timed out"]


def test_a_connection_that_breaks_off_is_tried_again(server, downloads, pauses):
    def half(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "image/png")
        handler.send_header("Content-Length", str(len(PNG)))
        handler.end_headers()
        handler.wfile.write(PNG[:20])

    good = (200, {"Content-Type": "image/png"}, PNG)
    assert told(downloads, server.add("/a", half, good), server.add("/b", half)) == [PNG, "connection broke off"]
    assert len(pauses) == 3


def test_redirects_are_followed_to_their_end(server, downloads):
    server.picture("/new/a.png")
    url = server.add("/a", (302, {"Location": "/b"}, b""))
    server.add("/b", (301, {"Location": f"{server.url}/new/a.png"}, b""))
    ring = server.add("/ring", (302, {"Location": "/ring"}, b""))
    assert told(downloads, url, ring) == [PNG, "redirected too often"]
    assert server.asked["/ring"] == 6


def test_a_redirect_to_another_protocol_is_refused(server, downloads):
    urls = [
        server.add(f"/{n}", (302, {"Location": where}, b""))
        for n, where in enumerate(["file:///etc/passwd", "ftp://127.0.0.1/a.png", "gopher://127.0.0.1:70/"])
    ]
    assert told(downloads, *urls) == ["no http address"] * 3


@pytest.mark.parametrize(
    "url",
    ["", "picture.png", "//host/a.png", "ftp://host/a", "file:///etc/passwd", "http://", "http://[::1", "http:///"],
)
def test_what_is_no_address_is_refused(downloads, url):
    assert told(downloads, url) == ["no http address"]


def test_addresses_are_asked_for_as_they_are_written_in_catalogues(server, downloads):
    server.picture("/sch%C3%B6n%20rot.png?w=1&h=2")
    assert told(downloads, f"{server.url}/schön rot.png?w=1&h=2") == [PNG]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])
def test_our_own_machine_is_not_asked_unless_allowed(server, tmp_path, host):
    server.picture("/a.png")
    assert told(Downloads(tmp_path), f"http://{host}:{server.server_port}/a.png") == ["address is not public"]
    assert not server.asked


def answer_of_the_name_server(monkeypatch, *rounds):
    """Let names be resolved to the addresses of each round in turn, the last for ever."""
    rounds, asked = list(rounds), []

    def getaddrinfo(host, port, *_, **__):
        asked.append(host)
        addresses = rounds.pop(0) if len(rounds) > 1 else rounds[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr("indexer.images.addresses.socket.getaddrinfo", getaddrinfo)
    return asked


def test_a_redirect_into_our_own_network_is_refused(server, tmp_path, monkeypatch):
    """The test's server plays a public one; what it redirects to does not."""
    server.picture("/secret.png")
    port = server.server_port
    url = server.add("/a.png", (302, {"Location": f"http://inside.example:{port}/secret.png"}, b""))
    url = url.replace("127.0.0.1", "outside.example")
    asked = answer_of_the_name_server(monkeypatch, ["127.0.0.1"])
    monkeypatch.setattr("indexer.images.addresses.is_public", lambda address: asked == ["outside.example"])
    assert told(Downloads(tmp_path), url) == ["address is not public"]
    assert server.asked == {"/a.png": 1}


def test_a_name_that_is_resolved_otherwise_the_second_time_changes_nothing(server, tmp_path, monkeypatch):
    """A name server that answers publicly when checked and privately when connected to finds no second question."""
    asked = answer_of_the_name_server(monkeypatch, ["93.184.215.14", "8.8.8.8"], ["127.0.0.1"])
    reached = []

    class Sockets:
        def connect_tcp(self, host, *_):
            reached.append(host)
            raise httpcore.ConnectError("this test stays at home")

    monkeypatch.setattr("indexer.images.addresses.httpcore.SyncBackend", Sockets)
    url = f"http://rebind.example:{server.server_port}/a.png"
    assert told(Downloads(tmp_path, tries=1), url) == ["no connection"]
    assert (asked, reached) == (["rebind.example"], ["93.184.215.14", "8.8.8.8"])


def test_of_several_addresses_the_public_ones_count(monkeypatch):
    answer_of_the_name_server(monkeypatch, ["10.0.0.1", "8.8.8.8", "8.8.8.8", "1.1.1.1"])
    assert resolve("shop.example", 80, private=False) == ["8.8.8.8", "1.1.1.1"]
    assert resolve("shop.example", 80, private=True) == ["10.0.0.1", "8.8.8.8", "1.1.1.1"]


def test_the_next_address_of_a_host_is_tried(server, downloads, monkeypatch):
    answer_of_the_name_server(monkeypatch, ["127.0.0.2", "127.0.0.1"])  # the server listens at the second only
    assert told(downloads, server.picture("/a.png").replace("127.0.0.1", "shop.example")) == [PNG]


@pytest.mark.parametrize(
    "address",
    [
        *(
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.2.1",
            "192.168.1.1",
        ),
        *("198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "fc00::1", "fe80::1"),
        *("fec0::1", "ff02::1", "2001::1", "::127.0.0.1"),
    ],
)
def test_an_address_that_is_not_of_the_public_internet_is_known(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_an_address_of_the_public_internet_is_known(address):
    assert is_public(ip_address(address))


def test_an_unknown_host_and_one_that_does_not_listen_are_tried_again(downloads, pauses, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        assert told(downloads, f"http://127.0.0.1:{taken.getsockname()[1]}/a.png") == ["no connection"]

    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("indexer.images.addresses.socket.getaddrinfo", unknown)
    assert told(downloads, "http://gone.example/a.png") == ["unknown host"]
    assert len(pauses) == 4


def test_a_host_that_does_not_answer_is_left_alone_for_the_rest_of_the_run(server, tmp_path, pauses):
    silent = [server.add(f"/{n}", (503, {}, b"")) for n in range(50)]
    downloads = Downloads(tmp_path, private=True, tries=2, per_host=1)
    assert Counter(told(downloads, *silent)) == {"HTTP 503": 10, "host does not answer": 40}
    assert server.asked.total() == 20
    assert told(Downloads(tmp_path, private=True), server.picture("/49")) == [PNG]


def test_single_faults_of_a_host_do_not_add_up(server, tmp_path, pauses):
    urls = [server.add(f"/{n}", (404 if n % 8 == 0 else 503, {}, b"")) for n in range(50)]
    downloads = Downloads(tmp_path, private=True, tries=1, per_host=1)
    assert Counter(told(downloads, *urls)) == {"HTTP 503": 43, "HTTP 404": 7}


def test_a_host_is_asked_for_few_pictures_at_a_time_while_another_is_asked_too(server, tmp_path, pauses):
    """Requests are held until four are there, which takes two of each host: the most that may be."""
    lock, here, most, together = threading.Lock(), Counter(), Counter(), threading.Barrier(4)

    def held(handler):
        host = handler.headers["Host"]
        with lock:
            here[host] += 1
            most[host] = max(most[host], here[host])
        together.wait(30)
        with lock:
            here[host] -= 1
        handler.send_response(404)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    urls = [server.add(f"/{n}", held) for n in range(8)]
    urls[4:] = [url.replace("127.0.0.1", "127.1") for url in urls[4:]]
    assert told(Downloads(tmp_path, private=True, per_host=2), *urls) == ["HTTP 404"] * 8
    assert list(most.values()) == [2, 2]


def test_addresses_are_read_as_needed_and_not_all_at_once(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_AHEAD", 10)
    drawn = []

    def urls():
        for n in range(30):
            drawn.append(n)
            yield server.picture(f"/{n}")

    answers = Downloads(tmp_path, private=True).fetch(urls())
    next(answers)
    assert len(drawn) == 10
    assert sum(1 for _ in answers) == 29
    assert len(drawn) == 30


def test_who_stops_early_waits_for_no_pause_and_leaves_nothing_running(server, tmp_path):
    """Threads that went on, or a pause of a minute that was waited for, would be seen here."""
    good = (200, {"Content-Type": "image/png"}, PNG)
    stumbling = [server.add(f"/{n}", (503, {"Retry-After": "60"}, b""), good) for n in range(100)]
    downloads = Downloads(tmp_path, private=True)
    answers = downloads.fetch([server.picture("/good"), *stumbling])
    next(answers)
    answers.close()
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("download")]
    assert workers == []
    assert server.asked.total() <= 5
    asked = {path.removeprefix("/") for path in server.asked} - {"good"}
    assert told(downloads, *(f"{server.url}/{n}" for n in asked)) == [PNG] * len(asked)  # nothing is held against them


def test_a_cache_that_cannot_be_written_ends_the_run(server, tmp_path, pauses):
    taken = tmp_path / "taken"
    taken.write_text("a file where the folder should be")
    with pytest.raises(OSError, match=r"^the picture cache '.*taken' cannot be written \(.*\): give ASSORT_CACHE a "):
        told(Downloads(taken, private=True), server.picture("/a"))


@pytest.mark.parametrize("option", ["workers", "per_host", "most_bytes", "tries"])
def test_options_that_cannot_be_are_refused(tmp_path, option):
    with pytest.raises(ValueError, match=f"^{option} must be at least 1, got 0$"):
        Downloads(tmp_path, **{option: 0})


def test_a_timeout_must_be_some_time(tmp_path):
    with pytest.raises(ValueError, match=r"^timeout_s must be above 0, got 0$"):
        Downloads(tmp_path, timeout_s=0)


def test_two_processes_that_fetch_the_same_at_once_do_no_harm(server, tmp_path):
    """The server holds both requests until both are there, so that both processes write."""
    together = threading.Barrier(2)

    def both(handler):
        together.wait(60)
        handler.send_response(200)
        handler.send_header("Content-Type", "image/png")
        handler.send_header("Content-Length", str(len(PNG)))
        handler.end_headers()
        handler.wfile.write(PNG)

    url = server.add("/a.png", both)
    code = (
        "from pathlib import Path; from indexer.images import Downloads; "
        f"print([str(file) for _, file in Downloads(Path({str(tmp_path)!r}), private=True).fetch([{url!r}])])"
    )

    def process(_):
        root = Path(__file__).parents[1]
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
        return done.stdout

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(process, range(2))
    assert first == second
    assert server.asked == {"/a.png": 2}
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file.read_bytes() == PNG
    assert str(file) in first
