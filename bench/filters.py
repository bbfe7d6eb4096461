"""Throughput of each filter on one core, beside the bare library it uses.

    python -m bench.filters [--megabytes 4] [--only NAME]

Takes texts from the project's own documentation, repeated; prints MB of input a second of processor
time, the median of seven runs, a filter's and its library's in turn, and how much longer the filter
takes. The figures in docs/benchmarks.md come from here.
"""

import argparse
import csv
import io
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ahocorasick_rs
import jsonschema_rs
import re2
from lxml import etree

from filters import catalog
from filters.formats.personal_kinds import KINDS
from filters.formats.word_forms import words_of
from schemas.cbor import encode
from schemas.message import Message, Meta
from schemas.verdict import Changed

ROOT = Path(__file__).resolve().parents[1]
RUNS = 7
WORDS = ["a", "pump", "of", "the", "second", "deck", "valve", "spare"]
META = Meta(id="b" * 32, flow="bench", sender="alpha", name="x", accepted_s=1_780_000_000)
Work = tuple[str, int, Callable[[], object], str, Callable[[], object] | None]


def seconds(*works: Callable[[], object]) -> list[float]:
    """The median processor time of each, of runs in turn."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(RUNS):
        for work, times in zip(works, taken, strict=True):
            started = time.process_time()
            work()
            times.append(time.process_time() - started)
    return list(map(statistics.median, taken))


def stage(
    name: str, documents: dict[str, bytes] | None = None, **parameters: object
) -> Callable[[bytes], Callable[[], object]]:
    """name and parameters -> payload -> the work of that stage."""
    listed = catalog.load(name)
    run = listed.make(listed.parameters.model_validate(parameters), documents or {})
    return lambda payload: lambda: run(Message.make(META, payload))


def rebuilt(name: str, payload: bytes) -> bytes:
    """What a normalizer without parameters gives of a payload."""
    listed = catalog.load(name)
    answer = listed.make(listed.parameters(), {})(Message.make(META, payload))
    return answer.message.payload if isinstance(answer, Changed) else b""


def prose(size: int) -> str:
    """The documentation, in ASCII, repeated to this many characters."""
    pages = sorted((ROOT / "docs").rglob("*.md"))
    text = "".join(page.read_text("utf-8") for page in pages).encode("ascii", "ignore").decode()
    return (text * (size // len(text) + 1))[:size]


def invented(count: int, present: set[bytes]) -> list[str]:
    """Words that could be words, none of them in the text."""
    chance = random.Random(3)
    words: set[str] = set()
    while len(words) < count:
        syllables = [chance.choice("bcdfghjklmnprstvwz") + chance.choice("aeiou") for _ in range(4)]
        word = "".join(syllables[: chance.randrange(2, 5)]) + chance.choice(["", "n", "r", "s"])
        if word.encode() not in present:
            words.add(word)
    return sorted(words)


def words(size: int) -> Iterator[Work]:
    """The dirty-word search, 20,000 entries."""
    text = prose(size)
    listed = invented(20_000, set(words_of(text).split()))
    document = {"words.txt": "\n".join(listed).encode()}
    payload = encode({"text": 1, "lines": text.split("\n")})
    bare = ahocorasick_rs.BytesAhoCorasick(
        [word.encode() + b" " for word in listed], implementation=ahocorasick_rs.Implementation.DFA
    )
    raw = words_of(text)
    for label, parameters in (
        ("words, plain", {"spaced": False, "decode": []}),
        ("words, as by default", {}),
        ("words, every disguise", {"decode": ["references", "base64", "hex"], "leet": {"0": "o"}}),
    ):
        work = stage("words", document, **parameters)(payload)
        yield (
            label,
            len(payload),
            work,
            "ahocorasick_rs, the search alone",
            lambda: bare.find_matches_as_indexes(raw, overlapping=True),
        )


def personal(size: int) -> Iterator[Work]:
    """Fifty patterns of personal data."""
    own = [
        {"name": f"own{n}", "pattern": rf"\bPRJ{n:02d}-[A-Z]{{2}}[0-9]{{4,8}}\b"} for n in range(38)
    ]
    payload = encode({"json": 1, "value": [prose(size)]})
    raw = prose(size).encode()
    whole = re2.compile("|".join(f"(?:{kind.pattern})" for kind in KINDS.values()).encode())
    work = stage("personal", kinds=list(KINDS), patterns=own, hits_max=1000)(payload)
    yield (
        "personal, 50 patterns",
        len(payload),
        work,
        "google-re2, 12 patterns, findall",
        lambda: sum(1 for _ in whole.finditer(raw)),
    )


def xml_items(size: int) -> Iterator[str]:
    """Records of a few short fields, each with values of its own, to this many characters."""
    chance = random.Random(7)
    left = min(size, 900_000)
    while left > 0:
        name = " ".join(chance.choices(WORDS, k=6))
        item = (
            f'<o:item id="{chance.choice("ABCD")}-{chance.randrange(10, 9999)}">\n'
            f"  <o:name>{name}</o:name>\n  <o:count>{chance.randrange(1, 500)}</o:count>\n</o:item>"
        )
        left -= len(item)
        yield item


def xml(size: int) -> Iterator[Work]:
    """A document and its schema through the XML stages."""
    xsd = (
        b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:o"'
        b' elementFormDefault="qualified"><xs:element name="list"><xs:complexType><xs:sequence>'
        b'<xs:element name="item" maxOccurs="unbounded"><xs:complexType><xs:sequence>'
        b'<xs:element name="name" type="xs:string"/><xs:element name="count" type="xs:integer"/>'
        b'</xs:sequence><xs:attribute name="id" type="xs:string"/></xs:complexType></xs:element>'
        b"</xs:sequence></xs:complexType></xs:element></xs:schema>"
    )
    payload = f'<o:list xmlns:o="urn:o">{"".join(xml_items(size))}</o:list>'.encode()
    schema = etree.XMLSchema(etree.fromstring(xsd))
    bounds = {"elements_max": 60_000, "any_namespace": True}
    recognise, rebuild = stage("xml_recognise", None, **bounds), stage("xml_rebuild")
    model = rebuilt("xml_rebuild", payload)
    check = stage("xml_check")
    judge = stage("xml_schema", {"o.xsd": xsd}, schema_document="o.xsd")
    build = stage("xml_build")

    def bare() -> object:
        tree = etree.fromstring(payload)
        schema.validate(tree)
        return etree.tostring(tree)

    parts = [recognise(payload), rebuild(payload), check(model), judge(model)]
    for name, work in zip(
        ("xml_recognise", "xml_rebuild", "xml_check", "xml_schema"), parts, strict=True
    ):
        yield name, len(payload), work, "", None
    yield "xml_build", len(payload), build(model), "", None
    yield (
        "the XML source chain",
        len(payload),
        lambda: [part() for part in parts],
        ("lxml: parse, validate, serialise"),
        bare,
    )


def json_chain(size: int) -> Iterator[Work]:
    """Records and their schema through the JSON stages."""
    record = {
        "name": "a pump",
        "count": 12,
        "size": 1.25,
        "tags": ["spare", "deck"],
        "note": "x" * 60,
    }
    payload = json.dumps([record] * (min(size, 900_000) // 130)).encode()
    schema = {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"}, "count": {"type": "integer"}}}}  # fmt: skip
    documents = {"s.json": json.dumps(schema).encode()}
    reference = jsonschema_rs.Draft202012Validator(schema)
    bounds = {"items_max": 200_000, "array": True}
    model = rebuilt("json_rebuild", payload)
    parts = [
        stage("json_recognise", None, **bounds)(payload), stage("json_rebuild")(payload),
        stage("json_check")(model),
        stage("json_schema", documents, schema_document="s.json")(model),
    ]  # fmt: skip

    def bare() -> object:
        value = json.loads(payload)
        reference.is_valid(value)
        return json.dumps(value)

    yield (
        "the JSON source chain",
        len(payload),
        lambda: [part() for part in parts],
        ("json and jsonschema-rs: parse, validate, write"),
        bare,
    )


def text_and_csv(size: int) -> Iterator[Work]:
    """Plain text and a table."""
    text = prose(size)
    payload = text.encode()
    bounds = {"bytes_max": 16 * 1024 * 1024, "lines_max": 900_000}
    yield (
        "text_rebuild, ASCII",
        len(payload),
        stage("text_rebuild", None, **bounds)(payload),
        ("decode and splitlines"),
        lambda: payload.decode().splitlines(),
    )
    other = text.replace("e", "é").encode()
    yield (
        "text_rebuild, not ASCII",
        len(other),
        stage("text_rebuild", None, **bounds)(other),
        "",
        None,
    )
    table = ("a,b,c\n" + '1,"a pump, spare",2026-05-14\n' * (min(size, 1_000_000) // 30)).encode()
    yield (
        "csv_rebuild",
        len(table),
        stage("csv_rebuild", bytes_max=1 << 24)(table),
        ("Python's csv reader"),
        lambda: list(csv.reader(io.StringIO(table.decode()))),
    )


GROUPS = {
    "words": words,
    "personal": personal,
    "xml": xml,
    "json": json_chain,
    "text": text_and_csv,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=4, choices=range(1, 65), metavar="N")
    parser.add_argument("--only", choices=sorted(GROUPS))
    given = parser.parse_args()
    print(f"{'filter':26}{'MB/s':>8}  {'bare library':50}{'MB/s':>8}{'times':>8}")
    for name, group in GROUPS.items():
        if given.only in (None, name):
            for label, size, work, library, bare in group(given.megabytes * 1_000_000):
                own, *others = seconds(work, *([bare] if bare is not None else []))
                beside = "".join(f"{size / other / 1e6:8.0f}{own / other:8.2f}" for other in others)
                print(f"{label:26}{size / own / 1e6:8.1f}  {library:50}{beside}", flush=True)


if __name__ == "__main__":
    main()
