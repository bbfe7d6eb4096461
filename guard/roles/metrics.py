"""Metrics: what the roles count, for Prometheus and `guard status`, on a socket of its own.

Hears two feeds (numbers only, one way): that of what reads content, on which four numbers can be
told under the name of each such process, and that of the other roles. Answers `GET /metrics` in
Prometheus text form and `GET /status` in JSON, one connection at a time. The listening socket is a
Unix socket or a management address, given by the supervisor; never a domain interface. Nothing that
a client sends reaches any other process.
"""

import json
import re
import select
import socket
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from guard.edge.sockets import Ear
from guard.edge.spec import Spec
from guard.edge.waiting import wait_readable

_REQUEST_BYTES_MAX = 4096
_CLIENT_WITHIN_MS = 2000
_NAMES_MAX = 128
_PACKETS_A_TURN_MAX = 256  # a feed that is flooded keeps no client waiting
_COUNTERS_MAX = 512
_NUMBER_MAX = 2**63 - 1
_OF_A_STAGE = frozenset({"messages", "busy_ns", "malformed_frames", "cells_failed"})
_OF_A_SCANNER = frozenset({"scanned_clean", "scanned_found", "not_scanned", "malformed_questions"})
_NAME = re.compile(r"[a-z][a-z0-9_:-]{0,79}")
_COUNTER = re.compile(r"[a-z][a-z0-9_-]{0,63}|entry(\|[a-z0-9_:-]{0,64}){3}")
_BUCKETS_US = (1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000)


class Board:
    """The newest counters of every process, and the latency histograms."""

    def __init__(self, flow: str, side: str, stages: frozenset[str] = frozenset()) -> None:
        """stages: the names of the processes that may tell on the stages' feed."""
        self._stages = stages
        self._labels = (flow, side)
        self._counters: dict[str, dict[str, int]] = {}
        self._latency: dict[str, list[int]] = {}
        self._latency_sum_us: dict[str, int] = {}

    def note(self, untrusted_packet: bytes) -> None:
        """Take one packet of the roles' feed; one that is none is dropped."""
        told = _read(untrusted_packet)
        if told is None or told[0] in self._stages:
            return
        name, counters, latency = told
        if name in self._counters or len(self._counters) < _NAMES_MAX:
            self._counters[name] = counters
            self._note_latency(name, latency)

    def note_stage(self, untrusted_packet: bytes) -> None:
        """Take one packet of the stages' feed: a stage that was taken over wrote it, for all we
        know. It can give wrong numbers, another stage's too, and neither names nor words of its
        own."""
        told = _read(untrusted_packet)
        if told is None or told[0] not in self._stages:
            return
        if told[1].keys() <= (_OF_A_SCANNER if told[0].startswith("scanner:") else _OF_A_STAGE):
            self._counters[told[0]] = told[1]

    def _note_latency(self, name: str, latency: list[int]) -> None:
        buckets = self._latency.setdefault(name, [0] * (len(_BUCKETS_US) + 1))
        for us in latency:
            at = sum(us > edge for edge in _BUCKETS_US)
            buckets[at] += 1
        self._latency_sum_us[name] = self._latency_sum_us.get(name, 0) + sum(latency)

    def status(self) -> bytes:
        """All counters as JSON."""
        return json.dumps(self._counters, sort_keys=True).encode()

    def collect(self) -> Iterator[Metric]:
        """The metrics, for prometheus_client."""
        entries = CounterMetricFamily(
            "checkvalve_decisions", "What the ledger was told",
            labels=("flow", "side", "kind", "stage", "reason"),
        )  # fmt: skip
        counts = CounterMetricFamily(
            "checkvalve_events", "What a process counted", labels=("flow", "side", "role", "event")
        )
        size = GaugeMetricFamily(
            "checkvalve_ledger_entries", "Entries in the ledger", labels=("flow", "side")
        )
        depths = GaugeMetricFamily(
            "checkvalve_queue_depth", "Messages waiting at a step", labels=("flow", "side", "queue")
        )
        for name, counters in sorted(self._counters.items()):
            for key, value in sorted(counters.items()):
                if key.startswith("entry|"):
                    entries.add_metric((*self._labels, *key.split("|")[1:]), value)
                elif key == "ledger_size":
                    size.add_metric(self._labels, value)
                elif key.startswith("depth_"):
                    depths.add_metric((*self._labels, key.removeprefix("depth_")), value)
                else:
                    counts.add_metric((*self._labels, name, key), value)
        yield from (entries, counts, size, depths, self._histograms())

    def _histograms(self) -> Metric:
        family = HistogramMetricFamily(
            "checkvalve_latency_seconds", "From a head's acceptance to a tail's durable decision",
            labels=("flow", "side", "role"),
        )  # fmt: skip
        for name, buckets in sorted(self._latency.items()):
            if not sum(buckets):
                continue
            edges = [str(edge / 1e6) for edge in _BUCKETS_US] + ["+Inf"]
            running, cumulative = 0, []
            for edge, count in zip(edges, buckets, strict=True):
                running += count
                cumulative.append((edge, running))
            family.add_metric((*self._labels, name), cumulative, self._latency_sum_us[name] / 1e6)
        return family


