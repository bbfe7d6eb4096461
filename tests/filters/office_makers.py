"""Ordinary office documents: flat OpenDocument to be converted, and what Python libraries write.

LibreOffice makes the documents (`apt-get install --no-install-recommends libreoffice-writer
libreoffice-calc libreoffice-impress libreoffice-draw libreoffice-math`), poppler's pdftoppm their
pictures.
"""

import base64
import io
import os
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from tests.filters.hostile.odf_forge import ALL

MARGIN_S = 180
_MORE = (
    'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" '
    'xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0"'
)
_GEOMETRY = (
    '<draw:enhanced-geometry svg:viewBox="0 0 21600 21600" draw:type="ellipse" '
    'draw:enhanced-path="U 10800 10800 10800 10800 0 360 Z N"/>'
)


def picture() -> bytes:
    """A small PNG with a gradient."""
    made = Image.new("RGB", (60, 40))
    made.putdata([(x * 4, y * 6, 128) for y in range(40) for x in range(60)])
    stream = io.BytesIO()
    made.save(stream, "PNG")
    return stream.getvalue()


def _frame(place: str) -> str:
    data = base64.b64encode(picture()).decode()
    return (
        f'<draw:frame {place} svg:width="3cm" svg:height="2cm"><draw:image>'
        f"<office:binary-data>{data}</office:binary-data></draw:image></draw:frame>"
    )


def _flat(kind: str, styles: str, body: str, masters: str = "") -> str:
    media_type = f"application/vnd.oasis.opendocument.{kind}"
    body_name = "drawing" if kind == "graphics" else kind
    return (
        f'<?xml version="1.0"?><office:document {ALL} {_MORE} office:version="1.3" '
        f'office:mimetype="{media_type}"><office:automatic-styles>{styles}'
        f"</office:automatic-styles><office:master-styles>{masters}</office:master-styles>"
        f"<office:body><office:{body_name}>{body}</office:{body_name}></office:body></office:document>"
    )


def text() -> str:
    """A text with headings, notes, fields, lists, a merged table, frames, shapes and columns."""
    styles = (
        '<style:style style:name="B" style:family="text"><style:text-properties '
        'fo:font-weight="bold" fo:background-color="#ffff00"/></style:style>'
        '<style:style style:name="S" style:family="section"><style:section-properties>'
        '<style:columns fo:column-count="2" fo:column-gap="1cm"/></style:section-properties>'
        "</style:style>"
        '<style:page-layout style:name="L"><style:page-layout-properties fo:margin="2cm" '
        'fo:page-width="21cm" fo:page-height="29.7cm"/><style:header-style/></style:page-layout>'
        '<style:style style:name="C" style:family="table-cell"><style:table-cell-properties '
        'fo:border="0.5pt solid #000000" fo:background-color="#ddeeff"/></style:style>'
    )
    masters = (
        '<style:master-page style:name="Standard" style:page-layout-name="L"><style:header>'
        "<text:p>Page <text:page-number/></text:p></style:header></style:master-page>"
    )
    row = "".join(
        f'<table:table-cell table:style-name="C"><text:p>{n}</text:p></table:table-cell>'
        for n in (1, 2, 3)
    )
    body = (
        '<text:h text:outline-level="1">Chapter</text:h><text:p>Words <text:span '
        'text:style-name="B">bold</text:span>, a note<text:note text:note-class="footnote">'
        "<text:note-citation>1</text:note-citation><text:note-body><text:p>The note.</text:p>"
        "</text:note-body></text:note>, a tab<text:tab/>here,<text:line-break/>a line and "
        '<text:s text:c="5"/>blanks; <text:bookmark text:name="m"/>here, <text:bookmark-ref '
        'text:reference-format="page" text:ref-name="m">1</text:bookmark-ref>.</text:p>'
        "<text:list><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>one a"
        "</text:p></text:list-item></text:list></text:list-item></text:list>"
        '<table:table table:name="T"><table:table-column table:number-columns-repeated="3"/>'
        '<table:table-row><table:table-cell table:style-name="C" '
        'table:number-columns-spanned="2"><text:p>merged</text:p></table:table-cell>'
        '<table:covered-table-cell/><table:table-cell table:style-name="C"><text:p>c</text:p>'
        f"</table:table-cell></table:table-row><table:table-row>{row}</table:table-row>"
        f"</table:table><text:p>{_frame('text:anchor-type=' + chr(34) + 'as-char' + chr(34))} "
        "inline.</text:p><text:p>"
        '<draw:frame text:anchor-type="paragraph" svg:x="8cm" svg:y="0cm" svg:width="5cm" '
        'svg:height="1cm"><draw:text-box><text:p>in a frame</text:p></draw:text-box></draw:frame>'
        '<draw:custom-shape text:anchor-type="paragraph" svg:x="1cm" svg:y="2cm" '
        f'svg:width="3cm" svg:height="2cm"><text:p>shape</text:p>{_GEOMETRY}</draw:custom-shape>'
        "</text:p>"
        f'<text:section text:style-name="S" text:name="Two"><text:p>{"Columns flow. " * 40}'
        "</text:p></text:section><text:p>Ünïcödé – “quotes” 日本語 العربية</text:p>"
    )
    return _flat("text", styles, body, masters)


