"""Run the stages over labels and tell every file, import or socket they reach for once made.

All they are given was written before, by another process: what a library loads when it first signs
or verifies must not be there already.

Started by `test_label_stages.py`: `python confined_label_stages.py`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import json
from dataclasses import replace

from filters import catalog
from schemas.message import Message, Meta
from schemas.stage import Run
from schemas.verdict import Changed, Pass

ROOT = Path(__file__).parents[3]
GIVEN = json.loads((ROOT / "tests/vectors/labels/bindings.json").read_text("utf-8"))
POLICY = "alliance.spif.xml"
DOCUMENTS = {
    POLICY: (ROOT / "schemas" / "documents" / POLICY).read_bytes(),
    "authorities.pem": GIVEN["authority"].encode(),
}
WATCHED = ("open", "import", "socket.", "subprocess.", "os.", "ctypes.dlopen")
LABEL = GIVEN["alliance_label"]
TEXT = f"{LABEL}\n\n(AU) x\n\n{LABEL}\n".encode()
META = Meta(id="5" * 32, flow="f", sender="s", name="n", accepted_s=GIVEN["at_ms"] // 1000)


def made(name: str, **parameters: object) -> Run:
    stage = catalog.load(name)
    return stage.make(stage.parameters.model_validate(parameters), DOCUMENTS)


def message(payload: bytes, label: str = LABEL, binding: str = "") -> Message:
    return Message.make(replace(META, label=label, binding=binding), payload)


def main() -> None:
    trusted = {"policy_documents": [POLICY], "trust_document": "authorities.pem"}
    report = GIVEN["data"]["report.bin"].encode()
    sealed = message(report, GIVEN["sealed_label"], GIVEN["sealed"])
    embedded = made("check_binding", form="embedded", **trusted)
    steps: list[tuple[Run, Message]] = [
        (made("check_binding", form="sealed", **trusted), sealed),
        (embedded, message(GIVEN["alliance"].encode())),
        (embedded, message(GIVEN["alliance_rsa"].encode())),
        (made("roll_up", form="text", policy_document=POLICY), message(TEXT)),
        (made("mark", form="text", policy_document=POLICY), message(b"(AU) x")),
        (made("mark", form="xml", policy_document=POLICY, attribute="m"), message(b"<r/>")),
    ]
    touched: set[str] = set()
    watching = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event.startswith(WATCHED):
            touched.add(f"{event} {str(arguments)[:120]}")

    sys.addaudithook(hook)
    answers = [run(given) for run, given in steps]
    watching = False
    assert all(isinstance(answer, Pass | Changed) for answer in answers), answers
    print("\n".join(sorted(touched)) or "nothing was touched")


main()
