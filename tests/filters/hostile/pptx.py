"""Hostile presentations of PowerPoint, and sound ones with traces that must go."""

from collections.abc import Iterator

from tests.filters.hostile import ooxml_cases
from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.ooxml_cases import EMBEDDED
from tests.filters.hostile.ooxml_forge import ALL, OFFICE, package

PACKS = ("office",)
SLIDE = "ppt/slides/slide1.xml"
FRAME = "<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id='9' name='o'/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><p:xfrm/><a:graphic><a:graphicData uri='u'>{}</a:graphicData></a:graphic></p:graphicFrame>"


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    yield from ooxml_cases.attacks("pptx")
    for what, text in (
        ("OLE object", FRAME.format('<p:oleObj r:id="rId1"><p:embed/></p:oleObj>')),
        ("linked object", FRAME.format('<p:oleObj r:id="rId1"><p:link/></p:oleObj>')),
        ("controls", "<p:controls><p:control r:id='rId1'/></p:controls>"),
        ("ink", "<p:contentPart r:id='rId1'/>"),
        ("hidden object", f"<mc:AlternateContent><mc:Fallback>{FRAME.format('<p:oleObj/>')}"
                          "</mc:Fallback></mc:AlternateContent>"),
    ):  # fmt: skip
        yield Case(f"slide with {what}", package("pptx").inside(text).write(), EMBEDDED)
    video = "<p:pic><p:nvPicPr><p:cNvPr id='9' name='v'/><p:cNvPicPr/><p:nvPr><a:videoFile r:link='rId1'/></p:nvPr></p:nvPicPr><p:blipFill/><p:spPr/></p:pic>"
    yield Case("slide with a video", package("pptx").inside(video).write(), EMBEDDED)
    sound_file = video.replace("videoFile", "wavAudioFile")
    yield Case("slide with a sound", package("pptx").inside(sound_file).write(), EMBEDDED)
    for what, target, word in (
        ("layout of a layout", "../slideMasters/slideMaster1.xml", "slideLayout"),
        ("master that is a slide", "../slides/slide1.xml", "slideMaster"),
    ):
        made = package("pptx")
        made.links["ppt/slideLayouts/slideLayout1.xml"] = []
        made.links[SLIDE] = []
        made.link(SLIDE, "slideLayout", "../slideLayouts/slideLayout1.xml")
        made.link("ppt/slideLayouts/slideLayout1.xml", word, target)
        wrong = (
            ("office-package",) if word == "slideMaster" else ("office-package", "schema-invalid")
        )
        if word == "slideMaster":
            yield Case(f"parts confused: {what}", made.write(), wrong)
    made = package("pptx")
    made.types[SLIDE] = OFFICE + "presentationml.slideLayout+xml"
    yield Case("slide of another type", made.write(), ("office-package",))
    made = package("pptx")
    made.parts[SLIDE] = made.parts[SLIDE].replace(b"p:sld", b"p:sldLayout")
    yield Case("slide of another root", made.write(), ("office-part",))


def sound() -> Iterator[Sound]:
    """Samples that must pass, with what must not survive."""
    yield from ooxml_cases.ordinary("pptx")
    made = package("pptx")
    made.put("ppt/notesSlides/n.xml", f"<p:notes {ALL}>TRACE1</p:notes>",
             OFFICE + "presentationml.notesSlide+xml")  # fmt: skip
    made.link(SLIDE, "notesSlide", "../notesSlides/n.xml")
    made.put("ppt/comments/c.xml", "<TRACE2/>", "application/xml")
    made.link(SLIDE, "comments", "../comments/c.xml")
    made.put("ppt/tags/t.xml", "<TRACE3/>", "application/xml").link(SLIDE, "tags", "../tags/t.xml")
    made.put("ppt/slides/slide2.xml", made.parts[SLIDE].replace(b"all is well", b"TRACE4"),
             made.types[SLIDE])  # fmt: skip
    made.link(made.main, "slide", "slides/slide2.xml")
    run = "<p:sp><p:nvSpPr><p:cNvPr id='7' name='l'><a:hlinkClick r:id='rId9' action='ppaction://program?TRACE5'/></p:cNvPr><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/></p:sp>"
    made.inside(run).link(SLIDE, "hyperlink", "file:///TRACE6.exe", "External", "rId9")
    made.parts[SLIDE] = made.parts[SLIDE].replace(
        b"</p:cSld>", b"</p:cSld><p:timing><p:tnLst>TRACE7</p:tnLst></p:timing>"
    )
    yield Sound(
        "notes, comments, tags, unlisted slides, actions", made.write(method=0), (b"TRACE",)
    )
