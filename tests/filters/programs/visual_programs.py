"""Ordinary pictures and PDFs, made by the programs that people make them with.

Each maker takes a folder and gives the files it has made there, or names the program that is
missing (docs/filters/image.md and docs/filters/pdf.md say how to install them; .ci/run does).
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

Maker = Callable[[Path], list[Path]]
WITHIN_S = 180


def needs(*programs: str) -> None:
    """Skip the test unless one of the programs is there."""
    if not any(map(shutil.which, programs)):
        pytest.skip(f"{programs[0]} is not installed: apt-get install it (docs/filters)")


def run(folder: Path, *command: str) -> None:
    """Run a program in a folder; its failure is the test's."""
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=WITHIN_S)
    assert done.returncode == 0, (command, done.stderr[-500:])


def scene(width: int = 320, height: int = 240) -> Any:
    """A picture with a sky, edges, text-like strokes and noise, as a photograph has them."""
    y, x = np.mgrid[0:height, 0:width]
    red = 120 + 100 * np.sin(x / 37) * np.cos(y / 23)
    green = y * 255 / height
    blue = 255 - x * 200 / width
    base = np.stack([red, green, blue], -1)
    base[height // 3 : height // 2, width // 4 : width // 2] = (240, 240, 20)
    base[::17, :, :] *= 0.6
    noise = np.random.default_rng(11).normal(0, 6, base.shape)
    return (base + noise).clip(0, 255).astype(np.uint8)


def _source(folder: Path) -> Path:
    path = folder / "scene.png"
    Image.fromarray(scene()).save(path)
    return path


def pillow(folder: Path) -> list[Path]:
    image = Image.fromarray(scene())
    made = []
    for form, options in (
        ("png", {"optimize": True}), ("jpeg", {"quality": 85, "progressive": True}),
        ("webp", {"quality": 80}), ("tiff", {"compression": "tiff_lzw"}), ("gif", {}), ("bmp", {}),
    ):  # fmt: skip
        made.append(folder / f"pillow.{form}")
        image.save(made[-1], form, **options)
    return made


def image_magick(folder: Path) -> list[Path]:
    needs("convert", "magick")
    program = "magick" if shutil.which("magick") else "convert"
    source = _source(folder)
    made = [folder / f"magick.{form}" for form in ("png", "jpg", "gif", "tiff", "bmp", "webp")]
    for path in made:
        run(folder, program, str(source), "-strip", str(path))
    made.append(folder / "magick-metadata.jpg")
    run(folder, program, str(source), "-comment", "a comment", "-quality", "92", str(made[-1]))
    return made


def graphics_magick(folder: Path) -> list[Path]:
    needs("gm")
    source = _source(folder)
    made = [folder / f"gm.{form}" for form in ("png", "jpg", "gif", "tiff", "bmp")]
    for path in made:
        run(folder, "gm", "convert", str(source), str(path))
    return made


def ffmpeg(folder: Path) -> list[Path]:
    needs("ffmpeg")
    source = _source(folder)
    made = [folder / f"ffmpeg.{form}" for form in ("png", "jpg", "gif", "tiff", "bmp", "webp")]
    for path in made:
        run(folder, "ffmpeg", "-loglevel", "error", "-y", "-i", str(source), str(path))
    made.append(folder / "ffmpeg-moving.gif")
    moving = ("-f", "lavfi", "-i", "testsrc=size=120x90:rate=5:duration=1")
    run(folder, "ffmpeg", "-loglevel", "error", "-y", *moving, str(made[-1]))
    return made


def jpeg_and_web_tools(folder: Path) -> list[Path]:
    needs("cjpeg")
    needs("cwebp")
    needs("gifsicle")
    source = _source(folder)
    plain = folder / "scene.ppm"
    Image.fromarray(scene()).save(plain)
    run(folder, "cjpeg", "-quality", "80", "-outfile", "cjpeg.jpg", str(plain))
    run(folder, "cjpeg", "-quality", "95", "-sample", "1x1", "-restart", "4", "-outfile",
        "cjpeg-whole.jpg", str(plain))  # fmt: skip
    run(folder, "cjpeg", "-quality", "75", "-sample", "2x1", "-progressive", "-outfile",
        "cjpeg-wide.jpg", str(plain))  # fmt: skip
    run(folder, "cwebp", "-quiet", "-q", "75", str(source), "-o", "cwebp.webp")
    run(folder, "cwebp", "-quiet", "-lossless", str(source), "-o", "cwebp-lossless.webp")
    Image.fromarray(scene()).save(folder / "before.gif")
    run(folder, "gifsicle", "-O3", "--interlace", "before.gif", "-o", "gifsicle.gif")
    names = ("cjpeg.jpg", "cjpeg-whole.jpg", "cjpeg-wide.jpg", "cwebp.webp", "cwebp-lossless.webp",
             "gifsicle.gif")  # fmt: skip
    return [folder / name for name in names]


def tiff_tools(folder: Path) -> list[Path]:
    needs("tiffcp")
    Image.fromarray(scene()).save(folder / "plain.tiff")
    Image.fromarray(scene()).convert("1").save(folder / "two.tiff")
    for name, *options in (
        ("lzw", "-c", "lzw:2"), ("zip", "-c", "zip:2"), ("packbits", "-c", "packbits"),
        ("jpeg", "-c", "jpeg:90", "-r", "16"), ("tiles", "-t", "-w", "64", "-l", "64", "-c", "lzw"),
        ("planes", "-p", "separate", "-c", "lzw"), ("big-endian", "-B"),
    ):  # fmt: skip
        run(folder, "tiffcp", *options, "plain.tiff", f"tiffcp-{name}.tiff")
    run(folder, "tiffcp", "-c", "g4", "two.tiff", "tiffcp-g4.tiff")
    return sorted(folder.glob("tiffcp-*.tiff"))


def matplotlib(folder: Path) -> list[Path]:
    mpl.use("agg")
    from matplotlib import pyplot  # after the choice of what it draws with

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(6, 3))
    left.plot(np.arange(50), np.sin(np.arange(50) / 5), label="sine")
    left.legend()
    left.set_title("Höhe über Zeit")
    right.imshow(scene(64, 48))
    made = [folder / f"matplotlib.{form}" for form in ("png", "jpg", "tiff", "webp", "pdf")]
    for path in made:
        figure.savefig(path)
    pyplot.close(figure)
    return made