def _read(untrusted_packet: bytes) -> tuple[str, dict[str, int], list[int]] | None:
    """(process, counters, latencies in microseconds), or None for what is no packet of a feed."""
    try:
        untrusted = json.loads(untrusted_packet)
        name, counters = untrusted["name"], untrusted["counters"]
        latency = untrusted["latency_us"]
        named = {key: value for key, value in counters.items() if _COUNTER.fullmatch(key)}
        numbers = [*named.values(), *latency]
        if not _NAME.fullmatch(name) or type(latency) is not list:
            return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if len(named) > _COUNTERS_MAX:
        return None
    if not all(type(number) is int and 0 <= number <= _NUMBER_MAX for number in numbers):
        return None
    return name, named, latency


def prepare(spec: Spec) -> Callable[[], None]:
    """The registry and the two sockets."""
    names = spec.values.get("stage_names")
    stage_names = frozenset(map(str, names)) if isinstance(names, list) else frozenset()
    board = Board(spec.text("flow"), spec.side, stage_names)
    registry = CollectorRegistry()
    registry.register(board)
    ear = Ear(spec.descriptors["feed"])
    stages = Ear(spec.descriptors["stages-feed"]) if "stages-feed" in spec.descriptors else ear
    listener = socket.socket(fileno=spec.descriptors["listener"])
    generate_latest(registry)
    return lambda: _work(board, registry, ear, stages, listener)


def _work(
    board: Board, registry: CollectorRegistry, ear: Ear, stages: Ear, listener: socket.socket
) -> None:
    while True:
        watched = (ear.fileno(), stages.fileno(), listener.fileno())
        ready = wait_readable(*watched, wait_ms=60_000)
        for heard, note in ((ear, board.note), (stages, board.note_stage)):
            for _ in range(_PACKETS_A_TURN_MAX if heard.fileno() in ready else 0):
                packet = heard.hear_now()
                if not packet:
                    break
                note(packet)
        if listener.fileno() in ready:
            client, _ = listener.accept()
            with client:
                _answer(client, board, registry)


def _answer(client: socket.socket, board: Board, registry: CollectorRegistry) -> None:
    """One request, one answer; a client that is slow or wrong is dropped.

    Waits by poll: a timeout on the socket would take ioctl, which a confined process has not.
    """
    if not wait_readable(client.fileno(), wait_ms=_CLIENT_WITHIN_MS):
        return
    try:
        request = client.recv(_REQUEST_BYTES_MAX, socket.MSG_DONTWAIT)
        path = request.split(b" ", 2)[1] if request.startswith(b"GET ") else b""
        if path == b"/metrics":
            _send(client, b"200 OK", b"text/plain; version=0.0.4", generate_latest(registry))
        elif path == b"/status":
            _send(client, b"200 OK", b"application/json", board.status())
        else:
            _send(client, b"404 Not Found", b"text/plain", b"try /metrics or /status\n")
    except (OSError, IndexError):
        return


def _send(client: socket.socket, state: bytes, kind: bytes, body: bytes) -> None:
    head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    rest = memoryview(head % (state, kind, len(body)) + body)
    poller = select.poll()
    poller.register(client.fileno(), select.POLLOUT)
    while rest and poller.poll(_CLIENT_WITHIN_MS):
        rest = rest[client.send(rest, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) :]
