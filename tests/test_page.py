import base64
import re
from html.parser import HTMLParser

import pytest

from service.report.charts import bars_chart
from service.report.page import Chart, Figures, Heading, Side, Table, Text, write_page
from service.report.tree import Node, Tree

EVIL = '<script>alert("x")</script> & \'"><img src=x onerror=alert(1)>'
VOID = {"meta", "img", "input", "br"}


class Reader(HTMLParser):
    """Reads a page as a browser would: the tags that are open, what they say, and whether all are closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.words = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data.strip())


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == []
    return reader


def every_block(text):
    return [
        Heading(text),
        Text(text, soft=True),
        Figures({text: text}),
        Table((text, "n"), [(text, 1200), (None, float("nan"))], text),
        Chart(bars_chart([1.0], ["a"], title="A"), text, "a.png"),
        Side([Text(text), Heading(text, 3)]),
        Tree([Node(text, 3, text, [text], [Node("leaf", 1)])]),
    ]


def test_no_text_of_a_catalogue_becomes_markup(tmp_path):
    write_page(tmp_path / "page.html", EVIL, every_block(EVIL))
    page = read(tmp_path / "page.html")
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert [attributes["alt"] for tag, attributes in page.tags if tag == "img"] == [EVIL]
    assert page.words.count(EVIL) == 14


def test_a_page_stands_alone_and_its_charts_lie_beside_it_too(tmp_path):
    written = write_page(tmp_path / "new" / "page.html", "Title", every_block("text"))
    assert written == [tmp_path / "new" / "page.html", tmp_path / "new" / "a.png"]
    page = read(written[0])
    (image,) = (attributes for tag, attributes in page.tags if tag == "img")
    head, data = image["src"].split(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == written[1].read_bytes()
    assert (image["width"], image["height"]) == ("768", "174")
    assert not any(key in ("href", "src") and not value.startswith("data:")
                   for _, attributes in page.tags for key, value in attributes.items())  # fmt: skip
    assert "@import" not in written[0].read_text()
    assert not re.search(r"url\(", written[0].read_text())


def test_a_page_tells_readers_of_the_screen_what_it_is(tmp_path):
    write_page(tmp_path / "page.html", "Title", every_block("text"))
    page = read(tmp_path / "page.html")
    assert ("html", {"lang": "en"}) in page.tags
    assert [tag for tag, _ in page.tags if re.fullmatch(r"h\d", tag)] == ["h1", "h2", "h3"]
    assert all(attributes.get("scope") == "col" for tag, attributes in page.tags if tag == "th")
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags
    assert "prefers-color-scheme: dark" in (tmp_path / "page.html").read_text()


def test_numbers_stand_at_the_right_and_missing_ones_are_a_dash(tmp_path):
    rows = [("a", 12000, 0.25312), ("b", None, 12.5), ("c", 3, float("nan"))]
    write_page(tmp_path / "page.html", "T", [Table(("name", "count", "score"), rows)])
    text = (tmp_path / "page.html").read_text()
    assert "<tr><td>a</td><td class=n>12,000</td><td class=n>0.253</td></tr>" in text
    assert "<tr><td>b</td><td class=n>–</td><td class=n>12.50</td></tr>" in text
    assert "<tr><td>c</td><td class=n>3</td><td class=n>–</td></tr>" in text


def test_a_row_that_does_not_fit_its_columns_is_refused():
    with pytest.raises(ValueError, match="^a row needs a cell for each of 2 columns, got 1$"):
        Table(("a", "b"), [(1, 2), (1,)])


@pytest.mark.parametrize(("rows", "fields"), [(20, 0), (21, 1)])
def test_long_tables_can_be_searched(tmp_path, rows, fields):
    write_page(tmp_path / "page.html", "T", [Table(("a",), [(n,) for n in range(rows)])])
    page = read(tmp_path / "page.html")
    found = [attributes["data-filter"] for tag, attributes in page.tags if tag == "input"]
    assert found == ["table-1"] * fields
    assert any(attributes.get("id") == "table-1" for _, attributes in page.tags)


def test_a_tree_shows_shares_of_the_level_above_and_opens_as_far_as_asked(tmp_path):
    inner = Node("phones", 30, children=[Node("old", 10), Node("new", 20)])
    write_page(tmp_path / "page.html", "T", [Tree([inner, Node("cases", 10, "3", ["red case"])], opened=1)])
    page = read(tmp_path / "page.html")
    widths = [attributes["style"] for tag, attributes in page.tags if tag == "i"]
    assert widths == ["width:75.0%", "width:33.3%", "width:66.7%", "width:25.0%"]
    assert [attributes for tag, attributes in page.tags if tag == "details"] == [{"open": None}] * 2
    assert "red case" in page.words


def test_halves_of_letters_and_letters_of_all_scripts_are_written(tmp_path):
    write_page(tmp_path / "page.html", "キャンディ \ud83d", [Text("Ünïcode \udc00")])
    words = read(tmp_path / "page.html").words
    assert "キャンディ ?" in words
    assert "Ünïcode ?" in words
