"""The site's part of the check-up: file system, policy, keys, folders, users.

Takes a side's folder, gives findings. Writes one file of its own into `run/` (or the temporary
directory, without a site), times a few syncs of it, and removes it.
"""

import os
import pwd
import shutil
import stat
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from guard.edge.checkup_scanner import scanner_findings
from guard.edge.findings import Finding, fail, ok, warn
from guard.edge.link_memory import check_destination, check_source
from guard.edge.policy_files import faults_of, read_policy_file, root_of
from guard.edge.policy_memory import check_memory, policy_memory
from guard.edge.site import SiteFile, load_site
from guard.edge.topology_sites import check_neighbours
from schemas.errors import CheckvalveError, Forged
from schemas.reasons import Reason

SYNCS = 15
SYNC_MS_MAX = 5.0
FREE_BYTES_LOW, FREE_BYTES_MIN = 2**30, 64 * 2**20
_ROLES_BESIDE_STAGES = 16
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse", "virtiofs", "ceph", "glusterfs")


def disk_findings(folder: Path | None) -> Iterator[Finding]:
    """The file system below the site, and what a sync costs there."""
    top = folder if folder is not None else Path(tempfile.gettempdir())
    kind = _file_system(top)
    where = f"{kind} at {top}"
    mend = "move the site to a local disk with ext4 or xfs"
    if kind in _IN_MEMORY:
        yield warn("file system", f"{where}: in memory, nothing outlives a power cut", mend)
    elif kind.startswith(_REMOTE):
        yield warn("file system", f"{where}: a sync may not mean that it is on disk", mend)
    else:
        yield ok("file system", where)
    yield _sync(top / "run" if folder is not None else top)
    free = shutil.disk_usage(top).free
    told = f"{free // 2**20:,} MiB free"
    if free < FREE_BYTES_MIN:
        yield fail("free space", told, f"make room: df {top}")
    elif free < FREE_BYTES_LOW:
        yield warn("free space", told, f"make room: df {top}")
    else:
        yield ok("free space", told)


def _file_system(path: Path) -> str:
    """The type of the file system that holds this path, by the longest mount point above it."""
    real = str(path.resolve())
    best, kind = "", "unknown"
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        under = point == "/" or real == point or real.startswith(point + "/")
        if under and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind


def _sync(folder: Path) -> Finding:
    took_ms = []
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".doctor-") as file:
            for _ in range(SYNCS):
                file.write(bytes(1024))
                file.flush()
                started_ns = time.monotonic_ns()
                os.fdatasync(file.fileno())
                took_ms.append((time.monotonic_ns() - started_ns) / 1e6)
    except OSError as error:
        told = f"{folder} cannot be written ({error.strerror})"
        return warn("sync", told, "run guard doctor as root")
    median_ms = statistics.median(took_ms)
    told = f"a sync of 1 KB takes {median_ms:.2f} ms (median of {SYNCS})"
    if median_ms > SYNC_MS_MAX:
        return warn("sync", f"{told}: latency will be several times that", "use a faster disk")
    return ok("sync", told)


def site_findings(folder: Path, file: SiteFile) -> Iterator[Finding]:
    """What `guard run` would find, and what it would not."""
    yield _loads(folder, file)
    yield _policy(folder)
    yield _keys(folder)
    yield _sessions(folder, file)
    yield _versions(folder)
    yield _neighbours(folder)
    yield _reachable(folder, file)
    yield _users(folder, file)
    yield from scanner_findings(file.antivirus)
    if file.demo:
        yield warn("demo keys", "the keys of both sides were made in one place",
                   "for real traffic make each side's keys on its own host")  # fmt: skip


def _loads(folder: Path, file: SiteFile) -> Finding:
    try:
        load_site(folder)
    except CheckvalveError as error:
        if isinstance(error.__cause__, PermissionError):
            told = f"{error.__cause__.filename} is not for this user to read"
            return warn("site", told, "run guard doctor as root")
        return fail("site", error.sentence, f"guard policy check {folder / 'policy.toml'}")
    return ok("site", f"the {file.side} side: policy signed, documents and keys there")


