"""Compression of envelopes: what a record's coding means, bounded before anything is expanded.

Takes and gives bytes; a dictionary comes from the signed policy. Pure. Follows docs/spec/link.md
§7 and docs/low-rate.md. What `expand` sees was opened with AES-GCM, but the source side's
`send` may be owned, so it is untrusted all the same: the answer has exactly the length that was
told, or the bytes are `Malformed`. Memory: that length, and at most `WORK_BYTES_MAX` beside it.
"""

from collections.abc import Callable
from enum import IntEnum

import lz4.block
import zstandard

from schemas.errors import Broken, Malformed
from schemas.reasons import Reason

DICTIONARY_BYTES_MAX = 64 * 1024
SMALL_BYTES_MAX = 4096  # up to here, with a dictionary, half a millisecond of search pays
WINDOW_LOG = 20
WORK_BYTES_MAX = 4 * 2**20  # window, one block, and the tables of zstd

_THOROUGH_LEVEL = 19
_QUICK_LEVEL = 3
# How every zstd frame here starts (RFC 8878 §3.1.1), and so is not sent: the magic number; a
# descriptor of 0: no content size, no checksum, no dictionary id; the window of 1 MiB.
_FRAME_START = b"\x28\xb5\x2f\xfd" + bytes([0, (WINDOW_LOG - 10) << 3])
_FULL_DICTIONARY = b"\x37\xa4\x30\xec"


class Coding(IntEnum):
    """How an envelope is written in a record."""

    NONE = 0
    LZ4 = 1  # one lz4 block
    ZSTD = 2  # one zstd frame without its first six bytes, which are always the same
    ZSTD_DICTIONARY = 3  # the same, with the policy's dictionary


CODINGS = {
    "off": Coding.NONE,
    "lz4": Coding.LZ4,
    "zstd": Coding.ZSTD,
    "dictionary": Coding.ZSTD_DICTIONARY,
}
"""What people call them."""

HeadOf = Callable[[bytes | memoryview], int]


def _no_head(_: bytes | memoryview) -> int:
    return 0


class Coder:
    """One link's compression: writes one coding, reads that one. Raises `Malformed` for a
    dictionary that is none, or that is too large.

    coding      what `shrink` writes
    dictionary  for ZSTD_DICTIONARY: content of any kind, or a zstd dictionary with its tables
    head_of     how many bytes of an envelope are digests and signatures, 0 if unknown. A small
                envelope is also tried with a block of its own for these bytes, so that they do
                not spoil the statistics of what follows; with a dictionary only.
    """

    def __init__(self, coding: Coding, dictionary: bytes = b"", head_of: HeadOf = _no_head) -> None:
        if (coding is Coding.ZSTD_DICTIONARY) != bool(dictionary):
            raise _policy("a dictionary is for the coding zstd with a dictionary, and only for it")
        if len(dictionary) > DICTIONARY_BYTES_MAX:
            raise _policy(f"the dictionary is larger than {DICTIONARY_BYTES_MAX} bytes")
        self.coding = coding
        self._head_of = head_of
        if coding in (Coding.ZSTD, Coding.ZSTD_DICTIONARY):
            self._quick = _compressor(_QUICK_LEVEL, 0, dictionary)
            self._thorough = _compressor(_THOROUGH_LEVEL, SMALL_BYTES_MAX, dictionary)
            self._expander = zstandard.ZstdDecompressor(
                dict_data=_dictionary(dictionary), max_window_size=1 << WINDOW_LOG
            )

    def shrink(self, plain: bytes | memoryview) -> bytes | None:
        """The coded bytes, or None where they would not be fewer."""
        if self.coding is Coding.NONE or not plain:
            return None
        if self.coding is Coding.LZ4:
            coded: bytes = lz4.block.compress(plain, store_size=False)
        elif self.coding is Coding.ZSTD or len(plain) > SMALL_BYTES_MAX:
            coded = _frame(self._quick, plain, 0)
        else:
            coded = _frame(self._thorough, plain, 0)
            head_bytes = self._head_of(plain)
            if 0 < head_bytes < len(plain):
                coded = min(coded, _frame(self._thorough, plain, head_bytes), key=len)
        return coded if len(coded) < len(plain) else None

    def expand(self, coding: int, untrusted_coded: memoryview | bytes, plain_bytes: int) -> bytes:
        """The envelope. The caller has held `plain_bytes` to its bound.

        Raises `Malformed(BLOCK_MALFORMED)` for another coding than this link's, for bytes that are
        not of it, and for what does not give exactly `plain_bytes`.
        """
        if coding != self.coding or self.coding is Coding.NONE:
            raise _malformed("has another coding than this link")
        if not len(untrusted_coded) < plain_bytes:
            raise _malformed("is not shorter than what it stands for")
        try:
            if self.coding is Coding.LZ4:
                plain: bytes = lz4.block.decompress(untrusted_coded, uncompressed_size=plain_bytes)
            else:
                plain = self._expanded(untrusted_coded, plain_bytes)
        except (zstandard.ZstdError, lz4.block.LZ4BlockError, ValueError) as error:
            raise _malformed("does not expand") from error
        if len(plain) != plain_bytes:
            raise _malformed("expands to another length than it tells")
        return plain

    def _expanded(self, untrusted_coded: memoryview | bytes, plain_bytes: int) -> bytes:
        """The frame's start is ours: it tells no size of its own, so only `plain_bytes` decides."""
        plain: bytes = self._expander.decompress(
            _FRAME_START + untrusted_coded, max_output_size=plain_bytes, allow_extra_data=False
        )
        return plain


def _compressor(level: int, source_bytes: int, dictionary: bytes) -> zstandard.ZstdCompressor:
    """For envelopes of about this size (0: any); the dictionary is digested once, here."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=source_bytes,
        dict_size=len(dictionary),
        window_log=WINDOW_LOG,
        write_checksum=0,
        write_content_size=0,
        write_dict_id=0,
    )
    told = _dictionary(dictionary)
    if told is not None:
        try:
            told.precompute_compress(compression_params=parameters)
        except zstandard.ZstdError as error:
            raise _policy("the dictionary is no zstd dictionary") from error
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=told)


def _frame(
    compressor: zstandard.ZstdCompressor, plain: bytes | memoryview, head_bytes: int
) -> bytes:
    """One frame without its start; with a block of its own for the head."""
    writer = compressor.compressobj()
    parts = []
    if head_bytes:
        parts.append(writer.compress(plain[:head_bytes]))
        parts.append(writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
    parts.append(writer.compress(plain[head_bytes:]))
    parts.append(writer.flush())
    frame = b"".join(parts)
    if not frame.startswith(_FRAME_START):
        raise Broken(Reason.BLOCK_MALFORMED, "zstd wrote another frame start than it was asked to")
    return frame[len(_FRAME_START) :]


def _dictionary(dictionary: bytes) -> zstandard.ZstdCompressionDict | None:
    if not dictionary:
        return None
    whole = dictionary.startswith(_FULL_DICTIONARY)
    kind = zstandard.DICT_TYPE_FULLDICT if whole else zstandard.DICT_TYPE_RAWCONTENT
    return zstandard.ZstdCompressionDict(dictionary, dict_type=kind)


def _policy(sentence: str) -> Malformed:
    return Malformed(Reason.POLICY_MALFORMED, f"link: {sentence}")


def _malformed(what: str) -> Malformed:
    return Malformed(Reason.BLOCK_MALFORMED, f"an envelope of an opened block {what}")
