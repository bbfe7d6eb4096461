"""Deliberate bugs, each one that somebody could make, and in which text of the guard it is planted.

Each must be caught by the simulated guard within `SEEDS` seeds. Where a seed is named it is the
first that did when this was written: it is tried first, the others only if it no longer does.
"""

from typing import NamedTuple

from diode_sim.world.loading import Mutation

SEEDS = 200


class Planted(NamedTuple):
    """A bug: what it is, where, and the invariants of which one must be found broken."""

    name: str
    mutation: Mutation
    caught_by: tuple[str, ...]
    first_seed: int = 0


PLANTED = (
    Planted(
        "a sync is skipped",
        Mutation("guard.edge.journal", "            self._file.sync()\n", "            pass\n"),
        ("accepted-first", "exact", "ledger-first"),
    ),
    Planted(
        "a file is renamed before its bytes are durable",
        Mutation(
            "guard.roles.deliver",
            "        if delivering:\n            self._queue.sync()\n",
            "",
        ),
        ("durable",),
    ),
    Planted(
        "an envelope is sent before the ledger has it",
        Mutation(
            "guard.roles.release",
            "        self._scribe.write(entries)\n"
            "        self._sealed.mark(self._sealed.next_number)\n",
            "        self._sealed.mark(self._sealed.next_number)\n"
            "        self._scribe.write(entries)\n",
        ),
        ("ledger-first", "approved"),
    ),
    Planted(
        "what is fed again takes a new number",
        Mutation(
            "guard.roles.release",
            "        self._sealed.cut(covered)\n"
            "        self._sealed.mark(covered)\n"
            '        self._sequence = int(state["sequence"])\n',
            "        self._sealed.mark(self._sealed.next_number)\n"
            '        self._sequence = int(state["sequence"])'
            " + self._sealed.next_number - covered\n",
        ),
        ("once", "approved", "ledger-first"),
        first_seed=271,
    ),
    Planted(
        "the last receipt is not checked against the payload",
        Mutation(
            "guard.core.release",
            "        if message_digest(frame.message.meta_bytes, frame.message.payload) != gave:\n",
            "        if not gave:\n",
        ),
        ("approved", "identical", "once"),
        first_seed=24,
    ),
    Planted(
        "a filter's receipt may say that it changed the message",
        Mutation(
            "guard.core.release",
            "        if changed and expected.kind not in (Kind.NORMALIZE, Kind.TRANSFORM):\n",
            "        if changed and expected.kind is Kind.ROUTE:\n",
        ),
        ("approved", "identical", "once"),
        first_seed=18,
    ),
    Planted(
        "the receiver's memory of what has landed is off by one",
        Mutation(
            "guard.link.arrivals",
            "        if sequence in self._landed:\n            return Arrival.REPEATED\n",
            "        if sequence + 1 in self._landed:\n            return Arrival.REPEATED\n",
        ),
        ("once", "exact"),
        first_seed=3,
    ),
    Planted(
        "a gap at the tail is not reported",
        Mutation(
            "guard.link.arrivals",
            "        claims = [(self._first, beat.complete_below - 1)]"
            "  # empty if nothing is claimed\n"
            "        claims += [(last - 1, last - 1) for last in beat.last_completed if last]\n",
            "        claims = [(self._first, beat.complete_below - 2)]\n",
        ),
        ("exact",),
        first_seed=1,
    ),
    Planted(
        "a drop is removed before the journal has it",
        Mutation(
            "guard.roles.ingest",
            "        self._journal.sync()\n"
            "        self._journal.mark(self._journal.next_number)\n"
            "        for taken in batch:\n"
            "            self._spool.discard(taken)\n",
            "        for taken in batch:\n"
            "            self._spool.discard(taken)\n"
            "        self._journal.sync()\n"
            "        self._journal.mark(self._journal.next_number)\n",
        ),
        ("accepted-first",),
    ),
    Planted(
        "the audit role says that it is durable before it is",
        Mutation(
            "guard.roles.audit",
            "                self._append(batch)\n                self._durable.tell(\n",
            "                self._durable.tell(\n"
            "                    DURABLE.pack(self._heard_from_tail, 0, bytes(32), 0)\n"
            "                )\n"
            "                self._append(batch)\n"
            "                self._durable.tell(\n",
        ),
        ("ledger-first", "approved"),
    ),
    Planted(
        "a poisonous message is fed for ever",
        Mutation(
            "guard.roles.head",
            "            if fed.number == broke_at:\n",
            "            if fed.number == -1:\n",
        ),
        ("exact",),
        first_seed=3,
    ),
    Planted(
        "after a failed sync the page cache is believed",
        Mutation(
            "guard.edge.journal_recovery",
            "        _write_again(directory, last, synced_bytes, offset)\n",
            "        assert synced_bytes\n",
        ),
        ("accepted-first", "exact", "ledger-first"),
    ),
    Planted(
        "a session's number is used before it is on disk",
        Mutation(
            "guard.edge.session_counter",
            "    DurableNumber(folder / COUNTER).set(counter + 1)\n",
            "    DurableNumber(folder / COUNTER).set(counter + 1, durable=False)\n",
        ),
        ("exact", "sessions", "noticed"),
        first_seed=8,
    ),
    Planted(
        "one reviewer is enough",
        Mutation("guard.core.review", 'int(values["quorum"])', "1"),
        ("approved",),
        first_seed=20,
    ),
    Planted(
        "what was interrupted while it was sent again is forgotten",
        Mutation(
            "guard.roles.resending",
            "        due = self._begun if interrupted else self._begun + 1\n",
            "        due = self._begun + 1\n",
        ),
        ("sent-again",),
    ),
)
