"""`guard keys issue` and `revoke`: what an authority does, for those who have none of their own.

Run on the authority's machine, never on a guard's. An organisation's own authority issues the same
profile (docs/identity.md)."""

from pathlib import Path

import click
from cryptography import x509

from guard.cli.output import console, sentences
from guard.edge import durable
from guard.edge.clock import now_s
from guard.edge.issuing import Authority, read_request, revocation_list
from guard.edge.issuing import issue as issue_certificate
from schemas.errors import Malformed
from schemas.reasons import Reason

_SKEW_S = 300
_PATH = click.Path(path_type=Path, dir_okay=False)
_AUTHORITY = click.option("--authority", required=True, metavar="PEM", type=_PATH,
                          help="The authority's certificate.")  # fmt: skip
_KEY = click.option("--authority-key", required=True, metavar="PEM", type=_PATH,
                    help="Its Ed25519 key, PKCS #8.")  # fmt: skip
_OUT = click.option("--out", required=True, metavar="FILE", type=_PATH, help="A new file.")


@click.command(epilog="Example: guard keys issue low.csr --authority authority.pem"
               " --authority-key authority.key --out new.pem")  # fmt: skip
@click.argument("file", metavar="REQUEST", type=_PATH)
@_AUTHORITY
@_KEY
@_OUT
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3650),
              help="How long it is valid.")  # fmt: skip
def issue(file: Path, authority: Path, authority_key: Path, out: Path, days: int) -> None:
    """Certify a domain's sealing key. Look who asks: a request proves no more than its own key."""
    with sentences():
        own = Authority.read(authority, authority_key)
        domain, public, mldsa = read_request(file.read_bytes())
        made = issue_certificate(own, domain, public, now_s() - _SKEW_S, days, mldsa)
        durable.create(out.absolute(), made)
    console.print(f"{out}: the certificate of {domain}, for {days} days", markup=False)


@click.command(epilog="Example: guard keys revoke old.pem --authority authority.pem"
               " --authority-key authority.key --out revoked.pem")  # fmt: skip
@click.argument("files", metavar="CERTIFICATE...", nargs=-1, type=_PATH)
@_AUTHORITY
@_KEY
@_OUT
@click.option("--before", metavar="FILE", type=_PATH, help="The list so far: it goes on.")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650),
              help="Until the next list: a side that has none by then stops.")  # fmt: skip
def revoke(
    files: tuple[Path, ...], authority: Path, authority_key: Path, out: Path, before: Path | None,
    days: int,
) -> None:  # fmt: skip
    """Sign a revocation list with these certificates on it; with none, the list is renewed."""
    with sentences():
        own = Authority.read(authority, authority_key)
        revoked, number = _before(before)
        for file in files:
            revoked.setdefault(_serial(file, own), now_s())
        made = revocation_list(own, revoked, number + 1, now_s() - _SKEW_S, days)
        durable.create(out.absolute(), made)
    console.print(f"{out}: list {number + 1}, {len(revoked)} certificates. On both sides:\n"
                  f"  guard keys take-revocations {out} --site DIR", markup=False)  # fmt: skip


def _before(path: Path | None) -> tuple[dict[int, int], int]:
    if path is None:
        return {}, 0
    try:
        found = x509.load_pem_x509_crl(path.read_bytes())
        number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (ValueError, x509.ExtensionNotFound) as error:
        raise _malformed(f"{path} is not a revocation list with a number") from error
    return {it.serial_number: int(it.revocation_date_utc.timestamp()) for it in found}, number


def _serial(path: Path, authority: Authority) -> int:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (ValueError, IndexError) as error:
        raise _malformed(f"{path} is not a certificate in PEM") from error
    if found.issuer != authority.certificate.subject:
        raise _malformed(f"{path} is not a certificate that this authority issued")
    return found.serial_number


def _malformed(sentence: str) -> Malformed:
    return Malformed(Reason.CERTIFICATE_MALFORMED, sentence)
