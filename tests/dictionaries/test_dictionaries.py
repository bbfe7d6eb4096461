"""The dictionaries that the packs ship are the ones that the tool builds, and are zstd's."""

from pathlib import Path

import pytest

from guard.link.compression import DICTIONARY_BYTES_MAX, Coder, Coding
from tests.dictionaries.__main__ import dictionaries

BUILT = dictionaries()
BYTES_MAX = 16 * 1024


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.name)
def test_what_is_shipped_is_what_is_built(path: Path) -> None:
    again = "rebuild it: python -m tests.dictionaries"
    assert path.read_bytes() == BUILT[path] == dictionaries()[path], again


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.name)
def test_it_is_a_dictionary_and_makes_its_samples_smaller(path: Path) -> None:
    assert len(BUILT[path]) <= BYTES_MAX <= DICTIONARY_BYTES_MAX
    coder, plain = Coder(Coding.ZSTD_DICTIONARY, BUILT[path]), Coder(Coding.ZSTD)
    samples = [file for file in (path.parent / "samples").iterdir() if file.is_file()]
    assert samples
    for sample in samples:
        content = sample.read_bytes()
        shrunk = coder.shrink(content)
        assert shrunk is not None
        assert len(shrunk) < len(plain.shrink(content) or content)
        assert coder.expand(Coding.ZSTD_DICTIONARY, shrunk, len(content)) == content
