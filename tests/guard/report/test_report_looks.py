"""The report as people see it: in a browser at two widths, without a request, and on paper."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.report.assessment.page import as_html, as_pdf
from tests.guard.report.test_report import assessed, ledgers
from tests.guard.sites import write

pytestmark = pytest.mark.long

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), "")
WIDTHS = {"desktop": 1280, "phone": 390}
PICTURE_BYTES_MIN = 10_000
WITHIN_S = 90
OF_THE_BROWSER = (".google.com:", ".googleapis.com:", ".gvt1.com", ".google.com/")


def _asked(proxy: socket.socket) -> Iterator[str]:
    """The first line of each request that came to the proxy, which answers none."""
    proxy.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            connection, _ = proxy.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                yield connection.recv(4096).decode("latin-1").partition("\r\n")[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("looks")
    for side, entries in ledgers().items():
        write(site, side, entries)
    return site


@pytest.mark.skipif(not CHROMIUM, reason="needs chromium: apt-get install chromium")
@pytest.mark.parametrize("name", WIDTHS)
def test_a_browser_shows_it_and_asks_nobody(site: Path, tmp_path: Path, name: str) -> None:
    page, picture = tmp_path / "report.html", tmp_path / f"{name}.png"
    page.write_text(as_html(assessed(site)))
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        port = proxy.getsockname()[1]
        subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-background-networking", "--disable-component-update", "--no-first-run",
             f"--proxy-server=127.0.0.1:{port}", "--proxy-bypass-list=<-loopback>",
             f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}",
             f"--window-size={WIDTHS[name]},2000", page.as_uri()],
            check=True, timeout=WITHIN_S, capture_output=True,
            env=os.environ | {"HOME": str(tmp_path)},
        )  # fmt: skip
        asked = list(_asked(proxy))
    assert [line for line in asked if not any(own in line for own in OF_THE_BROWSER)] == []
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == WIDTHS[name]
    assert len(content) > PICTURE_BYTES_MIN


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs pdftotext: poppler-utils")
def test_the_pages_for_paper_have_the_verdict_first(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(as_pdf(as_html(assessed(site))))
    done = subprocess.run(["pdftotext", file, "-"], capture_output=True, text=True, check=True)
    pages = done.stdout.split("\f")[:-1]
    assert 2 <= len(pages) <= 60
    assert "every message that was sent is accounted for" in " ".join(pages[0].split())
    assert "Controls" in done.stdout
