"""Writes the known answers of the XML model beside itself: `python tests/vectors/xml/make.py`.

The models are put together here from docs/spec/xml-model.md alone, column by column, and encoded by
another library than the product's; `tests/filters/test_generic_models.py` reads them.
"""

import json
import struct
from pathlib import Path

import cbor2

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
CASES = [
    (
        '<?xml version="1.0"?><!-- c --><p:a xmlns:p="urn:x" b=\'1\'>t<![CDATA[<u>]]><p:c/></p:a>',
        {"": "urn:x"}, [["a", "b"], ["c"]], [2, 1, 3, 0, 0], ["1", "t<u>"],
        '<a xmlns="urn:x" b="1">t&lt;u&gt;<c/></a>\n',
    ),
    (
        "<a xml:lang='en'>é&#13;</a>",
        {}, [["a", "xml:lang"]], [2, 1, 0], ["en", "é\r"],
        '<a xml:lang="en">é&#13;</a>\n',
    ),
    (
        "<a><b y='' x='2'/><c/>t<b x='1' y='3'>u</b></a>",
        {}, [["a"], ["b", "x", "y"], ["c"]], [2, 3, 0, 4, 0, 1, 3, 1, 0, 0],
        ["2", "", "t", "1", "3", "u"],
        '<a><b x="2" y=""/><c/>t<b x="1" y="3">u</b></a>\n',
    ),
]  # fmt: skip


def main() -> None:
    cases = []
    for dropped, prefixes, tags, steps, texts, delivered in CASES:
        model = {
            "xml": 2, "prefixes": prefixes, "tags": tags,
            "steps": struct.pack(f">{len(steps)}H", *steps),
            "texts": "".join(f"{text}\0" for text in texts),
        }  # fmt: skip
        encoded = cbor2.dumps(model, canonical=True).hex()
        cases.append({"dropped": dropped, "model": encoded, "delivered": DECLARATION + delivered})
    written = json.dumps(cases, ensure_ascii=False, indent=1) + "\n"
    Path(__file__).with_name("model.json").write_text(written, "utf-8")


if __name__ == "__main__":
    main()
