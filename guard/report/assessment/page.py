"""A report as one HTML file, and as PDF: no script, no network, readable by a screen reader.

Takes an `Assessment`, gives the page; everything in it is escaped by the template engine. The
pictures are in it as data, the style is allowed by its hash and nothing else is. PDF is made by
WeasyPrint from the same page, with a fetcher that fetches nothing.
"""

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from guard.report.assessment.charts import charts
from guard.report.assessment.nouns import Assessment
from guard.report.assessment.plain import printable
from guard.report.assessment.words import Table, cell_text, moment, tables, verdict

_HERE = "guard.report.assessment"
_ALTERNATIVES = {
    "traffic": "Messages passed, refused and held over time; the figures are in the table below.",
    "refusals": "Messages refused by reason; the figures are in the table below.",
}
_ACROSS, _LONG_WORD, _LONG_TEXT, _PADDING = 150, 20, 120, 3  # characters
_PICTURE_OF = {"traffic": "traffic", "refused-by-reason": "refusals"}


def as_html(found: Assessment) -> str:
    """One self-contained page."""
    told = tables(found)
    style = (files(_HERE) / "report.css").read_text("utf-8") + _widths(told)
    template = (files(_HERE) / "report.html.j2").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    environment.filters["printable"] = printable
    environment.filters["cell_text"] = cell_text
    pictures = {name: _data(svg) for name, svg in charts(found).items()}
    return environment.from_string(template).render(
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        found=found, verdict=verdict(found), tables=told, moment=moment,
        picture={table: pictures.get(name) for table, name in _PICTURE_OF.items()},
        alternative={table: _ALTERNATIVES[name] for table, name in _PICTURE_OF.items()},
    )  # fmt: skip


def as_pdf(page: str) -> bytes:
    """The page on paper. Raises ImportError where WeasyPrint's libraries are not installed."""
    from weasyprint import HTML  # only here: it loads Pango
    from weasyprint.urls import URLFetcher

    only_what_is_in_it = URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    return bytes(HTML(string=page, url_fetcher=only_what_is_in_it).write_pdf())


def _widths(told: Iterable[Table]) -> str:
    """Style that gives each column its share on paper: a layout that would look for the shares
    itself tries every place where a line could break, and takes longer than all the rest."""
    rules = [
        f"#{table.name}-table col:nth-child({at}) {{ width: {share}%; }}"
        for table in told if table.rows
        for at, share in enumerate(_shares(table), start=1)
    ]  # fmt: skip
    return "@media print {\n" + "\n".join(rules) + "\n}\n"


def _shares(table: Table) -> list[int]:
    """Percent of the width: what the longest word needs, and of the rest as the usual text asks."""
    words, texts = [], []
    for head, *cells in zip(table.heads, *table.rows, strict=True):
        told = [cell_text(cell) for cell in cells]
        word = max(len(word) for text in (head, *told) for word in text.split() or [""])
        words.append(min(word, _LONG_WORD) + _PADDING)
        texts.append(min(sum(map(len, told)) / len(told), _LONG_TEXT) + 1)
    rest = max(0, _ACROSS - sum(words)) / sum(texts)
    widths = [word + rest * text for word, text in zip(words, texts, strict=True)]
    return [round(100 * width / sum(widths)) for width in widths]


def _data(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
