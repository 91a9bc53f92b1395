#!/usr/bin/env python3
"""Makes the sample documents beside this script, the same bytes on every run.

    make_samples.py            write them all, and truth.json
    make_samples.py --check    write nothing; fail if what is here differs

Everybody and everything named in the samples is invented. The only inputs are
the text below and the Vera fonts that come inside the reportlab package, so
that no machine's own fonts change a pixel.
"""

import argparse
import io
import json
import random
import struct
import sys
import zipfile
from pathlib import Path

import numpy
import reportlab
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

HERE = Path(__file__).resolve().parent
FONTS = Path(reportlab.__file__).parent / "fonts"
REGULAR, BOLD, ITALIC = "Vera.ttf", "VeraBd.ttf", "VeraIt.ttf"
INK, FAINT, RED, BLUE = (28, 30, 36), (120, 124, 132), (170, 30, 30), (32, 58, 120)
DISCLAIMER = "Sample document. Every person and place in it is invented."
MAX_BYTES = 400_000
SEED = 20_260_314


def font(name, size):
    # The basic layout engine is part of Pillow; the other one, when present, shifts glyphs.
    return ImageFont.truetype(FONTS / name, size, layout_engine=ImageFont.Layout.BASIC)


# --- the prescription, photographed by a phone ---------------------------------------

DRUGS = [
    ("Amlodipine 5 mg tablets", "Take ONE tablet in the morning.", "28 tablets"),
    ("Metformin 500 mg tablets", "Take ONE tablet twice a day with food.", "56 tablets"),
    ("Atorvastatin 20 mg tablets", "Take ONE tablet at night.", "28 tablets"),
    ("Salbutamol 100 micrograms inhaler", "TWO puffs when needed, at most 8 a day.", "1 inhaler"),
]


def prescription_page():
    """A5 at about 230 dots an inch."""
    page = Image.new("RGB", (1340, 1890), (252, 251, 246))
    draw = ImageDraw.Draw(page)

    def put(x, y, text, size=29, face=REGULAR, fill=INK):
        draw.text((x, y), text, font=font(face, size), fill=fill)

    put(100, 90, "Harbour Lane Practice", 50, BOLD, BLUE)
    put(100, 162, "14 Harbour Lane, Westmere   Tel. 01632 960 117", 27, fill=FAINT)
    draw.line((100, 218, 1240, 218), fill=BLUE, width=5)
    put(100, 252, "PRESCRIPTION", 40, BOLD)
    put(850, 260, "Date: 14 March 2026", 29)
    draw.rectangle((100, 330, 1240, 500), outline=FAINT, width=2)
    put(125, 352, "Patient: Marta Lindqvist", 33, BOLD)
    put(125, 402, "Born: 2 September 1961", 29)
    put(125, 447, "Allergies: Penicillin (rash)", 29)
    put(760, 402, "Patient no. MV-40417", 29)
    put(760, 447, "Repeat: 3 times", 29)

    y = 560
    for number, (drug, directions, amount) in enumerate(DRUGS, start=1):
        put(100, y, f"{number}.", 34, BOLD)
        put(160, y, drug, 36, BOLD)
        put(160, y + 56, directions, 31)
        put(160, y + 104, f"Supply: {amount}", 27, ITALIC, FAINT)
        draw.line((160, y + 162, 1240, y + 162), fill=(205, 205, 200), width=2)
        y += 208

    put(100, 1430, "Next review: June 2026, with blood pressure readings from home.", 27)
    signature(draw, 800, 1590)
    draw.line((760, 1650, 1240, 1650), fill=INK, width=2)
    put(760, 1666, "Dr. Ines Halloran", 30, BOLD)
    put(760, 1710, "General practice, licence 0000417", 23, fill=FAINT)
    put(100, 1800, DISCLAIMER, 21, fill=FAINT)
    return page


def signature(draw, x, y):
    """A scribble, so that the reader meets ink which is no text."""
    rng = random.Random(SEED)
    points = [(x, y)]
    for step in range(1, 26):
        up = -1 if step % 2 else 1
        points.append((x + step * 14 + rng.randint(-9, 9), y + up * rng.randint(4, 38)))
    draw.line(points, fill=BLUE, width=4, joint="curve")


