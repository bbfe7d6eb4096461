"""A program that imports what stages use, confines itself, and then uses all of it.

Run by test_sandbox.py. Prints one word for each library that worked.
"""

import hashlib
import json
import os
from xml.parsers import expat

import cbor2
import jsonschema_rs
import magic
import numpy
import xmlschema
import yara_x
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from lxml import etree
from pydantic import BaseModel, ConfigDict

from guard.core.ledger import canonical
from guard.edge.sandbox import Confinement, confine, self_test

NOBODY = 65534
SCHEMA = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a">'
    '<xs:complexType><xs:attribute name="n" type="xs:integer" use="required"/>'
    "</xs:complexType></xs:element></xs:schema>"
)

RULE = 'rule found { strings: $a = "needle" condition: $a }'


class Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    n: int
    s: str


def main() -> None:
    lxml_schema = etree.XMLSchema(etree.fromstring(SCHEMA))
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    other_schema = xmlschema.XMLSchema(SCHEMA)
    validator = jsonschema_rs.validator_for({"type": "object", "required": ["n"]})
    scanner = yara_x.Scanner(yara_x.compile(RULE))
    scanner.scan(b"")
    detector = magic.Magic(mime=True)
    key = Ed25519PrivateKey.generate()
    uid = NOBODY if os.geteuid() == 0 else None
    confinement = Confinement(
        (), (), frozenset(), frozenset({1, 2}), 2**28, None, 64, uid, uid, True
    )
    confine(confinement)
    self_test(confinement)

    assert lxml_schema.validate(etree.fromstring('<a n="1"/>', parser))
    assert not lxml_schema.validate(etree.fromstring('<a n="x"/>', parser))
    try:
        etree.fromstring("<a", parser)
    except etree.XMLSyntaxError:
        print("lxml")
    assert other_schema.is_valid('<a n="1"/>')
    errors = [str(error) for error in other_schema.iter_errors('<a n="x"/>')]
    print("xmlschema" if errors else "")
    expat.ParserCreate().Parse('<a n="1"/>', True)
    print("expat")
    assert Event.model_validate_json('{"n":1,"s":"x"}').n == 1
    try:
        Event.model_validate({"n": "1", "s": 2})
    except ValueError as error:
        print("pydantic" if "n" in str(error) else "")
    assert validator.is_valid({"n": 1})
    print("jsonschema_rs" if [e.message for e in validator.iter_errors({})] else "")
    print("cbor2" if cbor2.loads(cbor2.dumps({"a": [1, 2.5]}, canonical=True)) else "")
    key.public_key().verify(key.sign(b"x"), b"x")
    secret = AESGCM.generate_key(256)
    sealed = AESGCM(secret).encrypt(bytes(12), b"x" * 10_000, None)
    assert AESGCM(secret).decrypt(bytes(12), sealed, None)
    joined = AESSIV(bytes(64))
    assert joined.decrypt(joined.encrypt(b"x", [b"y"]), [b"y"]) == b"x"
    print("cryptography")
    assert (numpy.ones((64, 64)) @ numpy.ones((64, 64)))[0, 0] == 64
    print("numpy")
    print("magic" if detector.from_buffer(b"\x89PNG\r\n\x1a\n" + bytes(64)) else "")
    print("yara_x" if scanner.scan(b"a needle").matching_rules else "")
    print("ledger" if canonical({"kind": "a", "sentence": "\N{LOCK}"}) else "")
    print("hashlib" if hashlib.sha256(b"x" * 100_000).hexdigest() else "")
    try:
        json.loads("{")
    except ValueError:
        print("json", flush=True)


if __name__ == "__main__":
    main()