def matplotlib_pdf(folder: Path) -> list[Path]:
    """Glyphs that are called like keys of a PDF, in both kinds of font, and its own icons."""
    mpl.use("agg")
    from matplotlib import pyplot  # after the choice of what it draws with

    icons = Path(mpl.get_data_path()).glob("images/*.pdf")
    made = [Path(shutil.copy(icon, folder)) for icon in sorted(icons)]
    for kind in (3, 42):
        with mpl.rc_context({"pdf.fonttype": kind}):
            figure, axes = pyplot.subplots(figsize=(4, 3))
            axes.fill_between([1, 2], [3, 4], alpha=0.3)
            axes.set_title("A GIANT KNOWS WHY")
            made.append(folder / f"matplotlib-{kind}.pdf")
            figure.savefig(made[-1])
            pyplot.close(figure)
    return made


PAGE = """<html><body style="font-family: serif"><h1>A heading</h1>
<p>Ordinary text, <b>bold</b>, <i>italic</i> and <span style="color: #06c">blue</span>: äöü ß é.</p>
<table border="1"><tr><td>first</td><td>second</td></tr></table>
<img src="scene.png" width="200"><p><a href="http://example.org/">a link</a></p></body></html>"""


def libre_office(folder: Path) -> list[Path]:
    needs("soffice")
    _source(folder)
    (folder / "page.html").write_text(PAGE)
    profile = f"-env:UserInstallation=file://{folder}/profile"
    options = ("--headless", "--convert-to", "pdf:writer_web_pdf_Export", "--outdir", "made")
    run(folder, "soffice", profile, *options, "page.html")
    return [folder / "made" / "page.pdf"]


def chromium(folder: Path) -> list[Path]:
    needs("chromium", "chromium-browser", "google-chrome")
    program = next(
        name for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)
    )
    _source(folder)
    (folder / "page.html").write_text(PAGE)
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile")
    run(folder, program, *options, "--print-to-pdf=chromium.pdf", "page.html")
    return [folder / "chromium.pdf"]


POSTSCRIPT = """%!PS
/Times-Roman findfont 24 scalefont setfont 72 700 moveto (Ghostscript writes this) show
0.2 0.4 0.8 setrgbcolor 100 400 200 100 rectfill 4 setlinewidth 100 350 moveto 300 300 lineto stroke
showpage /Courier findfont 12 scalefont setfont 72 700 moveto (the second page) show showpage
"""


def ghostscript(folder: Path) -> list[Path]:
    needs("gs")
    (folder / "page.ps").write_text(POSTSCRIPT)
    run(folder, "gs", "-q", "-dSAFER", "-sDEVICE=pdfwrite", "-o", "gs.pdf", "page.ps")
    run(folder, "gs", "-q", "-dSAFER", "-sDEVICE=pdfwrite", "-dCompatibilityLevel=1.2", "-o",
        "gs-old.pdf", "page.ps")  # fmt: skip
    run(
        folder,
        "gs",
        "-q",
        "-dSAFER",
        "-sDEVICE=pdfimage24",
        "-r100",
        "-o",
        "gs-scan.pdf",
        "page.ps",
    )
    return [folder / name for name in ("gs.pdf", "gs-old.pdf", "gs-scan.pdf")]


def reportlab(folder: Path) -> list[Path]:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas", reason="reportlab is not installed")
    made = folder / "reportlab.pdf"
    page = canvas.Canvas(str(made))
    page.setTitle("A title that does not cross")
    page.setFont("Times-Roman", 20)
    page.drawString(72, 700, "reportlab writes this")
    page.drawImage(str(_source(folder)), 72, 300, 240, 180)
    page.linkURL("http://example.org/", (72, 700, 200, 720))
    page.showPage()
    page.drawString(72, 72, "the second page")
    page.save()
    return [made]


def pillow_pdf(folder: Path) -> list[Path]:
    made = [folder / "pillow.pdf", folder / "pillow-fax.pdf"]
    Image.fromarray(scene()).save(made[0], "PDF")
    Image.fromarray(scene()).convert("1").save(made[1], "PDF")
    return made


PICTURES: tuple[Maker, ...] = (
    pillow, image_magick, graphics_magick, ffmpeg, jpeg_and_web_tools, tiff_tools, matplotlib,
)  # fmt: skip
DOCUMENTS: tuple[Maker, ...] = (
    libre_office, chromium, ghostscript, reportlab, matplotlib, matplotlib_pdf, pillow_pdf,
)  # fmt: skip
