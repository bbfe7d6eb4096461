"""The writers of tests/campaigns/power_cuts.py: what each does in a life, and what it promises.

Each keeps, over its lives, what it was told was durable and what was under way when a life ended:
the first must be found again, the second may be.
"""

import json
from typing import Any

from diode_sim.chance import Chance
from diode_sim.world.inodes import SECTOR_BYTES
from guard.edge.keys import public_of
from tests.contracts.simulated import TOP, Simulated

SEGMENT_BYTES = 400
SEED = bytes(range(32))
ORIGIN = "checkvalve/c2/low"


class Journal:
    """docs/spec/journal.md §2 (2), §4 and §5."""

    def __init__(self, world: Simulated) -> None:
        self._module = world.load("guard.edge.journal")
        self._walk = world.load("guard.edge.segments").walk
        self._folder = world.load("pathlib").Path(TOP) / "journal"
        self._records: list[bytes] = []  # by number, dropped ones too
        self._certain = 0  # those below are durable
        self._lowest = 0  # those below are surely gone
        self._droppable = 0
        self._unique = 0

    def live(self, chance: Chance) -> None:
        writer = self._module.JournalWriter.open(self._folder, SEGMENT_BYTES)
        first = self._found(writer)
        self._owner_says(writer, chance, first)
        self._read(writer)
        for _ in range(chance.between(1, 12)):
            self._act(writer, chance)
        if chance.below(3) == 0:
            writer.close()

    def _found(self, writer: Any) -> int:
        found = {each.position.number: each.payload for each in self._walk(self._folder)}
        first: int = min(found, default=writer.next_number)
        ends = (self._certain, writer.next_number, len(self._records))
        assert ends == tuple(sorted(ends)), f"{ends}: durable, found, written"
        assert sorted(found) == list(range(first, writer.next_number))
        assert first <= max(self._droppable, 0), "records are gone that nobody dropped"
        assert first >= self._lowest or not found, "records are back that were dropped"
        assert all(self._records[number] == payload for number, payload in found.items())
        assert writer.marked_number <= writer.next_number
        del self._records[writer.next_number :]
        self._certain = writer.next_number  # §4 (7)
        return first

    def _owner_says(self, writer: Any, chance: Chance, first: int) -> None:
        least = max(writer.marked_number, first)
        if chance.below(3) == 0 and least < writer.next_number:
            number = chance.between(least, writer.next_number)
            self._certain = min(self._certain, number)
            writer.cut(number)
            del self._records[number:]
        writer.mark(writer.next_number)

    def _read(self, writer: Any) -> None:
        reader = self._module.JournalReader(self._folder, 0)
        taken: dict[int, bytes] = {}
        while more := reader.take(3):
            taken.update(more)
        reader.close()
        assert all(self._records[number] == payload for number, payload in taken.items())
        assert max(taken, default=writer.next_number - 1) == writer.next_number - 1

    def _act(self, writer: Any, chance: Chance) -> None:
        act = chance.choice(("append", "append", "append", "sync", "sync", "mark", "drop"))
        if act == "append":
            self._unique += 1
            payload = b"%d " % self._unique + chance.octets(chance.choice((1, 40, 120, 700)))
            assert writer.append(payload).number == len(self._records)
            self._records.append(payload)
        elif act == "sync":
            writer.sync()
            self._certain = len(self._records)
        elif act == "mark":
            writer.mark(chance.between(writer.marked_number, writer.synced_number))
        else:
            number = chance.between(0, writer.marked_number)
            self._droppable = max(self._droppable, number)
            writer.drop_below(number)
            self._lowest = writer._firsts[0]


