"""Writes labels.json: written labels and what they say, put down by hand from the standards.

Run as `python -m tests.vectors.labels.make`. What a label says is not taken from our readers.
"""

import json
from pathlib import Path
from typing import Any

SLAB = 'xmlns:slab="urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"'
CREATED, REVIEW = "2026-09-26T12:00:00Z", "2031-09-26T00:00:00Z"
MADE = f"<slab:CreationDateTime>{CREATED}</slab:CreationDateTime>"
CREATED_MS, REVIEW_MS = 1_790_424_000_000, 1_948_147_200_000


def label(
    policy: str, uri: str, classification: str, *categories: list[Any], **around: Any
) -> dict[str, Any]:
    """A label as the vectors write it."""
    return {
        "policy": [policy, uri], "classification": classification,
        "categories": sorted(categories), **around,
    }  # fmt: skip


def information(inner: str) -> str:
    """A ConfidentialityInformation with this in it."""
    return f"<slab:ConfidentialityInformation>{inner}</slab:ConfidentialityInformation>"


def document(
    inner: str, after: str = MADE, name: str = "originatorConfidentialityLabel",
    attributes: str = "",
) -> str:  # fmt: skip
    """A label document with this information."""
    return f"<slab:{name} {SLAB}{attributes}>{information(inner)}{after}</slab:{name}>"


PLAIN = "<slab:PolicyIdentifier>EXAMPLE</slab:PolicyIdentifier>"
PLAIN += "<slab:Classification>RESTRICTED</slab:Classification>"
RELEASE = '<slab:Category Type="PERMISSIVE" TagName="Releasable To" URI="urn:oid:2.25.1.2">'
RELEASE += "<slab:GenericValue>XBB</slab:GenericValue><slab:GenericValue>XAA</slab:GenericValue>"
RELEASE += "</slab:Category>"
HANDLING = '<slab:Category Type="RESTRICTIVE" TagName="Special Handling">'
HANDLING += "<slab:GenericValue>ALPHA</slab:GenericValue></slab:Category>"
ORIGINATOR = '<slab:OriginatorID IDType="rfc822Name">author@example.org</slab:OriginatorID>'
SUCCESSION = (
    "<slab:SuccessionHandling>"
    "<slab:SuccessionDateTime>2027-01-01T00:00:00Z</slab:SuccessionDateTime>"
    f"<slab:SuccessorConfidentialityLabel>{information(PLAIN.replace('RESTRICTED', 'OPEN'))}{MADE}"
    "</slab:SuccessorConfidentialityLabel></slab:SuccessionHandling>"
)
BARE = label("EXAMPLE", "", "RESTRICTED", created_ms=CREATED_MS)

READ_4774 = [
    ("the least label", document(PLAIN), BARE),
    ("blanks round elements", document(PLAIN).replace("><", ">\n  <"), BARE),
    ("a declaration", '<?xml version="1.0" encoding="UTF-8"?>\n' + document(PLAIN), BARE),
    ("xs:token collapses", document(PLAIN.replace(">RESTRICTED<", ">\n RESTRICTED\t<")), BARE),
    ("another prefix", document(PLAIN).replace("slab:", "s4774:").replace(":slab", ":s4774"), BARE),
    ("the old root", document(PLAIN, name="ConfidentialityLabel"), BARE),
    ("an Id, which no label keeps", document(PLAIN, attributes=' Id="a1"'), BARE),
    (
        "all there is",
        document(
            PLAIN.replace(">EXAMPLE", ' URI="urn:oid:2.25.1">EXAMPLE')
            + "<slab:PrivacyMark>CLEAR WHEN SENT</slab:PrivacyMark>" + RELEASE + HANDLING,
            ORIGINATOR + MADE + SUCCESSION, attributes=f' ReviewDateTime="{REVIEW}"',
        ),
        label(
            "EXAMPLE", "urn:oid:2.25.1", "RESTRICTED",
            ["urn:oid:2.25.1.2", "Releasable To", "permissive", ["XAA", "XBB"]],
            ["", "Special Handling", "restrictive", ["ALPHA"]],
            privacy_mark="CLEAR WHEN SENT", created_ms=CREATED_MS, review_ms=REVIEW_MS,
            originator=["rfc822Name", "author@example.org"],
            successions=[[1_798_761_600_000, label("EXAMPLE", "", "OPEN", created_ms=CREATED_MS)]],
        ),
    ),
    (
        "a time zone and a fraction",
        document(PLAIN, MADE.replace("12:00:00Z", "14:30:00.250+02:30")),
        {**BARE, "created_ms": CREATED_MS + 250},
    ),
    (
        "a reference for a character",
        document(PLAIN.replace("EXAMPLE", "A&amp;B")),
        {**BARE, "policy": ["A&B", ""]},
    ),
]  # fmt: skip