def photographed(page):
    """What a phone makes of a page: askew on a table, badly lit, soft, grainy."""
    rng = numpy.random.default_rng(SEED)
    width, height = 1560, 2120
    table = Image.new("RGB", (width, height), (92, 74, 58))
    # Where the page's corners fall, from top left, clockwise: turned by some three degrees
    # and leaning away from the camera at the top.
    corners = [(168, 96), (1452, 158), (1408, 2030), (66, 1962)]
    size = page.size
    from_photo = perspective(corners, [(0, 0), (size[0], 0), size, (0, size[1])])
    options = (table.size, Image.Transform.PERSPECTIVE, from_photo, Image.Resampling.BICUBIC)
    sheet = page.transform(*options)
    mask = Image.new("L", size, 255).transform(*options)
    shadow = mask.filter(ImageFilter.GaussianBlur(22)).point(lambda level: level // 2)
    table.paste((30, 24, 18), (14, 18), shadow)
    table.paste(sheet, (0, 0), mask)

    soft = table.filter(ImageFilter.GaussianBlur(1.2))
    pixels = numpy.asarray(soft, dtype=numpy.float64)
    pixels = pixels * light(width, height)[:, :, None]
    pixels += rng.integers(-13, 14, size=(height, width, 1)) + rng.integers(-5, 6, size=pixels.shape)
    return Image.fromarray(numpy.clip(pixels, 0, 255).astype(numpy.uint8))


def light(width, height):
    """A lamp at the upper left, the hand's shadow at the lower right."""
    x = numpy.linspace(0, 1, width)[None, :]
    y = numpy.linspace(0, 1, height)[:, None]
    fall_off = 1.02 - 0.22 * x - 0.16 * y
    distance = (x - 0.95) ** 2 / 0.20 + (y - 0.80) ** 2 / 0.12
    hand = 1 - 0.26 * numpy.clip(1 - distance, 0, 1)
    return fall_off * hand


def perspective(corners, onto):
    """The eight numbers Pillow wants: from a place in the photo to one on the page."""
    rows, wanted = [], []
    for (x, y), (u, v) in zip(corners, onto, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    solved = numpy.linalg.solve(numpy.array(rows, float), numpy.array(wanted, float))
    # Rounded, so that the last bits of one machine's solver do not reach the file.
    return [float(f"{number:.9e}") for number in solved]


def prescription():
    file = io.BytesIO()
    photographed(prescription_page()).save(file, "JPEG", quality=50, dpi=(230, 230))
    return file.getvalue()


# --- the fax: a prescription and a laboratory report, as a machine received them ------


def fax():
    """Two black and white pages in one TIFF, in the compression of a group 4 fax (ITU-T T.6)."""
    pages = [page.convert("L").point(lambda grey: 255 * (grey > 150), "1") for page in (prescription_page(), lab_report_page())]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], compression="group4", dpi=(200, 200))
    return file.getvalue()


# --- the laboratory report, a clean page ---------------------------------------------

COLUMNS = [("Test", 100), ("Result", 560), ("Flag", 740), ("Unit", 850), ("Reference range", 1150)]
RESULTS = [
    ("Haemoglobin", "13.8", "", "g/dL", "12.0 - 16.0"),
    ("White cell count", "7.2", "", "10^9/L", "4.0 - 11.0"),
    ("Platelets", "412", "H", "10^9/L", "150 - 400"),
    ("Ferritin", "11", "L", "ug/L", "15 - 200"),
    ("Sodium", "139", "", "mmol/L", "135 - 145"),
    ("Potassium", "4.4", "", "mmol/L", "3.5 - 5.1"),
    ("Creatinine", "88", "", "umol/L", "45 - 90"),
    ("eGFR", "71", "", "mL/min/1.73m2", "over 60"),
    ("Glucose, fasting", "8.1", "H", "mmol/L", "3.9 - 5.6"),
    ("Haemoglobin A1c", "58", "H", "mmol/mol", "20 - 41"),
    ("Cholesterol, total", "5.9", "H", "mmol/L", "under 5.0"),
    ("LDL cholesterol", "3.7", "H", "mmol/L", "under 3.0"),
    ("HDL cholesterol", "1.3", "", "mmol/L", "over 1.2"),
    ("Triglycerides", "1.9", "H", "mmol/L", "under 1.7"),
    ("TSH", "2.1", "", "mIU/L", "0.4 - 4.0"),
]


