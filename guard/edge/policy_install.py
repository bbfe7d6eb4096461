"""A new policy for a site: laid beside the old one whole, then taken up between two messages.

    policy.next/   the policy that comes next, with its signature and documents, all on disk

Takes a site's folder and a folder with a signed policy; gives the site as it will be. The new
files take the old ones' place while nothing of the lane runs; a crash in between leaves
`policy.next`, and the next start goes on with it. Follows docs/spec/policy-signing.md §5.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from guard.edge import durable
from guard.edge.policy_memory import PolicyMemory, check_memory
from guard.edge.site import Site, load_site
from guard.edge.trust import SIGNATURE
from schemas.errors import Malformed
from schemas.reasons import Reason

NEXT = "policy.next"
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755
_OF_A_SENDER = ("spool/drop", "spool/claimed", "spool/refused", "replies")


def lay(site: Site, source: Path, memory: PolicyMemory) -> Site:
    """Copy a signed policy into the site as the one that comes next.

    source: a folder with policy.toml, policy.sig and documents/. Raises `Malformed`, `Forged` for
    one that may not follow: then nothing was changed.
    """
    made = site.folder / f"{NEXT}.tmp"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=_FOLDER_MODE)
    (made / "documents").mkdir(mode=_FOLDER_MODE)
    try:
        found = load_site(site.folder, policy_folder=source)
        check_next(site, found, memory)
        names = ["policy.toml", SIGNATURE, *(f"documents/{name}" for name in found.documents)]
        for name in names:
            durable.create(made / name, (source / name).read_bytes())
        check_next(site, load_site(site.folder, policy_folder=made), memory)
        shutil.rmtree(site.folder / NEXT, ignore_errors=True)
        durable.publish(made, site.folder / NEXT)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return found


def check_next(site: Site, found: Site, memory: PolicyMemory) -> None:
    """That a policy may come after this site's: of the same flow, and newer."""
    old, new = site.policy, found.policy
    for name in ("flow", "source_domain", "destination_domain"):
        if getattr(old, name) != getattr(new, name):
            raise Malformed(
                Reason.POLICY_MALFORMED,
                f"the new policy's {name.replace('_', ' ')} is {getattr(new, name)}, and this site"
                f" is for {getattr(old, name)}: another flow is another site",
            )
    check_memory(found, memory)
    if new.version < old.version or (new.version == old.version and site.policy_digest
                                     != found.policy_digest):  # fmt: skip
        PolicyMemory(old.version, site.policy_digest.hex()).check_policy(
            new, found.policy_digest.hex()
        )


def is_laid(folder: Path) -> bool:
    """Whether a policy waits to be taken up."""
    return (folder / NEXT).is_dir()


def next_site(site: Site, memory: PolicyMemory) -> Site:
    """The site with the policy that waits. Raises `Malformed`, `Forged`: it is not taken up."""
    found = load_site(site.folder, policy_folder=site.folder / NEXT)
    check_next(site, found, memory)
    return found


def take_up(found: Site) -> None:
    """Put the files of the policy that waits into the site. Nothing of the lane runs meanwhile.

    Done again after a crash it comes to the same end: what waits is removed last.
    """
    folder = found.folder
    for path in _files(folder / NEXT):
        target = folder / path.relative_to(folder / NEXT)
        durable.replace(target, path.read_bytes())
        target.chmod(_FILE_MODE)
    if found.file.side == "low":
        for name in found.policy.senders:
            for top in _OF_A_SENDER:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder / top / name, _FOLDER_MODE)
    discard(folder)


def discard(folder: Path) -> None:
    """Take away the policy that waits."""
    shutil.rmtree(folder / NEXT, ignore_errors=True)
    durable.sync_directory(folder)


def finish(folder: Path) -> None:
    """Before a start: go on with what a crash, or an install on a stopped side, left waiting.

    The site itself may be half the old policy and half the new: only the new one is looked at. A
    side that runs is left alone. Raises `Malformed`, `Forged`, `OSError`.
    """
    if not is_laid(folder):
        return
    try:
        descriptor = durable.hold_alone(folder / "run")
    except BlockingIOError:
        return
    try:
        take_up(load_site(folder, policy_folder=folder / NEXT))
    finally:
        os.close(descriptor)


def _files(top: Path) -> Iterator[Path]:
    """Documents first, the policy itself last: until then its old signature does not fit."""
    yield from sorted((top / "documents").iterdir())
    yield top / SIGNATURE
    yield top / "policy.toml"