class Ledger:
    """docs/spec/ledger.md §5."""

    def __init__(self, world: Simulated) -> None:
        self._module = world.load("guard.edge.ledger_files")
        self._folder = world.load("pathlib").Path(TOP) / "ledger"
        self._seeds = world.load("pathlib").Path(TOP) / "sealing"
        self._keys = world.load("guard.edge.sealing_keys").SealingKeys(self._seeds)
        self._durable = world.load("guard.edge.durable")
        self._entries: list[dict[str, Any]] = []
        self._told = 0
        self._checkpoint = b""
        self._unique = 0

    def live(self, chance: Chance) -> None:
        seen: list[dict[str, Any]] = []
        self._durable.make_directory(self._seeds)
        if not (self._seeds / "0000000000.key").exists():  # `guard init` makes it
            self._keys.make(0, SEED)
        writer = self._module.LedgerWriter.open(
            self._folder, self._keys, public_of(SEED), ORIGIN, seen.append, segment_bytes_max=2000
        )
        assert self._told <= len(seen) <= len(self._entries)
        assert seen == self._entries[: len(seen)]
        if len(seen) == self._told:
            assert writer.latest_checkpoint == self._checkpoint
        self._entries, self._told = seen, len(seen)
        self._checkpoint = writer.latest_checkpoint
        for _ in range(chance.between(1, 6)):
            batch = [self._entry(chance) for _ in range(chance.between(1, 4))]
            self._entries += batch
            self._checkpoint = writer.append(batch)
            self._told = len(self._entries)
            assert writer.size == self._told
        if chance.below(3) == 0:
            writer.close()

    def _entry(self, chance: Chance) -> dict[str, Any]:
        self._unique += 1
        return {"number": self._unique, "text": chance.octets(chance.below(300)).hex()}


class Queue:
    """docs/spec/spool.md §6, with a ledger that forgets nothing."""

    def __init__(self, world: Simulated) -> None:
        self._module = world.load("guard.edge.output_queue")
        self._durable = world.load("guard.edge.durable")
        self._root = world.load("pathlib").Path(TOP) / "queue"
        self._ready = False
        self._delivering: dict[str, tuple[str, ...]] = {}  # and the queues of each
        self._newest: list[str] = []
        self._taken: set[str] = set()
        self._unique = 0

    def live(self, chance: Chance) -> None:
        if not self._ready:
            for folder in ("", "tmp", "tmp/00", "tmp/01", "new", "gaps"):
                path = self._root / folder if folder else self._root
                self._durable.make_directory(path)
                self._durable.sync_directory(path.parent)
            self._ready = True
        self._look(set(self._newest))
        queue = self._module.OutputQueue(self._root)
        for ident in queue.recover(set(self._newest)):
            queue.publish(ident)
        self._look(set())
        for _ in range(chance.between(1, 4)):
            self._batch(queue, chance)
            self._look(set())
            if chance.below(3) == 0:
                self._take(chance)

    def _batch(self, queue: Any, chance: Chance) -> None:
        staged = {}
        for _ in range(chance.between(1, 3)):
            self._unique += 1
            ident = f"{self._unique:032x}"
            staged[ident] = chance.choice((("new",), ("chat",), ("chat", "new")))
            for name in staged[ident]:
                queue.stage(ident, name, "xml", _payload(ident), {"id": ident})
        queue.sync()
        self._delivering |= staged  # the ledger has it
        self._newest = list(staged)
        for ident in staged:
            queue.publish(ident)

    def _take(self, chance: Chance) -> None:
        ident = chance.choice(sorted(self._delivering))
        self._taken.add(ident)
        for folder in self._folders():
            for suffix in ("xml", "meta.json"):
                (folder / f"{ident}.{suffix}").unlink(missing_ok=True)

    def _folders(self) -> list[Any]:
        every = (self._root / "new", self._root / "chat" / "new")
        return [folder for folder in every if folder.is_dir()]

    def _look(self, open_ones: set[str]) -> None:
        """What a receiver sees now. open_ones: may be not there yet."""
        there: dict[str, set[str]] = {}
        for folder in self._folders():
            names = {path.name for path in folder.iterdir()}
            for name in names:
                ident, _, suffix = name.partition(".")
                assert ident in self._delivering, "a file that the ledger does not know"
                content = (folder / name).read_bytes()
                if suffix == "xml":
                    assert f"{ident}.meta.json" in names, "a message without its metadata"
                    assert content == _payload(ident), "a message that is not whole"
                    chat = folder.parent.name == "chat"
                    there.setdefault(ident, set()).add("chat" if chat else "new")
                else:
                    assert json.loads(content) == {"id": ident}
        for ident, queues in self._delivering.items():
            if ident not in open_ones | self._taken:
                assert there.get(ident) == set(queues), "a delivered message is not there"