def lab_report_page():
    """A4 at 200 dots an inch, as a laboratory's own system exports it."""
    page = Image.new("RGB", (1654, 2339), "white")
    draw = ImageDraw.Draw(page)

    def put(x, y, text, size=28, face=REGULAR, fill=INK):
        draw.text((x, y), text, font=font(face, size), fill=fill)

    draw.rectangle((0, 0, 1654, 26), fill=BLUE)
    put(100, 90, "Westmere District Laboratory", 50, BOLD, BLUE)
    put(100, 164, "Clinical chemistry and haematology", 28, fill=FAINT)
    put(1110, 164, "Page 1 of 1", 28, fill=FAINT)
    draw.line((100, 220, 1554, 220), fill=BLUE, width=4)
    facts = [
        ("Patient:", "Marta Lindqvist", "Report no.:", "WL-2026-00831"),
        ("Born:", "2 September 1961", "Collected:", "10 March 2026, 08:15"),
        ("Requested by:", "Dr. Ines Halloran", "Reported:", "11 March 2026, 14:40"),
        ("Specimen:", "Venous blood, fasting", "Status:", "Final"),
    ]
    for row, (left, one, right, other) in enumerate(facts):
        y = 260 + row * 52
        put(100, y, left, 28, BOLD)
        put(350, y, one)
        put(880, y, right, 28, BOLD)
        put(1110, y, other)
    bottom = results_table(draw, put, 520)
    put(100, bottom + 50, "Comment", 32, BOLD)
    put(100, bottom + 104, "Low ferritin with normal haemoglobin: early iron deficiency is likely.")
    put(100, bottom + 150, "Haemoglobin A1c above the target agreed with the patient; repeat in three months.")
    put(100, bottom + 240, "H = above the reference range     L = below the reference range", 26, fill=FAINT)
    put(100, bottom + 320, "Validated by: Tomas Adeyemi-Roth, biomedical scientist")
    put(100, 2250, DISCLAIMER, 24, fill=FAINT)
    return page


def lab_report():
    file = io.BytesIO()
    page = lab_report_page()
    page.quantize(64, dither=Image.Dither.NONE).save(file, "PNG", optimize=True, dpi=(200, 200))
    return file.getvalue()


def results_table(draw, put, top):
    row_height, left, right = 76, 80, 1574
    draw.rectangle((left, top, right, top + row_height), fill=(226, 232, 244))
    for title, x in COLUMNS:
        put(x, top + 20, title, 29, BOLD)
    y = top + row_height
    for row, cells in enumerate(RESULTS):
        if row % 2:
            draw.rectangle((left, y, right, y + row_height), fill=(247, 248, 251))
        flagged = bool(cells[2])
        for (title, x), cell in zip(COLUMNS, cells, strict=True):
            mark = flagged and title in ("Result", "Flag")
            put(x, y + 21, cell, 29, BOLD if mark else REGULAR, RED if mark else INK)
        draw.line((left, y, right, y), fill=(190, 196, 208), width=2)
        y += row_height
    draw.rectangle((left, top, right, y), outline=(120, 128, 146), width=3)
    return y


# --- the referral letter, a PDF of three pages ---------------------------------------

