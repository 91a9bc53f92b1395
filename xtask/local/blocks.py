"""Textract's blocks: PAGE, LINE and WORD with boxes, confidences and relations."""

import uuid


def of_pages(pages, numbered):
    """All blocks of a document, page by page; only asynchronous answers number pages."""
    found = []
    for number, page in enumerate(pages, start=1):
        found += of_page(page, number if numbered else None)
    return found


def of_page(page, number):
    line_blocks, word_blocks = [], []
    for line in page.lines:
        words = line.words
        children = [block("WORD", word.polygon, number, Text=word.text, TextType="PRINTED",
                          Confidence=word.confidence) for word in words]
        word_blocks += children
        line_blocks.append(block(
            "LINE", line.polygon, number,
            Text=" ".join(word.text for word in words),
            Confidence=sum(word.confidence for word in words) / len(words),
            Relationships=[{"Type": "CHILD", "Ids": [child["Id"] for child in children]}],
        ))
    whole = block("PAGE", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), number)
    if line_blocks:
        whole["Relationships"] = [{"Type": "CHILD", "Ids": [line["Id"] for line in line_blocks]}]
    return [whole, *line_blocks, *word_blocks]


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