def _payload(ident: str) -> bytes:
    return f"<event id='{ident}'/>".encode() * (1 + int(ident, 16) % 90)


class Files:
    """`durable.replace`, `create`, `publish` and `remove`."""

    def __init__(self, world: Simulated) -> None:
        self._durable = world.load("guard.edge.durable")
        self._top = world.load("pathlib").Path(TOP)
        self._may_be: dict[str, set[bytes | None]] = {}
        self._half: dict[str, bytes] = {}  # new files whose making did not end
        self._unique = 0

    def live(self, chance: Chance) -> None:
        for name, contents in self._may_be.items():
            path = self._top / name
            found = path.read_bytes() if path.exists() else None
            torn = _torn(found or b"", self._half[name]) if name in self._half else False
            assert found in contents or torn, f"{name} is neither as before nor as after"
        for _ in range(chance.between(1, 6)):
            self._act(chance)

    def _act(self, chance: Chance) -> None:
        self._unique += 1
        content = b"%d " % self._unique + chance.octets(chance.choice((0, 30, 600, 3000)))
        act = chance.choice(("replace", "replace", "create", "publish", "remove"))
        name = chance.choice(("a", "b")) if act in ("replace", "remove") else f"n{self._unique}"
        after = None if act == "remove" else content
        self._may_be[name] = self._now(name) | {after}
        path = self._top / name
        if act == "replace":
            self._durable.replace(path, content)
        elif act == "remove":
            self._durable.remove(self._top, [name])
        elif act == "create":
            self._half[name] = content  # a new name may come before its bytes
            self._durable.create(path, content)
            del self._half[name]
        else:
            self._durable.create(self._top / f".{name}", content)
            self._durable.publish(self._top / f".{name}", path)
        self._may_be[name] = {after}

    def _now(self, name: str) -> set[bytes | None]:
        path = self._top / name
        return {path.read_bytes() if path.exists() else None} | self._may_be.get(name, {None})


def _torn(found: bytes, content: bytes) -> bool:
    """Whether this is what a power cut may leave of content whose sync had not ended."""
    sectors = range(0, len(found), SECTOR_BYTES)
    return len(found) <= len(content) and all(
        found[at : at + SECTOR_BYTES]
        in (content[at : at + SECTOR_BYTES], bytes(len(found[at : at + SECTOR_BYTES])))
        or at + SECTOR_BYTES > len(found)
        for at in sectors
    )


class Number:
    """A number that was set durably is read again, and nothing else than what was set."""

    def __init__(self, world: Simulated) -> None:
        self._module = world.load("guard.edge.durable_number")
        self._path = world.load("pathlib").Path(TOP) / "number"
        self._may_be: set[int | None] = {None}

    def live(self, chance: Chance) -> None:
        number = self._module.DurableNumber(self._path)
        assert number.value in self._may_be, "a number that was never set, or an older one"
        self._may_be = {*self._may_be, number.value}
        for _ in range(chance.between(1, 6)):
            value = chance.below(2**64)
            act = chance.choice(("set", "set", "soft", "clear"))
            wanted = None if act == "clear" else value
            self._may_be.add(wanted)
            if act == "clear":
                number.clear()
            else:
                number.set(value, durable=act == "set")
            if act != "soft":
                self._may_be = {wanted}