LETTER = [
    [
        ("h", "Referral to cardiology"),
        ("p", "Westmere, 16 March 2026"),
        ("p", "To: Dr. Solveig Marchetti, Department of Cardiology, Northfield Hospital"),
        ("p", "From: Dr. Ines Halloran, Harbour Lane Practice, 14 Harbour Lane, Westmere"),
        ("b", "Re: Marta Lindqvist, born 2 September 1961, patient no. MV-40417"),
        ("p", "Dear Dr. Marchetti,"),
        ("p", "Thank you for seeing this retired ship's carpenter, who for six weeks has had "
              "episodes of palpitations, two or three times a week, each lasting between five "
              "minutes and half an hour. They begin and end suddenly, mostly at rest in the "
              "evening. During two of them she felt lightheaded; she has never lost "
              "consciousness. There was no chest pain and no breathlessness lying flat."),
        ("p", "Her home readings show an irregular pulse of up to 148 a minute during an episode. "
              "Between episodes the pulse is regular at 72 a minute, the blood pressure "
              "146/88 mmHg, heart sounds normal, no murmur, no ankle swelling."),
        ("h", "Question"),
        ("p", "I suspect paroxysmal atrial fibrillation. Please advise on a longer rhythm "
              "recording, on echocardiography and on anticoagulation. By my count her "
              "CHA2DS2-VASc score is 3: hypertension, diabetes, female sex."),
    ],
    [
        ("h", "Medical history"),
        ("p", "Hypertension since 2014. Type 2 diabetes since 2018, without known damage to eyes "
              "or kidneys. Mild asthma since childhood. Appendectomy in 1979. Her mother had a "
              "stroke at the age of 71."),
        ("b", "Allergy: penicillin, with a rash."),
        ("h", "Present medication"),
        ("t", [("Drug", "Dose", "When"),
               ("Amlodipine", "5 mg", "once a day, morning"),
               ("Metformin", "500 mg", "twice a day, with food"),
               ("Atorvastatin", "20 mg", "once a day, night"),
               ("Salbutamol inhaler", "100 micrograms", "two puffs when needed")]),
        ("h", "Findings"),
        ("p", "Electrocardiogram of 12 March 2026, at rest: sinus rhythm, 74 a minute, normal "
              "axis, PR interval 168 ms, QRS 92 ms, no sign of ischaemia. Two isolated "
              "supraventricular extrasystoles in the rhythm strip."),
        ("t", [("Laboratory, 10 March 2026", "Result", "Reference range"),
               ("Haemoglobin A1c", "58 mmol/mol", "20 - 41"),
               ("LDL cholesterol", "3.7 mmol/L", "under 3.0"),
               ("Potassium", "4.4 mmol/L", "3.5 - 5.1"),
               ("TSH", "2.1 mIU/L", "0.4 - 4.0"),
               ("Ferritin", "11 ug/L", "15 - 200")]),
    ],
    [
        ("h", "What has been done"),
        ("p", "The patient keeps a diary of her episodes and measures her blood pressure at home. "
              "Thyroid disease is excluded. Iron is being replaced because of the low ferritin. "
              "She drinks one cup of coffee a day and no alcohol, and has never smoked."),
        ("p", "I have not begun anticoagulation, since no recording proves the arrhythmia yet. "
              "A beta blocker seemed unwise because of her asthma; should a drug for rate control "
              "be needed, I would think of diltiazem, with amlodipine withdrawn."),
        ("h", "What she wishes"),
        ("p", "She would like to know whether she may go on sailing alone, and asks that her "
              "daughter, Edda Lindqvist, be told of the results only after herself."),
        ("p", "She has agreed to this referral and to your reading the laboratory report. "
              "An appointment within four weeks would be welcome; should an episode last longer "
              "than an hour, she will come to your emergency department."),
        ("p", "With kind regards,"),
        ("b", "Dr. Ines Halloran, general practice"),
    ],
]


def referral_letter():
    for name, file in (("Body", REGULAR), ("Strong", BOLD), ("Slanted", ITALIC)):
        pdfmetrics.registerFont(TTFont(name, FONTS / file))
    body = ParagraphStyle("body", fontName="Body", fontSize=10.5, leading=16, spaceAfter=9)
    styles = {
        "p": body,
        "b": ParagraphStyle("bold", parent=body, fontName="Strong"),
        "h": ParagraphStyle("head", parent=body, fontName="Strong", fontSize=13.5, spaceBefore=12),
    }
    story = []
    for number, page in enumerate(LETTER):
        if number:
            story.append(PageBreak())
        for kind, content in page:
            story += [letter_table(content), Spacer(1, 10)] if kind == "t" else [Paragraph(content, styles[kind])]
    file = io.BytesIO()
    # `invariant` takes the clock and the random file id out of the PDF.
    document = SimpleDocTemplate(
        file, pagesize=A4, invariant=1, title="Referral to cardiology", author="Dr. Ines Halloran",
        leftMargin=24 * mm, rightMargin=24 * mm, topMargin=34 * mm, bottomMargin=26 * mm,
    )
    document.build(story, onFirstPage=letter_frame, onLaterPages=letter_frame)
    return file.getvalue()