VALUE = "<slab:GenericValue>ALPHA</slab:GenericValue>"
REFUSED_4774 = [
    ("nothing", "", "syntax"),
    ("another root", document(PLAIN, name="Label"), "label-malformed"),
    ("another namespace", document(PLAIN).replace("label:1:0", "label:2:0"), "label-malformed"),
    ("a label of metadata", document(PLAIN, name="metadataConfidentialityLabel"),
     "label-malformed"),
    ("a comment that splits a name", document(PLAIN.replace("RESTR", "RE<!---->STR")),
     "xml-doctype"),
    ("CDATA", document(PLAIN.replace(">RESTRICTED", "><![CDATA[RESTRICTED]]>")), "xml-doctype"),
    ("an entity", document(PLAIN.replace("RESTRICTED", "&r;")), "syntax"),
    ("an instruction", document(PLAIN.replace("RESTRICTED", "<?r?>RESTRICTED")),
     "xml-processing-instruction"),
    ("no policy", document(PLAIN[PLAIN.index("<slab:Cl"):]), "label-malformed"),
    ("no classification", document(PLAIN[: PLAIN.index("<slab:Cl")]), "label-malformed"),
    ("two classifications", document(PLAIN + PLAIN[PLAIN.index("<slab:Cl"):]), "label-malformed"),
    ("the wrong order", document(PLAIN[PLAIN.index("<slab:Cl"):] + PLAIN), "label-malformed"),
    ("no time of creation", document(PLAIN, ""), "label-malformed"),
    ("a time without a zone", document(PLAIN, MADE.replace("Z<", "<")), "label-malformed"),
    ("a day in no calendar", document(PLAIN, MADE.replace("09-26", "02-30")), "label-malformed"),
    ("24 o'clock", document(PLAIN, MADE.replace("12:00", "24:00")), "label-malformed"),
    ("before 1970", document(PLAIN, MADE.replace("2026", "1969")), "label-malformed"),
    ("an empty classification", document(PLAIN.replace("RESTRICTED", " ")), "label-malformed"),
    ("a URI for a classification",
     document(PLAIN.replace("<slab:Classification>", '<slab:Classification URI="urn:oid:1.2">')),
     "label-malformed"),
    ("a type in small letters", document(PLAIN + HANDLING.replace("RESTRICTIVE", "restrictive")),
     "label-malformed"),
    ("no type", document(PLAIN + HANDLING.replace(' Type="RESTRICTIVE"', "")), "label-malformed"),
    ("no tag name", document(PLAIN + HANDLING.replace(' TagName="Special Handling"', "")),
     "label-malformed"),
    ("no value", document(PLAIN + HANDLING.replace(VALUE, "")), "label-malformed"),
    ("a value twice", document(PLAIN + HANDLING.replace(VALUE, VALUE * 2)), "label-malformed"),
    ("a tag twice", document(PLAIN + HANDLING * 2), "label-malformed"),
    ("an IntegerValue", document(PLAIN + HANDLING.replace("GenericValue", "IntegerValue")),
     "label-malformed"),
    ("a value with a blank before it", document(PLAIN + HANDLING.replace(">ALPHA", "> ALPHA")),
     "label-malformed"),
    ("an unknown attribute", document(PLAIN, attributes=' Priority="1"'), "label-malformed"),
    ("an attribute with a namespace",
     document(PLAIN, attributes=' xmlns:x="urn:x" x:ReviewDateTime="' + REVIEW + '"'),
     "label-malformed"),
    ("a foreign element", document(PLAIN + '<x:Marking xmlns:x="urn:x"/>'), "label-malformed"),
    ("text between elements", document("RESTRICTED" + PLAIN), "label-malformed"),
    ("an element in a text", document(PLAIN.replace(">RESTRICTED<", "><b/>RESTRICTED<")),
     "label-malformed"),
    ("an unknown type of id", document(PLAIN, ORIGINATOR.replace("rfc822Name", "nick") + MADE),
     "label-malformed"),
    ("a successor's successor",
     document(PLAIN, MADE + SUCCESSION.replace("</slab:SuccessorC",
                                               SUCCESSION + "</slab:SuccessorC", 1)),
     "label-malformed"),
    ("two successions", document(PLAIN, MADE + SUCCESSION * 2), "label-malformed"),
    ("not in Unicode form NFC", document(PLAIN.replace("RESTRICTED", "RESTREINTE\u0301")),
     "label-malformed"),
    ("an invisible character", document(PLAIN.replace("RESTRICTED", "RESTR\u200bICTED")),
     "label-malformed"),
]  # fmt: skip