def _policy(folder: Path) -> Finding:
    path = folder / "policy.toml"
    try:
        found = read_policy_file(path)
        faults = faults_of(found, root_of(found, None))
    except CheckvalveError as error:
        faults = [error.sentence]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return fail("policy", faults[0] + more, f"guard policy check {path}")
    return ok("policy", "its stages, their order, parameters and documents are right")


def _keys(folder: Path) -> Finding:
    keys = folder / "keys"
    try:
        open_ = [path for path in (keys, *keys.iterdir()) if path.stat().st_mode & 0o077]
    except OSError as error:
        return warn("keys", f"{keys}: {error.strerror}", "run guard doctor as root")
    if open_:
        names = " ".join(str(path) for path in open_)
        return fail("keys", f"{open_[0]} is open to other users", f"chmod go= {names}")
    return ok("keys", "for their owner only")


def _sessions(folder: Path, file: SiteFile) -> Finding:
    """What keeps a session of the link from being used, or believed, twice."""
    name = "link sessions"
    try:
        newest = (check_source if file.side == "low" else check_destination)(folder)
    except CheckvalveError as error:
        return fail(name, error.sentence, f"guard link session show --site {folder}")
    except OSError as error:
        told = f"{error.filename} cannot be read ({error.strerror})"
        return warn(name, told, "run guard doctor as root")
    return ok(name, f"the newest is {newest}, and all that remembers sessions agrees")


def _versions(folder: Path) -> Finding:
    """Whether policy and trust root are as new as those that the ledger has."""
    name = "policy versions"
    try:
        site = load_site(folder)
        check_memory(site, policy_memory(folder))
    except Forged as error:
        if error.reason is Reason.POLICY_ROLLED_BACK:
            return fail(name, error.sentence, f"guard policy sign {folder / 'policy.toml'}")
        return warn(name, "not known: the site does not load", "see the finding about the site")
    except CheckvalveError:
        return warn(name, "not known: the site does not load", "see the finding about the site")
    told = f"policy {site.policy.version}, trust root {site.root.version}"
    return ok(name, f"{told}: no older than the ledger's")


def _neighbours(folder: Path) -> Finding:
    """Whether a flow that goes the other way has a site beside this one."""
    name = "opposite flows"
    try:
        check_neighbours(load_site(folder))
    except CheckvalveError as error:
        if error.reason is Reason.TOPOLOGY:
            return fail(name, error.sentence, "guard policy topology SITE SITE...")
        return warn(name, "not known: the site does not load", "see the finding about the site")
    return ok(name, "no flow of the other direction has its site beside this one")


def _reachable(folder: Path, file: SiteFile) -> Finding:
    """As root each process has its own user, who must be able to pass every folder above."""
    name = "folders above"
    if file.first_user == 0 or os.geteuid() != 0:
        return ok(name, "one user for all processes: nothing to pass")
    shut = [
        path for path in (folder.resolve(), *folder.resolve().parents)
        if not path.stat().st_mode & stat.S_IXOTH
    ]  # fmt: skip
    if shut:
        mend = "chmod o+x " + " ".join(map(str, shut))
        return fail(name, f"the processes' users cannot pass {shut[0]}", mend)
    return ok(name, "every folder above can be passed by the processes' users")


def _users(folder: Path, file: SiteFile) -> Finding:
    if file.first_user == 0 or os.geteuid() != 0:
        return ok("users", f"all processes as user {os.geteuid()}")
    stages = _ROLES_BESIDE_STAGES
    try:
        policy = read_policy_file(folder / "policy.toml").policy
        chain = policy.source if file.side == "low" else policy.destination
        if chain is not None:  # of an isolated stage: who has its key, and who has its code
            stages += len(chain.stage) * (2 if chain.isolation == "message" else 1)
    except CheckvalveError:
        stages = _ROLES_BESIDE_STAGES  # the policy is a finding of its own
    last = file.first_user + stages
    taken = [u.pw_name for u in pwd.getpwall() if file.first_user <= u.pw_uid <= last]
    if taken:
        return warn("users", f"{', '.join(taken)} have ids among {file.first_user} to {last}, which"
                    " the processes use", "set first_user in site.toml")  # fmt: skip
    return ok("users", f"ids {file.first_user} to {last} are nobody else's")