def letter_table(rows):
    rule = ("LINEBELOW", (0, 0), (-1, -1), 0.4, "#9aa2b4")
    style = [("FONT", (0, 0), (-1, -1), "Body", 10), ("FONT", (0, 0), (-1, 0), "Strong", 10), rule,
             ("BACKGROUND", (0, 0), (-1, 0), "#e2e8f4"), ("BOTTOMPADDING", (0, 0), (-1, -1), 5)]
    return Table(rows, colWidths=[66 * mm, 42 * mm, 50 * mm], style=style, hAlign="LEFT")


def letter_frame(canvas, document):
    width, height = A4
    canvas.saveState()
    canvas.setFillColor("#203a78")
    canvas.setFont("Strong", 15)
    canvas.drawString(24 * mm, height - 20 * mm, "Harbour Lane Practice")
    canvas.setStrokeColor("#203a78")
    canvas.line(24 * mm, height - 24 * mm, width - 24 * mm, height - 24 * mm)
    canvas.setFillColor("#666a74")
    canvas.setFont("Slanted", 8)
    canvas.drawString(24 * mm, 14 * mm, DISCLAIMER)
    canvas.drawRightString(width - 24 * mm, 14 * mm, f"Page {document.page} of {len(LETTER)}")
    canvas.restoreState()


# --- odd PDFs -------------------------------------------------------------------------


def mixed():
    """Three pages: one with text, one that is a scan, one turned on its side."""
    file = io.BytesIO()
    sheet = canvas.Canvas(file, pagesize=A4, invariant=1)
    sheet.setFont("Helvetica", 12)
    sheet.drawString(72, 760, "Ferritin 38 ug/L")
    sheet.drawString(300, 760, "15 - 200")
    sheet.drawString(72, 730, "Repeat in 6-8 weeks")
    sheet.showPage()
    scan = Image.new("L", (1240, 1754), 255)
    ImageDraw.Draw(scan).text((150, 200), "Potassium 4.4 mmol/L", font=font(REGULAR, 44), fill=0)
    sheet.drawImage(ImageReader(scan.convert("1")), 0, 0, *A4)
    sheet.setFont("Helvetica", 8)
    sheet.drawString(72, 820, "Scanned on 14 March 2026")
    sheet.showPage()
    sheet.setPageRotation(90)
    sheet.rotate(90)
    sheet.setFont("Helvetica", 12)
    sheet.drawString(72, -100, "Sodium 139 mmol/L")
    sheet.showPage()
    sheet.save()
    return file.getvalue()


def sheet():
    """A page of 41 inches with a line and no text."""
    file = io.BytesIO()
    page = canvas.Canvas(file, pagesize=(41 * 72, 100), invariant=1)
    page.line(10, 10, 90, 90)
    page.showPage()
    page.save()
    return file.getvalue()


def form():
    """An XFA form: its one page only says that the form itself needs another reader."""
    text = b"BT /F1 12 Tf 72 700 Td (Please wait...) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /NeedsRendering true /AcroForm << /Fields [] /XFA 6 0 R >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length 10 >>\nstream\n<template>\nendstream",
    ]
    file, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return file + head + table + trailer % (len(objects) + 1, len(file))


def wide():
    """A picture with one pixel more on a side than the reader takes."""
    file = io.BytesIO()
    Image.new("1", (10_001, 8), 1).save(file, "PNG")
    return file.getvalue()


# --- files that must be refused -------------------------------------------------------


def windows_program():
    """The headers of a Windows program with no section and no code: it cannot run."""
    stub = b"MZ" + bytes(58) + struct.pack("<I", 0x80)
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, 0, 0, 0, 0, 240, 0x22)
    return stub.ljust(0x80, b"\0") + coff + struct.pack("<H", 0x20B).ljust(240, b"\0")


