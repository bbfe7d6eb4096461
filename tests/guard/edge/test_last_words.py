import json
import os
import subprocess

from guard.edge.processes import Process
from schemas.reasons import Reason


def test_a_process_that_fails_at_once_is_ready_and_has_its_last_words() -> None:
    """Both may be in the pipe before anybody has read the first."""
    reading, writing = os.pipe()
    popen = subprocess.Popen(["true"])
    process = Process("stage:words", popen, os.pidfd_open(popen.pid), reading)
    os.write(writing, json.dumps({"name": "stage:words", "layers": []}).encode() + b"\n")
    os.write(writing, f"{Reason.DISK}|the disk is full".encode())
    os.close(writing)
    assert process.await_ready() == {"name": "stage:words", "layers": []}
    assert process.last_words() == (Reason.DISK, "the disk is full")
    assert process.last_words() == ("", "")
    popen.wait()
    assert process.end() == 0
