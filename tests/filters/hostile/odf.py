"""Hostile formulas of OpenDocument (MathML in a package), and sound ones with traces that must go."""

from collections.abc import Iterator

from filters.formats.odf_words import RULED
from tests.filters.hostile import odf_cases
from tests.filters.hostile.cases import Case, Sound
from tests.filters.hostile.odf_forge import ALL, FORMULA, PREFIXES, TYPES, package

PACKS = ("office",)
_WITHOUT_CHOICE = ("comments",)  # left out of a document that passes
_MATH = "<math:math><math:mi>a</math:mi></math:math>"


def hostile() -> Iterator[Case]:
    """Every sample that must not pass."""
    yield from odf_cases.packages("odf")
    short = {uri: prefix for prefix, uri in PREFIXES.items()}
    for tag, (rule, reason) in RULED.items():
        uri, _, name = tag.removeprefix("{").partition("}")
        if rule not in _WITHOUT_CHOICE and uri in short:
            inside = f"<{short[uri]}:{name}/>"
            yield Case(
                f"{short[uri]}:{name} in a formula",
                package("odf").inside(inside).write(),
                (reason,),
            )
    other = package("odt").parts["content.xml"]
    yield Case("a text", package("odf").put("content.xml", other).write(), ("office-part",))
    formula = package("odt").put("content.xml", FORMULA).write()
    yield Case("a formula that says it is a text", formula, ("office-part",))
    html = f"<html {ALL}>{_MATH}</html>"
    yield Case("a formula in a page", package("odf").put("content.xml", html).write(),
               ("office-part",))  # fmt: skip
    made = package("odt")
    made.listed["Object 1/"] = TYPES["odf"]
    made.put("Object 1/content.xml", other)
    frame = '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'
    yield Case("an object that is no formula", made.paragraph(frame).write(), ("office-part",))


def sound() -> Iterator[Sound]:
    """Samples that must pass, with what must not survive."""
    yield Sound("smallest", package("odf").write())
    made = package("odf").put("meta.xml", "<m>TRACE1</m>").put("settings.xml", "<s>TRACE2</s>")
    made.put("Configurations2/TRACE0.xml", "<a/>")
    made.inside(
        '<math:mtext math:href="TRACE3" xlink:href="TRACE4" id="TRACE5" class="TRACE6">x</math:mtext>'
        "<math:maction><math:mi>TRACE7</math:mi></math:maction>"
        "<draw:frame><draw:text-box><text:p>TRACE8</text:p></draw:text-box></draw:frame>"
        '<math:semantics><math:mi>b</math:mi><math:annotation encoding="MathType-MTEF">TRACE9'
        '</math:annotation><math:annotation encoding="StarMath 5.0" id="TRACEC">b %% TRACED\n+ c'
        "</math:annotation><math:annotation-xml>TRACEA</math:annotation-xml>\n</math:semantics>"
        "<!-- TRACEB -->"
    )
    yield Sound("everything that goes", made.write(), (b"TRACE",))
    lines = "<math:mfrac>\n <math:maction/>\n <math:mi>a</math:mi>\n</math:mfrac>"
    yield Sound("a fraction over nothing, in lines", package("odf").inside(lines).write())
    made = package("odt").paragraph(f"<draw:frame><draw:object>{_MATH}</draw:object></draw:frame>")
    yield Sound("a formula that stands in the text", made.write())
    made = package("odt")
    made.listed["Object 1/"] = TYPES["odf"]
    made.put("Object 1/content.xml", FORMULA).put("Object 1/TRACE.xml", "<a/>")
    frame = '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'
    yield Sound("a formula in a text", made.paragraph(frame).write(), (b"TRACE",))
