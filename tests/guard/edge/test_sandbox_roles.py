"""The sandbox in real processes: what each kind of role needs works, and nothing beside it."""

import array
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.edge import landlock
from guard.edge.sandbox import Calls, Confinement, confine, self_test
from schemas.errors import Broken

MIB = 2**20
InChild = Callable[..., str]
Rights = Callable[..., Confinement]
Attempts = dict[str, Callable[[], object]]
Working = Callable[[Attempts], str]

pytestmark = pytest.mark.skipif(landlock.abi() < 1, reason="this kernel has no Landlock")


def pass_descriptor(by: socket.socket, descriptor: int) -> None:
    by.sendmsg([b"head"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))])


def take_descriptor(at: socket.socket) -> int:
    return int(array.array("i", at.recvmsg(100, 100)[1][0][2])[0])


def test_a_stage_moves_messages_and_reads_a_sealed_payload_by_position(
    user: str, in_child: InChild, rights: Rights
) -> None:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    payload = os.memfd_create("payload", os.MFD_ALLOW_SEALING)
    os.write(payload, b"a large payload")
    fcntl.fcntl(payload, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL)

    def act(kept: int) -> str:
        pass_descriptor(theirs, payload)
        confine(rights(kept, mine.fileno(), theirs.fileno()))
        passed = take_descriptor(mine)
        assert fcntl.fcntl(passed, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE
        read = os.pread(passed, os.fstat(passed).st_size, 0).decode()
        os.close(passed)
        mine.sendmsg([b"on it goes"])
        time.sleep(0.001)
        return f"{read}, {theirs.recv(100).decode()}, {len(bytearray(MIB))}"

    assert in_child(act, user) == f"a large payload, on it goes, {MIB}"
    mine.close()
    theirs.close()
    os.close(payload)


def test_a_descriptor_that_a_neighbour_passes_carries_no_messages(
    user: str, in_child: InChild, rights: Rights, working: Working
) -> None:
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    spare, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def act(kept: int) -> str:
        pass_descriptor(theirs, spare.fileno())
        confine(rights(kept, mine.fileno()))
        passed = take_descriptor(mine)
        return working(
            {
                "sendmsg": lambda: socket.socket(fileno=passed).sendmsg([b"leak"]),
                "write": lambda: os.write(passed, b"leak"),
                "read": lambda: os.read(passed, 1),
                "take-its-place": lambda: os.dup2(passed, mine.fileno()),
                "make-room-for-it": lambda: os.close(mine.fileno()),
            }
        )

    assert in_child(act, user) == ""
    with pytest.raises(BlockingIOError):
        other.recv(10, socket.MSG_DONTWAIT)
    for each in (mine, theirs, spare, other):
        each.close()


def test_a_role_with_memfd_makes_and_seals_one_of_bounded_size(
    user: str, in_child: InChild, rights: Rights, working: Working
) -> None:
    def act(kept: int) -> str:
        confine(rights(kept, calls=(Calls.MEMFD,), memory_bytes_max=8 * MIB))
        payload = os.memfd_create("payload", os.MFD_ALLOW_SEALING)
        os.pwrite(payload, b"abc", 0)
        fcntl.fcntl(payload, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
        more = os.memfd_create("more")
        return os.pread(payload, 9, 0).decode() + working(
            {
                "write-sealed": lambda: os.pwrite(payload, b"x", 0),
                "too-large": lambda: os.ftruncate(more, 9 * MIB),
            }
        )

    assert in_child(act, user) == "abc"


@pytest.mark.skipif(
    landlock.abi() < landlock.ABI_RENAME_BETWEEN_DIRECTORIES,
    reason="this kernel's Landlock denies every rename between directories",
)
def test_files_are_read_where_named_written_where_named_and_nowhere_else(
    user: str, folder: Path, in_child: InChild, rights: Rights, working: Working
) -> None:
    source, queue, other, elsewhere = (folder / n for n in ("in", "queue", "new", "elsewhere"))
    for directory in (source, queue, other, elsewhere):
        directory.mkdir()
        directory.chmod(0o777)
    (source / "a").write_bytes(b"input")
    (elsewhere / "b").write_bytes(b"secret")

    def act(kept: int) -> str:
        groups = (Calls.READ_FILES, Calls.WRITE_FILES)
        confinement = rights(kept, calls=groups, read=(source,), write=(queue, other))
        confine(confinement)
        self_test(confinement)
        descriptor = os.open(queue / "out", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        os.write(descriptor, (source / "a").read_bytes())
        os.fdatasync(descriptor)
        os.close(descriptor)
        os.rename(queue / "out", other / "out")
        worked = working(
            {
                "write-in-read": lambda: os.open(source / "a", os.O_WRONLY),
                "create-in-read": lambda: os.open(source / "n", os.O_WRONLY | os.O_CREAT),
                "remove-in-read": lambda: os.unlink(source / "a"),
                "read-elsewhere": lambda: os.open(elsewhere / "b", os.O_RDONLY),
                "move-elsewhere": lambda: os.rename(other / "out", elsewhere / "out"),
                "path-only": lambda: os.open(elsewhere / "b", os.O_PATH),
                "symbolic-link": lambda: os.symlink("/etc", queue / "l"),
                "hard-link": lambda: os.link(other / "out", queue / "l"),
                "fifo": lambda: os.mkfifo(queue / "f"),
                "mode": lambda: os.chmod(other / "out", 0o777),
            }
        )
        return f"{sorted(os.listdir(other))} {worked}"

    assert in_child(act, user) == "['out'] "
    assert (other / "out").read_bytes() == b"input"
    assert (other / "out").stat().st_mode & 0o777 == 0o640


def test_a_reader_may_not_write_anywhere(
    user: str, folder: Path, in_child: InChild, rights: Rights, working: Working
) -> None:
    (folder / "a").write_bytes(b"x")

    def act(kept: int) -> str:
        confinement = rights(kept, calls=(Calls.READ_FILES,), read=(folder,))
        confine(confinement)
        self_test(confinement)
        assert (folder / "a").read_bytes() == b"x"
        assert os.listdir(folder) == ["a"]
        return working(
            {
                "write": lambda: os.open(folder / "a", os.O_WRONLY),
                "truncate": lambda: os.truncate(folder / "a", 0),
                "remove": lambda: os.unlink(folder / "a"),
            }
        )

    assert in_child(act, user) == ""


@pytest.mark.parametrize("loopback", ["127.0.0.1", "::1"])
def test_the_link_sockets_work_one_way_only(
    loopback: str, user: str, in_child: InChild, rights: Rights, working: Working
) -> None:
    family = socket.AF_INET6 if ":" in loopback else socket.AF_INET
    sender = socket.socket(family, socket.SOCK_DGRAM)
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    for each in (sender, receiver):
        each.bind((loopback, 0))
    to_receiver, to_sender = receiver.getsockname(), sender.getsockname()

    def sends(kept: int) -> str:
        calls = (Calls.UDP_SEND,)
        confinement = rights(kept, sender.fileno(), calls=calls, network_namespace=False)
        confine(confinement)
        self_test(confinement)
        sender.sendmsg([b"datagram"], [], 0, to_receiver)
        return working(
            {
                "recvmsg": lambda: sender.recvmsg(10, 0, socket.MSG_DONTWAIT),
                "recvfrom": lambda: sender.recvfrom(10, socket.MSG_DONTWAIT),
                "read": lambda: os.read(sender.fileno(), 10),
                "connect": lambda: sender.connect(to_receiver),
                "setsockopt": lambda: sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1),
            }
        )

    def receives(kept: int) -> str:
        calls = (Calls.UDP_RECEIVE, Calls.READ_FILES, Calls.WRITE_FILES)
        confinement = rights(kept, receiver.fileno(), calls=calls, network_namespace=False)
        confine(confinement)
        self_test(confinement)
        got = receiver.recvmsg(100)[0].decode()
        return got + working(
            {
                "sendmsg": lambda: receiver.sendmsg([b"x"], [], 0, to_sender),
                "sendto": lambda: receiver.sendto(b"x", to_sender),
                "send": lambda: receiver.send(b"x"),
                "write": lambda: os.write(receiver.fileno(), b"x"),
            }
        )

    assert in_child(sends, user) == ""
    assert in_child(receives, user) == "datagram"
    sender.close()
    receiver.close()


def test_a_role_that_names_no_udp_cannot_keep_an_internet_socket(
    in_child: InChild, rights: Rights
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:

        def act(kept: int) -> str:
            with pytest.raises(Broken, match="may not own"):
                confine(rights(kept, datagram.fileno()))
            return "refused"

        assert in_child(act) == "refused"


def test_the_metrics_role_answers_on_the_socket_it_was_given(
    user: str, folder: Path, in_child: InChild, rights: Rights, working: Working
) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client,
    ):
        listening.bind(str(folder / "m"))
        listening.listen()
        client.connect(str(folder / "m"))
        client.sendall(b"GET")

        def act(kept: int) -> str:
            confinement = rights(kept, listening.fileno(), calls=(Calls.UNIX_LISTEN,))
            confine(confinement)
            self_test(confinement)
            with listening.accept()[0] as connection:
                connection.sendall(b"you said " + connection.recv(10))
            return working(
                {
                    "socket": lambda: socket.socket(socket.AF_UNIX),
                    "close": lambda: os.close(listening.fileno()),
                    "file": lambda: os.open("/etc/passwd", os.O_RDONLY),
                }
            )

        assert in_child(act, user) == ""
        assert client.recv(100) == b"you said GET"


def test_the_libraries_of_the_stages_work_after_confinement() -> None:
    program = Path(__file__).with_name("confined_stage.py")
    environment = {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    libraries = "lxml xmlschema expat pydantic jsonschema_rs cbor2 cryptography numpy magic yara_x"
    assert done.stdout.split() == [*libraries.split(), "ledger", "hashlib", "json"]
