"""Textract's blocks: PAGE, LINE and WORD with boxes, confidences and relations."""

import itertools
import uuid


def of_pages(pages, numbered):
    """All blocks of a document, page by page; only asynchronous answers number pages."""
    found = []
    for number, page in enumerate(pages, start=1):
        found += of_page(page, number if numbered else None)
    return found


def of_page(page, number):
    lines = in_rows(
        [list(words) for _, words in itertools.groupby(page.words, key=lambda word: word.line)]
    )
    line_blocks, word_blocks = [], []
    for words in lines:
        children = [block("WORD", word.polygon, number, Text=word.text, TextType="PRINTED",
                          Confidence=word.confidence) for word in words]
        word_blocks += children
        line_blocks.append(block(
            "LINE", around(words), number,
            Text=" ".join(word.text for word in words),
            Confidence=sum(word.confidence for word in words) / len(words),
            Relationships=[{"Type": "CHILD", "Ids": [child["Id"] for child in children]}],
        ))
    whole = block("PAGE", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), number)
    if line_blocks:
        whole["Relationships"] = [{"Type": "CHILD", "Ids": [line["Id"] for line in line_blocks]}]
    return [whole, *line_blocks, *word_blocks]


def in_rows(lines):
    """Lines as Textract orders them: top to bottom, and from left to right in a row.

    The engine reads a table column by column; a row of it belongs together.
    """
    rows = []
    for line in sorted(lines, key=middle):
        if rows and abs(middle(line) - middle(rows[-1][0])) < height(line) / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line[0].polygon[0][0])]


def middle(line):
    return sum(y for word in line for _, y in word.polygon) / (4 * len(line))


def height(line):
    return max(abs(word.polygon[3][1] - word.polygon[0][1]) for word in line)


def around(words):
    """The corners of a line: those of its first and last word, tilted as they are."""
    first, last = words[0].polygon, words[-1].polygon
    if len(words) == 1:
        return first
    points = [point for word in words for point in word.polygon]
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    return ((first[0][0], top), (last[1][0], top), (last[2][0], bottom), (first[3][0], bottom))


def block(kind, polygon, number, **fields):
    across, down = [x for x, _ in polygon], [y for _, y in polygon]
    made = {
        "BlockType": kind,
        "Id": str(uuid.uuid4()),
        "Geometry": {
            "BoundingBox": {
                "Left": min(across),
                "Top": min(down),
                "Width": max(across) - min(across),
                "Height": max(down) - min(down),
            },
            "Polygon": [{"X": x, "Y": y} for x, y in polygon],
        },
        **fields,
    }
    if number is not None:
        made["Page"] = number
    return made
