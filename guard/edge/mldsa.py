"""ML-DSA-65 (FIPS 204): keys from seeds, signing, verifying.

Takes seeds (32 bytes), public keys (1,952 bytes) and bytes; gives signatures (3,309 bytes). Pure
mode, empty context. Library: `cryptography`. Follows docs/spec/manifest.md §6.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from schemas.errors import Forged
from schemas.reasons import Reason


def mldsa_public_of(seed: bytes) -> bytes:
    """The public key of a seed."""
    return MLDSA65PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def mldsa_signer(seed: bytes) -> Callable[[bytes], bytes]:
    """A function that signs bytes; hedged, so that it gives another signature each time."""
    key = MLDSA65PrivateKey.from_seed_bytes(seed)
    return lambda signed: key.sign(signed)


def mldsa_verifier(public: bytes) -> Callable[[bytes, bytes], None]:
    """A function (signature, signed) that raises `Forged(MANIFEST_SIGNATURE)`."""
    key = MLDSA65PublicKey.from_public_bytes(public)

    def verify(signature: bytes, signed: bytes) -> None:
        try:
            key.verify(signature, signed)
        except InvalidSignature as error:
            raise Forged(Reason.MANIFEST_SIGNATURE, "the signature does not verify") from error

    return verify
