"""What the sides of several flows use, from their folders; and that a side may start beside others.

Takes sites and policies on disk and a trust root, gives `SideUse`s; raises `Forged(TOPOLOGY)` when
a site of an opposite flow stands on this host. Reads only; of keys it tells names, never content.
"""

import contextlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from guard.edge.identity import SOURCE
from guard.edge.keys import read_secret
from guard.edge.site import Site, SiteFile, read_public, read_site_file
from guard.link.keys import key_id
from schemas.errors import CheckvalveError, Forged
from schemas.policy import POLICY_BYTES_MAX, Policy, read_policy
from schemas.reasons import Reason
from schemas.topology import FlowLine, SideUse, are_opposite
from schemas.trust_root import TrustRoot

NEIGHBOURS_MAX = 256
_USERS = 128
_ANY_FLOW = 0  # one name for a key, whichever flow uses it


def side_use(path: Path, root: TrustRoot) -> SideUse:
    """Of a site's folder, or of a policy file alone. Raises `Malformed`, `OSError`."""
    folder = path if path.is_dir() else path.parent
    content = _read(folder / "policy.toml" if path.is_dir() else path)
    policy = read_policy(content)
    flow = flow_of(policy, root)
    policies = frozenset({policy.flow})
    if not (folder / "site.toml").exists():
        return SideUse(flow, "", policies=policies)
    file = read_site_file(folder)
    return SideUse(
        flow,
        file.side,
        hosts=_hosts(file),
        users=frozenset(str(file.first_user + at) for at in range(_USERS)),
        keys=_keys(folder),
        ledgers=frozenset({str((folder / "ledger").resolve())}),
        policies=policies,
    )


def flow_of(policy: Policy, root: TrustRoot) -> FlowLine:
    """A policy's flow as the topology sees it. Raises `Malformed` for a domain the root lacks."""
    source, destination = policy.source_domain, policy.destination_domain
    root.direction(source, destination)
    release = root.is_release(policy.flow, source, destination)
    return FlowLine(policy.flow, source, destination, release)


def check_neighbours(site: Site) -> None:
    """That no side of an opposite flow has its site beside this one. Raises `Forged(TOPOLOGY)`.

    Looked at are the folders beside the site's: as `deploy/` has it, all sites of a host.
    """
    mine = flow_of(site.policy, site.root)
    for path in sorted(site.folder.parent.glob("*/site.toml"))[:NEIGHBOURS_MAX]:
        folder = path.parent
        if folder.samefile(site.folder):
            continue
        try:
            other = flow_of(read_policy(_read(folder / "policy.toml")), site.root)
        except (CheckvalveError, OSError):
            continue  # it does not start either; guard doctor says why
        if are_opposite(site.root, mine, other):
            raise Forged(
                Reason.TOPOLOGY,
                f"{folder} is a site of the flow {other.name}, which goes the other way"
                f" ({other.source} to {other.destination}): opposite directions share no host, put"
                " one of the two on a host of its own",
            )


def _hosts(file: SiteFile) -> frozenset[str]:
    """The addresses by which a host is known: on the low side its own, on the high side where it
    listens; and the name that the site gives it."""
    links = file.links if file.side == "high" else []
    addresses = {link.rpartition(":")[0].strip("[]") for link in links}
    if file.side == "low" and file.link_from:
        addresses.add(file.link_from)
    if file.host:
        addresses.add(file.host)
    return frozenset(addresses)


def _keys(folder: Path) -> frozenset[str]:
    """Names of its keys, as far as this user may read them."""
    names = set()
    with contextlib.suppress(CheckvalveError):  # only root may read it
        link = read_secret(folder / "keys" / "link.key")
        names.add(f"link {key_id(link, _ANY_FLOW)[:16]}")
    with contextlib.suppress(CheckvalveError):
        names.add(f"ledger {read_public(folder / 'trust' / 'ledger.pub').hex()[:16]}")
    with contextlib.suppress(OSError, ValueError):  # guard doctor says what is wrong with it
        content = (folder / "trust" / SOURCE).read_bytes()
        key = x509.load_pem_x509_certificate(content).public_key()
        if isinstance(key, Ed25519PublicKey):
            names.add(f"seal {key.public_bytes_raw().hex()[:16]}")
    return frozenset(names)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(POLICY_BYTES_MAX + 1)
