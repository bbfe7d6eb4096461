"""Run the stages over labels and tell every file, import or socket they reach for once made.

Started by `test_label_stages.py`: `python confined_label_stages.py`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from filters import catalog
from schemas.message import Message
from schemas.stage import Run
from schemas.verdict import Changed, Pass
from tests.filters.checks.test_check_binding import DATA, DOCUMENTS, embed, label, message, seal

WATCHED = ("open", "import", "socket.", "subprocess.", "os.", "ctypes.dlopen")
POLICY = "alliance.spif.xml"
TEXT = b"ALLIANCE SECRET//REL TO FRA, GBR\n\n(AU) x\n\nALLIANCE SECRET//REL TO FRA, GBR\n"


def made(name: str, **parameters: object) -> Run:
    stage = catalog.load(name)
    return stage.make(stage.parameters.model_validate(parameters), DOCUMENTS)


def main() -> None:
    trusted = {"policy_documents": [POLICY], "trust_document": "authorities.pem"}
    steps: list[tuple[Run, Message]] = [
        (made("check_binding", form="sealed", **trusted), message(DATA, binding=seal())),
        (made("check_binding", form="embedded", **trusted), message(embed(label(), label()))),
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
