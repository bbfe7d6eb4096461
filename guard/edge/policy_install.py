"""A new policy for a site: laid beside the old one whole, then taken up between two messages.

    policy.next/        the policy that comes next, with its signature and documents, all on disk
    policies/VERSION/   those that ran before, kept for who must judge what they decided

Takes a site's folder and a folder with a signed policy; gives the site as it will be. The new
files take the old ones' place while nothing of the lane runs; a crash in between leaves
`policy.next`, and the next start goes on with it. Follows docs/spec/policy-signing.md §5.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from guard.edge import durable
from guard.edge.policy_memory import PolicyMemory, check_memory
from guard.edge.site import Site, check_scanner, load_site
from guard.edge.trust import SIGNATURE
from schemas.errors import Broken, Malformed
from schemas.policy import read_policy
from schemas.reasons import Reason

NEXT = "policy.next"
KEPT = "policies"
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755
_OF_A_SENDER = ("spool/drop", "spool/claimed", "spool/refused", "replies")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether nobody else lays or takes up a policy of this site until the end of this."""
    try:
        descriptor = durable.hold_alone(folder)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


def lay(site: Site, source: Path, memory: PolicyMemory) -> Site:
    """Copy a signed policy into the site as the one that comes next.

    source: a folder with policy.toml, policy.sig and documents/. Raises `Malformed`, `Forged` for
    one that may not follow, `Broken` while another is taken up: then nothing was changed.
    """
    with alone(site.folder) as held:
        _check_held(site.folder, held=held)
        return _lay(site, source, memory)


def _check_held(folder: Path, *, held: bool) -> None:
    if not held:
        sentence = f"another policy of {folder} is being taken up: wait until it is in force"
        raise Broken(Reason.SITE_MALFORMED, sentence)


def _lay(site: Site, source: Path, memory: PolicyMemory) -> Site:
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
    root = site.root  # it may be newer than what the memory has
    PolicyMemory(root_version=root.version, root_digest=root.digest()).check_root(found.root)
    if new.version < old.version or (new.version == old.version and site.policy_digest
                                     != found.policy_digest):  # fmt: skip
        PolicyMemory(old.version, site.policy_digest.hex()).check_policy(
            new, found.policy_digest.hex()
        )


def is_laid(folder: Path) -> bool:
    """Whether a policy waits to be taken up."""
    return (folder / NEXT).is_dir()


def next_site(site: Site, memory: PolicyMemory) -> Site:
    """The site with the policy that waits. Raises `Malformed`, `Forged`: it is not taken up.

    What the side was started with beside the policy holds until its next start: a change of
    `site.toml` is no part of a change of policy.
    """
    found = load_site(site.folder, policy_folder=site.folder / NEXT)
    check_next(site, found, memory)
    check_scanner(site.file, found.chain)
    return replace(found, file=site.file, software=site.software)


def take_up(found: Site) -> None:
    """Put the files of the policy that waits into the site. Nothing of the lane runs meanwhile.

    Done again after a crash it comes to the same end: what waits is removed last.
    """
    folder = found.folder
    _keep_old(folder)
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


def kept_policy(folder: Path, version: int) -> Path:
    """Where a site keeps a policy that it ran before."""
    return folder / KEPT / f"{version:010d}"


def _keep_old(folder: Path) -> None:
    """Before anything of it is replaced; after a crash it is there already, or still whole.

    One that cannot be read never ran.
    """
    try:
        policy = read_policy((folder / "policy.toml").read_bytes())
    except (Malformed, FileNotFoundError):
        return
    target = kept_policy(folder, policy.version)
    if target.exists():
        return
    durable.make_directory(folder / KEPT)
    made = target.with_name(f"{target.name}.tmp")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=_FOLDER_MODE)
    (made / "documents").mkdir(mode=_FOLDER_MODE)
    for path in _files(folder):
        durable.create(made / path.relative_to(folder), path.read_bytes())
    durable.publish(made, target)


def discard(folder: Path) -> None:
    """Take away the policy that waits: at once, so that a crash leaves the whole of it or none."""
    gone = folder / f"{NEXT}.gone"
    shutil.rmtree(gone, ignore_errors=True)
    os.rename(folder / NEXT, gone)
    durable.sync_directory(folder)
    shutil.rmtree(gone, ignore_errors=True)


def finish(folder: Path) -> None:
    """Before a start: go on with what a crash, or an install on a stopped side, left waiting.

    The site itself may be half the old policy and half the new: only the new one is looked at. A
    side that runs is left alone. Raises `Malformed`, `Forged`, `Broken`, `OSError`.
    """
    if not is_laid(folder):
        return
    try:
        descriptor = durable.hold_alone(folder / "run")
    except BlockingIOError:
        return
    try:
        with alone(folder) as held:
            _check_held(folder, held=held)
            take_up(load_site(folder, policy_folder=folder / NEXT))
    finally:
        os.close(descriptor)


def _files(top: Path) -> Iterator[Path]:
    """Documents first, the policy itself last: until then its old signature does not fit."""
    yield from sorted((top / "documents").iterdir())
    yield top / SIGNATURE
    yield top / "policy.toml"