def sheet() -> str:
    """A workbook with numbers, formulas, dates, a picture, two sheets and a named range."""
    styles = (
        '<number:date-style style:name="N"><number:day number:style="long"/><number:text>.'
        "</number:text><number:month/></number:date-style>"
        '<style:style style:name="D" style:family="table-cell" style:data-style-name="N">'
        '<style:table-cell-properties fo:background-color="#ccffcc"/></style:style>'
    )
    rows = "".join(
        f'<table:table-row><table:table-cell office:value-type="float" office:value="{n}"/>'
        f'<table:table-cell table:formula="of:=[.A{n + 1}]*2+SUM([.A1:.A{n + 1}])"/>'
        f'<table:table-cell office:value-type="string"><text:p>row {n}</text:p>'
        f'</table:table-cell><table:table-cell table:style-name="D" office:value-type="date" '
        f'office:date-value="2026-03-{n + 1:02d}"/></table:table-row>'
        for n in range(20)
    )
    shapes = f"<table:shapes>{_frame('svg:x=' + chr(34) + '12cm' + chr(34))}</table:shapes>"
    body = (
        f'<table:table table:name="Numbers">{shapes}<table:table-column '
        f'table:number-columns-repeated="4"/>{rows}</table:table>'
        '<table:table table:name="My other sheet"><table:table-row><table:table-cell '
        'table:formula="of:=[$Numbers.A5]"/></table:table-row></table:table>'
        '<table:named-expressions><table:named-range table:name="rng" '
        'table:base-cell-address="$Numbers.$A$1" '
        'table:cell-range-address="$Numbers.$A$1:.$A$5"/></table:named-expressions>'
    )
    return _flat("spreadsheet", styles, body)


def slides(kind: str) -> str:
    """Two slides (or pages of a drawing) with text, shapes, a group and a picture."""
    styles = (
        '<style:page-layout style:name="L"><style:page-layout-properties fo:page-width="28cm" '
        'fo:page-height="15.75cm"/></style:page-layout><style:style style:name="G" '
        'style:family="graphic"><style:graphic-properties draw:fill="solid" '
        'draw:fill-color="#88aaff" svg:stroke-color="#003366" draw:opacity="80%"/></style:style>'
    )
    masters = '<style:master-page style:name="M" style:page-layout-name="L"/>'
    page = (
        '<draw:page draw:name="{0}" draw:master-page-name="M"><draw:frame svg:x="2cm" svg:y="1cm" '
        'svg:width="20cm" svg:height="2cm"><draw:text-box><text:p>Slide {0}</text:p>'
        '</draw:text-box></draw:frame><draw:custom-shape svg:x="3cm" svg:y="5cm" svg:width="6cm" '
        f'svg:height="4cm" draw:style-name="G"><text:p>shape</text:p>{_GEOMETRY}'
        f"</draw:custom-shape>{_frame('svg:x=' + chr(34) + '12cm' + chr(34))}<draw:g><draw:rect "
        'svg:x="3cm" svg:y="11cm" svg:width="2cm" svg:height="2cm"/><draw:line svg:x1="6cm" '
        'svg:y1="11cm" svg:x2="9cm" svg:y2="13cm"/></draw:g></draw:page>'
    )
    return _flat(kind, styles, page.format("one") + page.format("two"), masters)


FORMULA = (
    '<math:math xmlns:math="http://www.w3.org/1998/Math/MathML" display="block"><math:semantics>'
    "<math:mrow><math:mi>E</math:mi><math:mo>=</math:mo><math:mi>m</math:mi><math:msup><math:mi>c"
    "</math:mi><math:mn>2</math:mn></math:msup><math:mo>+</math:mo><math:munderover><math:mo>∑"
    "</math:mo><math:mrow><math:mi>i</math:mi><math:mo>=</math:mo><math:mn>1</math:mn></math:mrow>"
    "<math:mi>n</math:mi></math:munderover><math:mfrac><math:mn>1</math:mn><math:msqrt><math:mi>x"
    "</math:mi></math:msqrt></math:mfrac></math:mrow>"
    '<math:annotation encoding="StarMath 5.0">{a over b} + c = vec F + bold v '
    "sum from {i = 1} to n {1 over sqrt x}"
    "</math:annotation></math:semantics></math:math>"
)


def with_formula() -> str:
    """A text with a formula in a line."""
    place = 'text:anchor-type="as-char" svg:width="5cm" svg:height="1.5cm"'
    frame = f"<draw:frame {place}><draw:object>{FORMULA}</draw:object></draw:frame>"
    body = f"<text:p>Before {frame} after.</text:p>"
    return _flat("text", "", body)


