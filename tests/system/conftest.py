"""What the tests of the whole path share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can pass through: as root each role has a user of its own."""
    folder = Path(tempfile.mkdtemp(prefix="checkvalve-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
