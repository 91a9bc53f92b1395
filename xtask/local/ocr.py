"""Reads pages with Tesseract: straightens, enlarges, keeps the surest reading.

Everything stays in memory but for PDF pages, which go through a temporary
folder. Nothing read is ever logged.
"""

import dataclasses
import io
import itertools
import math
import os
import pathlib
import re
import subprocess
import tempfile
import threading

import numpy
from PIL import Image, ImageFilter, ImageOps, ImageSequence

PDF_DPI = 300
# A page of letters at this length has capitals of about 30 pixels, Tesseract's best.
LONG_SIDE = 2700
SURE = 90.0
GRAIN = 0.8
HOPELESS = 60.0
ENGINES = threading.BoundedSemaphore(os.cpu_count() or 2)
# A picture that unpacks to more than this is an attack, not a page.
Image.MAX_IMAGE_PIXELS = 120_000_000


# Amazon Textract Developer Guide, "Set Quotas": 10 000 pixels on any side, 40 inches for a PDF.
LONGEST_SIDE = 10_000
LONGEST_SHEET = 40 * 72


class UnreadableDocument(Exception):
    """The bytes are not the document they claim to be, or beyond what is read."""


class UnsupportedDocument(Exception):
    """A document of a kind that is not read."""


@dataclasses.dataclass(frozen=True)
class Word:
    """A word and its corners, as shares of the page's width and height."""

    text: str
    confidence: float
    polygon: tuple


@dataclasses.dataclass(frozen=True)
class Line:
    """Words side by side, and the corners around them."""

    words: tuple
    polygon: tuple


@dataclasses.dataclass(frozen=True)
class Page:
    """The lines of one page in reading order."""

    lines: tuple

    @property
    def confidence(self):
        words = [word for line in self.lines for word in line.words]
        weight = sum(len(word.text) for word in words)
        return sum(word.confidence * len(word.text) for word in words) / weight if weight else 0.0


def pages_of(data, kind):
    """The pages of a document as grey images, one at a time."""
    if kind == "pdf":
        yield from pdf_pages(data)
        return
    try:
        with Image.open(io.BytesIO(data)) as image:
            for frame in ImageSequence.Iterator(image):
                yield grey(frame)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise UnreadableDocument("picture") from problem


