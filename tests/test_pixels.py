"""Every kind of good and bad picture file, made here, and a real collection."""

import io
import struct
import threading
import zlib
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from indexer.images import BadPicture, read_picture
from indexer.images.content import READABLE, media_type

REAL = Path(__file__).parents[2] / "shared" / "data" / "car_logos" / "original_256"
ORIENTATION = 0x0112


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def halves(left, right, mode="RGB", size=(16, 8)):
    """Draw a picture whose left half has one colour and whose right half has another."""
    picture = Image.new(mode, size, left)
    picture.paste(right, (size[0] // 2, 0, *size))
    return picture


def colours(picture):
    """Say the colours in the middle of the left and of the right half."""
    assert type(picture) is Image.Image
    assert picture.mode == "RGB"
    width, height = picture.size
    return picture.getpixel((width // 4, height // 2)), picture.getpixel((3 * width // 4, height // 2))


def reason(content, **options):
    with pytest.raises(BadPicture) as caught:
        read_picture(content, **options)
    return str(caught.value)


def png_header(width, height):
    """Write a PNG of some dozen bytes that claims any size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize(("kind", "decoder"), READABLE.items())
def test_each_kind_is_known_by_its_first_bytes_and_decoded(kind, decoder):
    picture = halves("red", "blue", size=(64, 32))
    content = encoded(picture, decoder)
    assert media_type(content[:1024]) == kind
    left, right = colours(read_picture(content))
    assert np.abs(np.subtract(left, (255, 0, 0))).max() < 30
    assert np.abs(np.subtract(right, (0, 0, 255))).max() < 30


def test_a_path_is_read_like_its_bytes_whatever_its_name(tmp_path):
    file = tmp_path / "picture.txt"
    file.write_bytes(encoded(halves("red", "blue"), "GIF"))
    assert colours(read_picture(file)) == ((255, 0, 0), (0, 0, 255))


def test_a_picture_of_several_frames_shows_its_first_and_leaves_no_file_open(tmp_path):
    frames = [halves("red", "blue"), halves("green", "white"), halves("black", "black")]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        file = tmp_path / kind
        file.write_bytes(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options))
        assert colours(read_picture(file)) == ((255, 0, 0), (0, 0, 255))


def test_ink_on_paper_becomes_light():
    picture = halves((0, 255, 255, 0), (0, 0, 0, 255), mode="CMYK", size=(32, 32))  # magenta and yellow ink; black ink
    left, right = colours(read_picture(encoded(picture, "JPEG", quality=100)))
    assert np.abs(np.subtract(left, (255, 0, 0))).max() < 10
    assert np.abs(np.subtract(right, (0, 0, 0))).max() < 10


def test_sixteen_bits_keep_their_high_ones():
    values = np.repeat(np.array([[0x7F00, 0xFF00]], dtype=np.uint16), 8, axis=1).repeat(8, axis=0)
    assert colours(read_picture(encoded(Image.fromarray(values)))) == ((127,) * 3, (255,) * 3)
    assert colours(read_picture(encoded(Image.fromarray(values), "TIFF"))) == ((127,) * 3, (255,) * 3)


def test_numbers_without_a_scale_are_stretched():
    values = np.repeat(np.array([[-3.0, 7.0]], dtype=np.float32), 8, axis=1).repeat(8, axis=0)
    values[0, 0] = np.nan
    assert colours(read_picture(encoded(Image.fromarray(values), "TIFF"))) == ((0,) * 3, (255,) * 3)
    same = np.full((8, 16), 5, dtype=np.int32)
    assert colours(read_picture(encoded(Image.fromarray(same), "TIFF"))) == ((0,) * 3, (0,) * 3)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_black_and_white_become_rgb(mode):
    assert colours(read_picture(encoded(halves(0, 255, mode=mode)))) == ((0, 0, 0), (255, 255, 255))


def test_transparency_lies_over_white():
    half = halves((0, 0, 0, 0), (0, 0, 0, 128), mode="RGBA")
    assert colours(read_picture(encoded(half))) == ((255, 255, 255), (127, 127, 127))
    grey = halves((0, 0), (0, 255), mode="LA")
    assert colours(read_picture(encoded(grey))) == ((255, 255, 255), (0, 0, 0))


def test_a_transparent_colour_of_a_palette_is_white():
    palette = halves("black", "red").convert("P", palette=Image.Palette.ADAPTIVE)
    black = palette.getpixel((0, 0))
    assert colours(read_picture(encoded(palette, transparency=black))) == ((255, 255, 255), (255, 0, 0))
    assert colours(read_picture(encoded(palette, transparency=bytes([0, 0])))) == ((255,) * 3, (255,) * 3)
    assert colours(read_picture(encoded(palette, "GIF", transparency=black))) == ((255, 255, 255), (255, 0, 0))
    key = halves("black", "red")
    assert colours(read_picture(encoded(key, transparency=(0, 0, 0)))) == ((255, 255, 255), (255, 0, 0))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_a_picture_taken_sideways_is_turned_upright(kind):
    sideways = halves("red", "blue", size=(64, 32)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # turn it by 90 degrees clockwise
    picture = read_picture(encoded(sideways, kind, exif=exif))
    left, right = colours(picture)
    assert picture.size == (64, 32)
    assert np.abs(np.subtract((left, right), ((255, 0, 0), (0, 0, 255)))).max() < 5


def test_damaged_exif_is_no_reason_to_refuse_a_picture():
    content = encoded(halves("red", "blue"), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\1\x12")
    assert read_picture(content).size == (16, 8)
    content = encoded(halves("red", "blue"), "JPEG", exif=b"Exif\0\0nothing of the kind")
    assert read_picture(content).size == (16, 8)


def test_a_large_jpeg_is_decoded_smaller_but_not_too_small():
    assert read_picture(encoded(Image.new("RGB", (4200, 2100)), "JPEG")).size == (2100, 1050)
    assert read_picture(encoded(Image.new("RGB", (4200, 1000)), "JPEG")).size == (4200, 1000)
    assert read_picture(encoded(Image.new("RGB", (4200, 2100)), "PNG")).size == (4200, 2100)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_picture_is_refused(kind):
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    content = encoded(noise, kind)
    assert reason(content[: len(content) * 3 // 4]) == "truncated picture"
    assert reason(content[:30]) in ("truncated picture", "damaged picture")


def test_a_damaged_picture_is_refused():
    assert reason(b"RIFF\x10\0\0\0WEBP and so on") == "damaged picture"
    assert reason(b"\0\0\0\x20ftypavif") == "damaged picture"


@pytest.mark.parametrize("content", [b"", Path("/dev/null")])
def test_an_empty_file_is_refused(content):
    assert reason(content) == "empty file"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"just a text about a lamp", "no picture, but text/plain"),
        ("Größe: 12 cm".encode(), "no picture, but text/plain"),
        (("x" * 1023 + "ß").encode(), "no picture, but text/plain"),
        (b"BMW is no bitmap", "no picture, but text/plain"),
        (b"\n <!DOCTYPE html>\n<title>Not found</title>", "no picture, but text/html"),
        (b"<HTML><body>", "no picture, but text/html"),
        (
            b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
            "unreadable kind of picture: image/svg+xml",
        ),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "unreadable kind of picture: image/heic"),
        (b"%PDF-1.7", "no picture, but application/pdf"),
        (b"PK\x03\x04", "no picture, but application/zip"),
        (b"\xff", "no picture, but application/octet-stream"),
        (b"\0" * 2000, "no picture, but application/octet-stream"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "no picture, but text/plain"),  # Pillow would start Ghostscript for it
    ],
)
def test_what_is_no_picture_is_named(content, said):
    assert reason(content) == said


def test_a_bomb_is_refused_before_it_is_decoded():
    assert reason(png_header(85_000, 85_000)) == "more than 100,000,000 pixels"
    assert reason(png_header(10_001, 10_000)) == "more than 100,000,000 pixels"
    assert reason(png_header(10_000, 10_000)) != "more than 100,000,000 pixels"
    assert reason(encoded(Image.new("1", (100, 100))), most_pixels=9_999) == "more than 9,999 pixels"
    assert read_picture(encoded(Image.new("1", (100, 100))), most_pixels=10_000).size == (100, 100)


def test_a_dot_in_place_of_a_picture_is_refused():
    assert reason(encoded(Image.new("RGB", (1, 1)), "GIF")) == "fewer than 4 pixels a side"
    assert reason(encoded(Image.new("RGB", (500, 3)))) == "fewer than 4 pixels a side"
    assert read_picture(encoded(Image.new("RGB", (4, 4)))).size == (4, 4)


def test_files_that_cannot_be_opened_say_so(tmp_path):
    assert reason(tmp_path / "absent.jpg") == "no such file"
    assert reason(tmp_path) == "cannot be read (Is a directory)"


def test_whatever_happens_to_a_file_it_is_a_picture_or_refused():
    random = Random(7)
    noise = Image.effect_noise((24, 16), 90).convert("RGB")
    files = [encoded(noise, decoder) for decoder in READABLE.values() if decoder != "TIFF"]  # libtiff talks to stderr
    told = Counter()
    for _ in range(600):
        content = bytearray(random.choice(files))
        for _ in range(random.choice((1, 4, 16))):
            content[random.randrange(len(content))] = random.randrange(256)
        try:
            told[read_picture(bytes(content[: random.randrange(1, 2 * len(content))])).mode] += 1
        except BadPicture as error:
            told[str(error)] += 1
    reasons = {"truncated picture", "damaged picture", "more than 100,000,000 pixels", "fewer than 4 pixels a side"}
    others = set(told) - reasons - {"RGB"}
    assert told["RGB"] > 50
    assert all(said.startswith(("no picture, but ", "unreadable kind of picture: ")) for said in others)


def test_threads_may_read_at_once():
    contents = [encoded(halves((n, 0, 0), (0, n, 0)), "TIFF") for n in range(40)]
    found = {}

    def read(numbers):
        for n in numbers:
            found[n] = colours(read_picture(contents[n]))

    threads = [threading.Thread(target=read, args=(range(start, 40, 4),)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: ((n, 0, 0), (0, n, 0)) for n in range(40)}


@pytest.mark.skipif(not REAL.exists(), reason="the real catalogues are not here")
def test_of_a_real_collection_all_logos_are_read_but_the_truncated_ones():
    refused = {}
    for file in REAL.iterdir():
        try:
            read_picture(file)
        except BadPicture as error:
            refused[file.name] = str(error)
    truncated = {"aixam.jpg", "alfa-romeo.jpg"} & {file.name for file in REAL.iterdir()}
    assert refused == dict.fromkeys(truncated, "truncated picture")
