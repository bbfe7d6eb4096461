"""A stage's way to the side's virus scanner: hand over a payload, hear the answer.

Two one-way channels; the stage can name no scanner, open nothing, and say nothing but bytes that
are to be scanned. Follows docs/spec/scanning.md §2.
"""

import os

from guard.edge.forking import EXIT_ALONE
from guard.edge.scanning import ANSWER, QUESTION
from guard.edge.sockets import Ear, Mouth
from guard.edge.spec import Spec
from schemas.errors import Malformed
from schemas.scanned import (
    NUMBER_BYTES,
    Ask,
    Said,
    Scanned,
    nobody,
    read_answer,
    write_question,
)


class Asker:
    """Both channels of one stage. Calling it is asking."""

    def __init__(self, question: int, answer: int) -> None:
        self._mouth = Mouth(question)
        self._ear = Ear(answer)

    def __call__(self, payload: bytes, answer_ms_max: int) -> Scanned:
        """The answer to this question and no other: one that a cell which was ended left unread
        is passed over. Waits as long as the scanner's process takes, which keeps to the time.

        Without that process there is no verdict: this one ends, as any whose neighbour is gone,
        and the message comes again. Not by an exception, of which a stage makes a Hold.
        """
        number = os.urandom(NUMBER_BYTES)
        try:
            for packet in write_question(number, payload, answer_ms_max):
                self._mouth.tell(packet)
            while (answer := self._ear.hear()) is not None:
                told, scanned = read_answer(answer)
                if told == number:
                    return scanned
        except Malformed as error:
            return Scanned(Said.NOTHING, f"the scanner's process answered otherwise: {error}")
        except OSError:
            pass
        os._exit(EXIT_ALONE)


def asker_of(spec: Spec) -> Ask:
    """What the process of this spec asks with; in a rehearsal without a scanner, nobody."""
    channels = spec.descriptors
    if QUESTION not in channels:
        return nobody
    return Asker(channels[QUESTION], channels[ANSWER])
