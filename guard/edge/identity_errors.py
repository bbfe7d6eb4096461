"""What OpenSSL says of a chain that does not verify, in sentences that say what to do.

Takes pyOpenSSL's error, gives the `Forged` to raise. Numbers: `x509_vfy.h` of OpenSSL, which are
part of its binary interface. What is not in the table is said in OpenSSL's own words.
"""

from datetime import UTC, datetime
from pathlib import Path

from OpenSSL import crypto

from schemas.errors import Forged
from schemas.reasons import Reason

_NOT_ISSUED = (
    Reason.CERTIFICATE_UNTRUSTED,
    "was not issued by the authority in authority.pem: put a certificate there that was, or the"
    " right authority's",
)
_BAD_LIST = (
    Reason.CERTIFICATE_REVOKED,
    "cannot be checked against revoked.pem ({openssl}): put the newest list of its authority there",
)
_SENTENCES = {
    2: _NOT_ISSUED,  # unable to get issuer certificate
    7: _NOT_ISSUED,  # certificate signature failure
    18: _NOT_ISSUED,  # self-signed certificate
    19: _NOT_ISSUED,  # self-signed certificate in chain
    20: _NOT_ISSUED,  # unable to get local issuer certificate
    21: _NOT_ISSUED,  # unable to verify the first certificate
    3: _BAD_LIST,  # unable to get certificate CRL
    8: _BAD_LIST,  # CRL signature failure
    11: _BAD_LIST,  # CRL is not yet valid
    12: _BAD_LIST,  # CRL has expired
    35: _BAD_LIST,  # key usage does not include CRL signing
    9: (
        Reason.CERTIFICATE_VALIDITY,
        "is not valid yet, it is {time} here: check this host's clock, or wait",
    ),
    10: (
        Reason.CERTIFICATE_VALIDITY,
        "has expired, it is {time} here: have the authority issue a new one, or check this"
        " host's clock",
    ),
    23: (
        Reason.CERTIFICATE_REVOKED,
        "has been revoked by its authority: make a new key and have it certified",
    ),
    25: (
        Reason.CERTIFICATE_USAGE,
        "stands under an authority that may not have others below it (path length)",
    ),
    32: (
        Reason.CERTIFICATE_USAGE,
        "was signed with a key that may not issue certificates (key usage): have an authority"
        " issue it",
    ),
    82: (
        Reason.CERTIFICATE_USAGE,
        "may issue certificates by its key usage and is not an authority's (CA flag): have the"
        " authority issue one for signatures alone",
    ),
    79: (
        Reason.CERTIFICATE_USAGE,
        "has issued another, and it is not an authority's (CA flag): have an authority issue it",
    ),
}


def forged_of(error: crypto.X509StoreContextError, path: Path, at_s: int) -> Forged:
    """The error to raise for a chain in `path` that did not verify at this time."""
    number, depth, openssl = error.errors
    time = datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    reason, sentence = _SENTENCES.get(
        number,
        (Reason.CERTIFICATE_UNTRUSTED, "does not verify ({openssl}): have it issued again"),
    )
    whose = "" if depth == 0 else f" (number {depth} above it in the chain)"
    return Forged(reason, f"{path}{whose} {sentence.format(openssl=openssl, time=time)}")
