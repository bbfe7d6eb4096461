"""XML documents by chance: well formed or nearly so, written plainly or in every way XML allows."""

import random

NAMES = ["a", "item", "o:item", "o:name", "x-long.name_with-a-tail_of-many-letters", "b", "q:b"]
KEYS = ["i", "id", "o:id", "long-attribute-name", "xml:lang", "q:k", "k1", "k2", "k3"]
TEXTS = ["a pump", "12", " \n  ", "", "é 漢", "A &amp; B &lt;", 'say "yes"', "it's", "\t", "x" * 40]
ROOTS = [
    'xmlns:o="urn:o" xmlns:q="https://example.org/q#"',
    'xmlns="urn:o" xmlns:o="urn:o:2" xmlns:q="urn:q"',
    'q:k="1" xmlns:q="urn:q" xmlns:o="urn:o"',
    'xmlns:o="urn:o" xmlns:q="urn:q" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:schemaLocation="urn:o o.xsd" xsi:nil="true"',
]
STRANGE_TEXTS = ["<!-- c -->", "<![CDATA[<b> & ]]>", "&#65;&#x42;", "&#32;", ">", "\r\n", "\r"]
STRANGE_KEYS = [
    "xsi:type='o:t'", "xsi:type='x{}'", 'xml:space="preserve"', "i = 'single'", 'i="a\nb"',
    'xmlns:o="urn:other"', 'xmlns="urn:inner"', 'i="1" i="2"', 'z:k="undeclared"', 'i="a>b"',
    'i="&#10;"', 'p="2"',
]  # fmt: skip


def document(chance: random.Random, strange: float = 0.0) -> str:
    """A document; strange: how often it is written in a way that is not the plain one."""
    parts: list[str] = []
    if chance.random() < 0.3:
        parts.append('<?xml version="1.0" encoding="UTF-8"?>\n')

    def attributes() -> str:
        if chance.random() < strange / 4:
            return " " + chance.choice(STRANGE_KEYS)
        keys = chance.sample(KEYS, chance.choice([0, 0, 0, 1, 1, 2, 3]))
        gap = chance.choice([" ", " ", " ", "  ", "\n "])
        return "".join(f'{gap}{key}="{chance.choice(TEXTS[:2] + TEXTS[4:6])}"' for key in keys)

    def content(levels: int) -> None:
        blank = chance.choice(["", "", "\n", "\n  "])
        for _ in range(chance.randrange(5)):
            parts.append(blank if blank else chance.choice(TEXTS))
            if chance.random() < strange / 4:
                parts.append(chance.choice(STRANGE_TEXTS))
            if levels:
                element(levels - 1, attributes())
        parts.append(blank)

    def element(levels: int, held: str) -> None:
        name = chance.choice(NAMES)
        if chance.random() < 0.2:
            parts.append(f"<{name}{held}{chance.choice(['', ' '])}/>")
            return
        parts.append(f"<{name}{held}>")
        content(levels)
        parts.append(f"</{name}>")

    element(4, " " + chance.choice(ROOTS))
    return "".join(parts) + chance.choice(["", "\n"])


def damaged(text: str, chance: random.Random) -> str:
    """The document with a few characters gone, doubled or exchanged, or a piece moved."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text))
        to = min(len(text), at + chance.choice([1, 1, 1, 2, 5, 20]))
        piece = chance.choice(
            ["", text[at:to] * 2, chance.choice("<>/\"'=&: \n\x00\x01ab;"), "</a>", "<!-- x -->"]
        )
        text = text[:at] + piece + text[to:]
    return text