def linux_program():
    """The header of a Linux program with no segment and no entry point: it cannot run."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(zipfile.ZipInfo("note.txt", (2026, 3, 14, 0, 0, 0)), "An archive is no page.\n")
    return file.getvalue()


def dot(format_name):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(file, format_name)
    return file.getvalue()


HTML = b"<!doctype html>\n<title>No image</title>\n<p>A page of markup under an image's name.</p>\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>\n'

# name: (bytes, content type it is declared with, what it is)
REFUSED = {
    "windows-program.pdf": (windows_program(), "application/pdf", "headers of a Windows program"),
    "linux-program.jpg": (linux_program(), "image/jpeg", "header of a Linux program"),
    "shell-script.png": (b"#!/bin/sh\nexit 0\n", "image/png", "shell script"),
    "archive.pdf": (archive(), "application/pdf", "ZIP archive"),
    "markup.png": (HTML, "image/png", "HTML page"),
    "drawing.png": (SVG, "image/png", "SVG drawing, a type that is not accepted"),
    "picture.gif.png": (dot("GIF"), "image/png", "GIF picture, a type that is not accepted"),
    "really-png.jpg": (dot("PNG"), "image/jpeg", "PNG picture: accepted, but not under this content type"),
    "late-magic.pdf": (HTML + b"%PDF-1.7\n%%EOF\n", "application/pdf", "HTML page with PDF magic in its middle"),
    "binary.txt": (bytes(range(256)), "text/plain", "bytes that are no UTF-8 text"),
    "empty.pdf": (b"", "application/pdf", "nothing at all"),
}


# --- what a reader must find ----------------------------------------------------------

# Only what Tesseract reads at the size of the file, at one and a half and at twice that size,
# so that a test fails for a broken reader and not for another way of preparing the picture.
# No phrase reaches over two cells of a table: readers part lines there.
TRUTH = {
    "prescription.jpg": {
        "contentType": "image/jpeg",
        "pages": 1,
        "words": [
            "Prescription", "Lindqvist", "Amlodipine", "Metformin", "Atorvastatin", "morning",
            "twice", "night", "Penicillin", "Halloran",
        ],
        "phrases": ["Amlodipine 5 mg", "Metformin 500 mg", "Atorvastatin 20 mg"],
    },
    "lab-report.png": {
        "contentType": "image/png",
        "pages": 1,
        "words": [
            "Laboratory", "Lindqvist", "Haemoglobin", "Platelets", "Ferritin", "Potassium", "Creatinine",
            "Cholesterol", "Triglycerides", "mmol/L", "Reference", "WL-2026-00831", "412", "8.1",
        ],
        "phrases": ["Glucose, fasting", "iron deficiency"],
    },
    "fax.tif": {
        "contentType": "image/tiff",
        "pages": 2,
        "words": [],
        "phrases": [],
        "wordsByPage": [
            ["Prescription", "Lindqvist", "Amlodipine", "Metformin", "Atorvastatin", "Halloran"],
            ["Laboratory", "Haemoglobin", "Ferritin", "Potassium", "Creatinine", "WL-2026-00831"],
        ],
    },
    "referral-letter.pdf": {
        "contentType": "application/pdf",
        "pages": len(LETTER),
        "words": ["cardiology", "Marchetti", "Lindqvist", "Hypertension", "Electrocardiogram", "diltiazem"],
        "phrases": [],
        "wordsByPage": [
            ["Referral", "Marchetti", "palpitations", "echocardiography", "anticoagulation"],
            ["Hypertension", "Amlodipine", "Metformin", "Electrocardiogram", "Ferritin"],
            ["diary", "diltiazem", "asthma", "daughter", "appointment"],
        ],
    },
}


def truth():
    refused = {name: {"declaredContentType": kind, "is": what} for name, (_, kind, what) in REFUSED.items()}
    text = json.dumps({"documents": TRUTH, "refused": refused}, indent=2, ensure_ascii=False)
    return (text + "\n").encode()


def samples():
    files = {
        "documents/prescription.jpg": prescription(),
        "documents/lab-report.png": lab_report(),
        "documents/referral-letter.pdf": referral_letter(),
        "documents/fax.tif": fax(),
        "documents/truth.json": truth(),
        "odd/mixed.pdf": mixed(),
        "odd/sheet.pdf": sheet(),
        "odd/form.pdf": form(),
        "odd/wide.png": wide(),
    }
    files |= {f"refused/{name}": content for name, (content, _, _) in REFUSED.items()}
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files here, write nothing")
    check = parser.parse_args().check
    wrong = []
    for name, content in samples().items():
        path = HERE / name
        if len(content) > MAX_BYTES:
            wrong.append(f"{name}: {len(content)} bytes, at most {MAX_BYTES} are allowed")
        elif check and (not path.is_file() or path.read_bytes() != content):
            wrong.append(f"{name}: differs from what this script makes")
        elif not check:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        print(f"{len(content):>7}  {name}")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