SET = {
    1: "04", 2: "02", 3: b"//XAA".hex(), 4: b"ONE/TWO//".hex(), 5: b"FOUO".hex(),
    6: b"XAA XBB".hex(), 9: b"1.4(c)".hex(), 10: b"20391231".hex(), 12: "02",
    13: "XCC;XDD".encode("utf-16-be").hex(), 22: "000c",
}  # fmt: skip
LEAST = {tag: SET[tag] for tag in (1, 2, 3, 12, 13, 22)}
KEY = "060e2b34020301010e01030302000000"
ST0102 = ("MISB ST 0102", "urn:smpte:ul:060e2b34.02030101.0e010303.02000000")


def klv(items: dict[int, str]) -> str:
    """A local set in hexadecimal."""
    return "".join(f"{tag:02x}{len(value) // 2:02x}{value}" for tag, value in items.items())


LEAST_LABEL = label(
    *ST0102, "SECRET",
    ["", "Classifying Country (ISO 3166 three letter)", "informative", ["XAA"]],
    ["", "Object Country (ISO 3166 three letter)", "informative", ["XCC", "XDD"]],
    ["", "Version", "informative", ["12"]],
)  # fmt: skip
READ_ST0102 = [
    ("the least set", klv(LEAST), LEAST_LABEL),
    ("with its universal label", f"{KEY}{len(klv(LEAST)) // 2:02x}{klv(LEAST)}", LEAST_LABEL),
    ("a length of two bytes", f"{KEY}82{len(klv(LEAST)) // 2:04x}{klv(LEAST)}", LEAST_LABEL),
    (
        "all there is", klv(SET),
        {
            **LEAST_LABEL,
            "categories": sorted([
                *LEAST_LABEL["categories"],
                ["", "SCI/SHI", "restrictive", ["ONE", "TWO"]],
                ["", "Caveats", "restrictive", ["FOUO"]],
                ["", "Releasing Instructions (ISO 3166 three letter)", "permissive",
                 ["XAA", "XBB"]],
                ["", "Classification Reason", "informative", ["1.4(c)"]],
                ["", "Declassification Date", "informative", ["20391231"]],
            ]),
        },
    ),
]  # fmt: skip
REFUSED_ST0102 = [
    ("nothing", ""),
    ("another universal label", "060e2b34020301010e010303010000004f" + klv(LEAST)),
    ("longer than it says", f"{KEY}{len(klv(LEAST)) // 2 - 1:02x}{klv(LEAST)}"),
    ("cut short", klv(LEAST)[:-2]),
    ("a tag twice", klv(LEAST) + klv({1: "01"})),
    ("an unknown tag", klv({**LEAST, 30: "00"})),
    ("a deprecated tag", klv({**LEAST, 20: "0001"})),
    *((f"without tag {tag}", klv({**LEAST, tag: ""}).replace(f"{tag:02x}00", "", 1))
      for tag in LEAST),
    ("classification 0", klv({**LEAST, 1: "00"})),
    ("classification 6", klv({**LEAST, 1: "06"})),
    ("a classification of two bytes", klv({**LEAST, 1: "0004"})),
    ("a coding method left out", klv({**LEAST, 2: "08"})),
    ("a country without //", klv({**LEAST, 3: b"XAA".hex()})),
    ("release with a semicolon", klv({**LEAST, 6: b"XAA;XBB".hex()})),
    ("a nation twice", klv({**LEAST, 6: b"XAA XAA".hex()})),
    ("compartments without //", klv({**LEAST, 4: b"ONE".hex()})),
    ("an old version", klv({**LEAST, 22: "0005"})),
    ("objects in 8 bits", klv({**LEAST, 13: b"XCC".hex()})),
    ("a caveat that is not ASCII", klv({**LEAST, 5: "c3a9"})),
]  # fmt: skip