def count_pages(data, kind):
    """The number of pages; refuses what Textract refuses."""
    if kind == "pdf":
        return count_sheets(data)
    try:
        with Image.open(io.BytesIO(data)) as image:
            if max(image.size) > LONGEST_SIDE:
                raise UnreadableDocument("size")
            return getattr(image, "n_frames", 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise UnreadableDocument("picture") from problem


def count_sheets(data):
    command = ["pdfinfo", "-f", "1", "-l", "10000", "-"]
    found = subprocess.run(command, input=data, capture_output=True, check=False)
    said = found.stdout.decode(errors="replace")
    facts = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    if "Pages" not in facts or not facts.get("Encrypted", "").strip().startswith("no"):
        raise UnreadableDocument("pdf")
    if facts.get("Form", "").strip() == "XFA":
        raise UnsupportedDocument("xfa")
    sheets = re.findall(r"^Page +\d+ size: +([\d.]+) x ([\d.]+)", said, re.MULTILINE)
    if any(float(side) > LONGEST_SHEET for sheet in sheets for side in sheet):
        raise UnreadableDocument("size")
    return int(facts["Pages"])


def pdf_pages(data):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "document.pdf"
        source.write_bytes(data)
        command = ["pdftoppm", "-r", str(PDF_DPI), "-gray", source, pathlib.Path(folder) / "page"]
        with ENGINES:
            done = subprocess.run(command, capture_output=True, check=False)
        pages = sorted(pathlib.Path(folder).glob("page*.pgm"))
        if done.returncode != 0 or not pages:
            raise UnreadableDocument("pdf")
        for path in pages:
            with Image.open(path) as image:
                image.load()
            yield image


def grey(frame):
    """Upright, on white, one channel of eight bits."""
    frame = ImageOps.exif_transpose(frame)
    if frame.mode.startswith("I") or frame.mode == "F":
        return from_depth(frame)
    if frame.mode in ("RGBA", "LA", "PA") or "transparency" in frame.info:
        frame = frame.convert("RGBA")
        paper = Image.new("RGBA", frame.size, "white")
        frame = Image.alpha_composite(paper, frame)
    return frame.convert("L")


def from_depth(frame):
    """A grey of more than eight bits, whatever part of its range it uses."""
    levels = numpy.asarray(frame, dtype=numpy.float64)
    low, high = float(levels.min()), float(levels.max())
    return Image.fromarray(((levels - low) * (255 / max(high - low, 1))).astype(numpy.uint8))


def read_page(image):
    """The surest of a few readings; most pages need only the first."""
    best = reading(image, skew_of(image), psm=3)
    if best.confidence < SURE:
        # Grain that a phone's picture has is not ink.
        smooth = image.filter(ImageFilter.GaussianBlur(GRAIN))
        for picture, psm in ((image, 6), (image, 4), (smooth, 3), (smooth, 6)):
            best = max(best, reading(picture, skew_of(image), psm), key=lambda page: page.confidence)
    if best.lines and best.confidence < HOPELESS:
        # Perhaps the page lies on its side or head.
        for turn in (90, 180, 270):
            best = max(best, reading(image, turn, psm=3), key=lambda page: page.confidence)
    return best


def skew_of(image):
    """The angle at which rows of ink and gaps between lines stand out most."""
    small = ImageOps.invert(ImageOps.autocontrast(image))
    small.thumbnail((900, 900))

    def contrast(angle):
        turned = small.rotate(angle, resample=Image.Resampling.BILINEAR, fillcolor=0)
        rows = numpy.asarray(turned, dtype=numpy.float32).sum(axis=1)
        return float(numpy.square(numpy.diff(rows)).sum())

    best = max(numpy.arange(-6, 6.1, 1.0), key=contrast)
    best = max(numpy.arange(best - 1, best + 1.01, 0.25), key=contrast)
    best = float(max(numpy.arange(best - 0.25, best + 0.26, 0.05), key=contrast))
    return 0.0 if abs(best) < 0.15 else best


def reading(image, angle, psm):
    """One pass of the engine over the page turned by `angle` degrees."""
    turned = image
    if angle:
        turned = image.rotate(
            angle, resample=Image.Resampling.BICUBIC, expand=angle % 90 == 0, fillcolor=255
        )
    scale = min(3.0, LONG_SIDE / max(turned.size))
    size = (round(turned.width * scale), round(turned.height * scale))
    ready = ImageOps.autocontrast(turned.resize(size, Image.Resampling.LANCZOS), cutoff=1)
    place = Placement(image.size, turned.size, size, angle)
    return Page(tuple(line_of(found, place) for found in in_rows(tesseract(ready, psm))))


@dataclasses.dataclass(frozen=True)
class Found:
    """A word as the engine found it, in pixels of the straightened page."""

    text: str
    confidence: float
    line: tuple
    left: int
    top: int
    right: int
    bottom: int


def tesseract(image, psm):
    """The words of a page, in the engine's order."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    command = ["tesseract", "-", "-", "--psm", str(psm), "--dpi", "300", "tsv"]
    with ENGINES:
        done = subprocess.run(
            command,
            input=buffer.getvalue(),
            capture_output=True,
            check=False,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    rows = (line.split("\t") for line in done.stdout.decode(errors="replace").splitlines()[1:])
    return [found_in(row) for row in rows if len(row) >= 12 and float(row[10]) >= 0 and row[11].strip()]


def found_in(row):
    """One row of the engine's table."""
    left, top, width, height = (int(cell) for cell in row[6:10])
    line = tuple(int(cell) for cell in row[2:5])
    return Found(row[11].strip(), float(row[10]), line, left, top, left + width, top + height)


def in_rows(words):
    """Lines as Textract orders them: top to bottom, and from left to right in a row.

    The engine reads a table column by column; a row of it belongs together.
    """
    lines = [list(group) for _, group in itertools.groupby(words, key=lambda word: word.line)]
    rows = []
    for line in sorted(lines, key=middle):
        if rows and middle(line) - middle(rows[-1][0]) < height(line) / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line[0].left)]


def middle(line):
    return sum(word.top + word.bottom for word in line) / (2 * len(line))


def height(line):
    return max(word.bottom for word in line) - min(word.top for word in line)


class Placement:
    """Takes points of the turned, enlarged page back to the page as it came."""

    def __init__(self, original, turned, enlarged, angle):
        self.original, self.turned, self.enlarged = original, turned, enlarged
        # Pillow turns counter-clockwise; back is clockwise, with y pointing down.
        self.cos, self.sin = math.cos(-math.radians(angle)), math.sin(-math.radians(angle))

    def back(self, x, y):
        """Shares of width and height of the original page, kept within it."""
        x = x * self.turned[0] / self.enlarged[0] - self.turned[0] / 2
        y = y * self.turned[1] / self.enlarged[1] - self.turned[1] / 2
        width, height = self.original
        across = (self.cos * x + self.sin * y + width / 2) / width
        down = (-self.sin * x + self.cos * y + height / 2) / height
        return (min(max(across, 0.0), 1.0), min(max(down, 0.0), 1.0))


    def around(self, found):
        """The corners around words, back on the page as it came."""
        left, top = min(word.left for word in found), min(word.top for word in found)
        right, bottom = max(word.right for word in found), max(word.bottom for word in found)
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        return tuple(self.back(x, y) for x, y in corners)


def line_of(found, place):
    words = tuple(Word(word.text, word.confidence, place.around([word])) for word in found)
    return Line(words, place.around(found))
