"""What every role of a run is told: the site's configuration as plain values.

Takes a verified site and the run's nonce (16 bytes), gives the values of a `Spec`. Pure.
"""

from collections.abc import Sequence

from guard.core.chain import PATIENCE_MS
from guard.edge.seats import told_of
from guard.edge.site import Site, flow_number
from guard.edge.spec import Value
from schemas.policy import DestinationChain, Policy, SourceChain
from schemas.receipt import scope_digest
from schemas.trust_root import TrustRoot


def values_of(site: Site, nonce: bytes) -> dict[str, Value]:
    """The same for all roles that are started together."""
    policy, chain = site.policy, site.chain
    scope = scope_digest(
        nonce, 0, policy.flow, policy.source_domain, policy.destination_domain,
        site.policy_digest,
    )  # fmt: skip
    slowest_ms = max((line.limits or chain.limits).message_ms_max for line in chain.stage)
    values: dict[str, Value] = {
        "folder": str(site.folder),
        "flow": policy.flow,
        "flow_number": flow_number(policy.flow),
        "source_domain": policy.source_domain,
        "destination_domain": policy.destination_domain,
        "policy_digest": site.policy_digest.hex(),
        "policy_version": policy.version,
        "payload_bytes_max": policy.payload_bytes_max,
        "senders": list(policy.senders),
        "stages": [told_of(line) for line in chain.stage],
        "nonce": nonce.hex(),
        "scope": scope.hex(),
        "link": policy.link.model_dump(),
        "manifest": policy.link.manifest,
        "signatures": policy.link.signatures,
        "link_address": site.file.link,
        "links": list(site.file.links),
        "link_copies": int(site.file.link_mode == "copies"),
        "link_from": site.file.link_from,
        "antivirus": site.file.antivirus,
        "origin": f"checkvalve/{policy.flow}/{site.file.side}",
        "trust_root": site.root.digest(),
        "trust_root_version": site.root.version,
        "demo": int(site.file.demo),
        "software_digest": site.software,
        "resend_days": site.file.resend_days,
        "resend_mb": site.file.resend_mb,
        "keep_days": site.file.keep_days,
        "patience_ms": max(PATIENCE_MS, 2 * slowest_ms),
        **site.key_values(),
        **site.ledger_values(),
    }
    if isinstance(chain, SourceChain):
        values |= {
            "name_crosses": int(chain.name_crosses),
            "keep_refused": int(chain.keep_refused),
            "replies": int(chain.replies),
            "delay_s": chain.delay_s,
            "limits": {name: limit.model_dump() for name, limit in policy.limits.items()},
            "reviewers": reviewer_values(site.root, site.signers, policy),
        }
    if isinstance(chain, DestinationChain):
        accepts = {digest.hex(): it for digest, it in chain.accepted_versions().items()}
        values |= {
            "extension": chain.extension,
            "accepts": accepts,
            "name_crosses": int(chain.name_crosses),
        }
    return values


def reviewer_values(root: TrustRoot, authors: Sequence[str], policy: Policy) -> dict[str, Value]:
    """Who may decide on what is held: for `guard.core.review.Reviewers.read`."""
    return {
        "keys": {name: public.hex() for name, public in root.reviewer_keys.items()},
        "quorum": root.reviewer_quorum,
        "authors": list(authors),
        "senders": list(policy.senders),
        "persons": {sender: list(names) for sender, names in policy.sender_persons.items()},
    }