OWNER = ["urn:us:gov:ic:ism", "ownerProducer", "informative", ["USA"]]


def ism(classification: str, *categories: list[Any]) -> dict[str, Any]:
    """A label of IC-ISM owned by the United States."""
    tagged = [["urn:us:gov:ic:ism", *category] for category in categories]
    return label("IC-ISM", "urn:us:gov:ic:ism", classification, OWNER, *tagged)


def released(*nations: str) -> list[Any]:
    """Releasable to these."""
    return ["releasableTo", "permissive", sorted(nations)]


READ_ISM = [
    ("unclassified", {"classification": "U", "ownerProducer": "USA"},
     "(U)", "UNCLASSIFIED", ism("U")),
    ("for its owner alone", {"classification": "S", "ownerProducer": "USA"},
     "(S)", "SECRET", ism("S", released("USA"))),
    ("for others too",
     {"classification": "S", "ownerProducer": "USA", "disseminationControls": "REL",
      "releasableTo": "USA FRA GBR"},
     "(S//REL TO USA, FRA, GBR)", "SECRET//REL TO USA, FRA, GBR",
     ism("S", released("FRA", "GBR", "USA"))),
    ("not for foreigners",
     {"classification": "TS", "ownerProducer": "USA", "SCIcontrols": "SI TK",
      "disseminationControls": "OC NF"},
     "(TS//SI/TK//OC/NF)", "TOP SECRET//SI/TK//ORCON/NOFORN",
     ism("TS", ["SCIcontrols", "restrictive", ["SI", "TK"]],
         ["disseminationControls", "restrictive", ["NF", "OC"]], released("USA"))),
]  # fmt: skip
REFUSED_ISM = [
    ("no owner", {"classification": "S"}),
    ("no classification", {"ownerProducer": "USA"}),
    ("an unknown classification", {"classification": "X", "ownerProducer": "USA"}),
    ("R of the United States", {"classification": "R", "ownerProducer": "USA"}),
    ("two blanks", {"classification": "S", "ownerProducer": "USA  GBR"}),
    ("a word twice", {"classification": "S", "ownerProducer": "USA USA"}),
    ("small letters", {"classification": "S", "ownerProducer": "usa"}),
    ("REL without a list",
     {"classification": "S", "ownerProducer": "USA", "disseminationControls": "REL"}),
    ("a list without REL",
     {"classification": "S", "ownerProducer": "USA", "releasableTo": "USA GBR"}),
    ("released to its owner alone",
     {"classification": "S", "ownerProducer": "USA", "disseminationControls": "REL",
      "releasableTo": "USA"}),
    ("released without its owner",
     {"classification": "S", "ownerProducer": "USA", "disseminationControls": "REL",
      "releasableTo": "FRA GBR"}),
    ("REL and NF",
     {"classification": "S", "ownerProducer": "USA", "disseminationControls": "REL NF",
      "releasableTo": "USA GBR"}),
    ("a day in no calendar",
     {"classification": "S", "ownerProducer": "USA", "declassDate": "2030-02-30"}),
]  # fmt: skip
REFUSED_MARKS = [
    "", "X", "S//", "S//S", "//S", "R", "S//NF//SI", "S//REL TO FRA, GBR", "S//REL TO USA,GBR",
    "S//REL TO", "S//NF/REL TO USA, GBR", "S//NF//NF", "(S)", " S", "S ", "s", "S//SECRET",
    "S//SAR-TWO WORDS", "//JOINT S USA", "//USA S", "SECRET//NOFORN//",
]  # fmt: skip


def main() -> None:
    """Write the file beside this one."""
    vectors = {
        "4774": [{"name": n, "given": g, "label": v} for n, g, v in READ_4774],
        "4774_refused": [{"name": n, "given": g, "reason": r} for n, g, r in REFUSED_4774],
        "st0102": [{"name": n, "given": g, "label": v} for n, g, v in READ_ST0102],
        "st0102_refused": [{"name": n, "given": g} for n, g in REFUSED_ST0102],
        "ism": [
            {"name": n, "given": g, "portion": p, "banner": b, "label": v}
            for n, g, p, b, v in READ_ISM
        ],
        "ism_refused": [{"name": n, "given": g} for n, g in REFUSED_ISM],
        "marks_refused": REFUSED_MARKS,
    }
    text = json.dumps(vectors, indent=1, ensure_ascii=True)
    (Path(__file__).parent / "labels.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