# Name of a document -> flat source, and LibreOffice's filter for what is made of it.
CONVERTED = {
    "text.odt": (text(), "fodt", "odt"),
    "text.docx": (text(), "fodt", "docx:MS Word 2007 XML"),
    "sheet.ods": (sheet(), "fods", "ods"),
    "sheet.xlsx": (sheet(), "fods", "xlsx:Calc MS Excel 2007 XML"),
    "slides.odp": (slides("presentation"), "fodp", "odp"),
    "slides.pptx": (slides("presentation"), "fodp", "pptx:Impress MS PowerPoint 2007 XML"),
    "drawing.odg": (slides("graphics"), "fodg", "odg"),
    "formula.odf": (FORMULA.replace("xmlns:math", "xmlns").replace("math:", ""), "mml", "odf"),
    "formula.odt": (with_formula(), "fodt", "odt"),
    "formula.docx": (with_formula(), "fodt", "docx:MS Word 2007 XML"),
}


class Office:
    """LibreOffice, with a profile of its own; skips the test where it is missing."""

    def __init__(self, folder: Path) -> None:
        for program in ("soffice", "pdftoppm"):
            if shutil.which(program) is None:
                pytest.skip(f"this host has no {program}")
        self.folder = folder

    def convert(self, document: Path, form: str) -> Path:
        """The document in another form, beside it."""
        out = document.parent / "made"
        profile = f"-env:UserInstallation=file://{self.folder}/profile"
        subprocess.run(
            ["soffice", "--headless", profile, "--convert-to", form, "--outdir", str(out),
             str(document)],
            env={**os.environ, "HOME": str(self.folder)}, check=True, capture_output=True,
            timeout=MARGIN_S,
        )  # fmt: skip
        return out / f"{document.stem}.{form.partition(':')[0]}"

    def pictures(self, document: Path) -> list[Image.Image]:
        """What a reader sees of each page."""
        made = self.convert(document, "pdf")
        stem = made.parent / f"page-{document.stem}"
        subprocess.run(["pdftoppm", "-r", "40", "-png", str(made), str(stem)], check=True)
        return [Image.open(path) for path in sorted(made.parent.glob(f"{stem.name}*.png"))]


def library(name: str) -> ModuleType:
    """A library that only these tests use; skips the test where it is missing."""
    try:
        return import_module(name)
    except ImportError:
        pytest.skip(f"this environment has no {name}")


def of_python_docx() -> bytes:
    """A docx with headings, lists, a styled table, a picture, header and footer."""
    made: Any = library("docx").Document()
    made.add_heading("A heading", 0)
    made.add_paragraph("Plain and ").add_run("bold").bold = True
    made.add_paragraph("first", style="List Bullet")
    table = made.add_table(rows=2, cols=2)
    table.style = "Light Grid Accent 1"
    table.cell(0, 0).text = "cell"
    made.add_picture(io.BytesIO(picture()))
    made.sections[0].header.paragraphs[0].text = "the header"
    made.core_properties.author = "TRACE-AUTHOR"
    return _saved(made)


def of_openpyxl() -> bytes:
    """An xlsx with formulas, styles, a chart, a picture, a table and rules."""
    openpyxl = library("openpyxl")
    made: Any = openpyxl.Workbook()
    first = made.active
    for n in range(1, 12):
        first.append([n, n * n, f"=A{n}*B{n}", f"text {n}"])
    first["A1"].font = library("openpyxl.styles").Font(bold=True, color="FF0000")
    first.merge_cells("E1:F2")
    chart = library("openpyxl.chart")
    bars = chart.BarChart()
    bars.add_data(chart.Reference(first, min_col=2, min_row=1, max_row=9))
    first.add_chart(bars, "H2")
    first.add_image(library("openpyxl.drawing.image").Image(io.BytesIO(picture())), "H20")
    second = made.create_sheet("Second")
    second.append(["a", "b"])
    second.append([1, 2])
    tables = library("openpyxl.worksheet.table")
    second.add_table(tables.Table(displayName="T1", ref="A1:B2"))
    made.properties.creator = "TRACE-AUTHOR"
    return _saved(made)


def of_python_pptx() -> bytes:
    """A pptx with a title, bullets, a table, a picture, a chart and speaker notes."""
    pptx = library("pptx")
    made: Any = pptx.Presentation()
    slide = made.slides.add_slide(made.slide_layouts[1])
    slide.shapes.title.text = "The title"
    slide.placeholders[1].text_frame.text = "one"
    slide.notes_slide.notes_text_frame.text = "TRACE-NOTES"
    inch = pptx.util.Inches(1)
    slide = made.slides.add_slide(made.slide_layouts[5])
    slide.shapes.add_picture(io.BytesIO(picture()), inch, inch)
    slide.shapes.add_table(2, 2, 3 * inch, inch, 3 * inch, inch).table.cell(0, 0).text = "cell"
    data = library("pptx.chart.data").CategoryChartData()
    data.categories = ["E", "W"]
    data.add_series("S", (3, 5))
    kind = library("pptx.enum.chart").XL_CHART_TYPE.COLUMN_CLUSTERED
    slide.shapes.add_chart(kind, inch, 3 * inch, 4 * inch, 3 * inch, data)
    made.core_properties.author = "TRACE-AUTHOR"
    return _saved(made)


def _saved(made: Any) -> bytes:
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


WRITTEN = {
    "python.docx": of_python_docx, "python.xlsx": of_openpyxl, "python.pptx": of_python_pptx,
}  # fmt: skip
