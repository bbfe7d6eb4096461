"""A site's own stages: found by their entry point, taken only as the policy pins them.

Takes the name that a policy uses and what it says of that stage (`OwnStage`), gives the
`StageType`. The whole stage is one module in one file; its bytes are compared with the SHA-256 in
the signed policy, and these very bytes are run. What it may import is the standard library,
`schemas`, `filters` and a few libraries of this project's lock: code that no digest covers could
change what it does. docs/filters/own.md
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.abc import InspectLoader
from importlib.machinery import PathFinder, SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_loader
from io import BytesIO
from tokenize import detect_encoding

from schemas.errors import Broken
from schemas.own_stage import OwnStage
from schemas.reasons import Reason
from schemas.stage import StageType

GROUP = "checkvalve.filters"
FILE_BYTES_MAX = 1024 * 1024
IMPORTS = ("schemas", "filters", "pydantic", "lxml", "numpy")


@dataclass(frozen=True, slots=True)
class Installed:
    """An own stage as it is installed: where its entry point leads, and the bytes of its file."""

    name: str
    module: str
    file: str
    source: bytes

    @property
    def sha256(self) -> str:
        """Of the file, in hexadecimal: what a policy pins."""
        return sha256(self.source).hexdigest()

    @property
    def text(self) -> str:
        """The file as text. Raises ValueError, `SyntaxError` for another encoding than UTF-8."""
        encoding, _ = detect_encoding(BytesIO(self.source).readline)
        if encoding not in ("utf-8", "utf-8-sig"):
            raise ValueError(f"its encoding is {encoding}, and not UTF-8")
        return self.source.decode(encoding)


class _OfTheseBytes(InspectLoader):
    """Runs a source that was read already, and nothing that lies on the disk by now."""

    def __init__(self, installed: Installed) -> None:
        self._installed = installed

    def get_source(self, fullname: str) -> str:
        """The text: the one that was looked through for imports."""
        return self._installed.text

    def is_package(self, fullname: str) -> bool:
        """It is one file."""
        return False


def installed_names() -> list[str]:
    """What the distributions that are installed here name in the group, sorted."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def installed(name: str) -> Installed:
    """The file behind an entry point, not run. Raises `Broken` (argument)."""
    found = list({(p.value, p.name): p for p in entry_points(group=GROUP, name=name)}.values())
    if len(found) != 1:
        what = "no distribution here has" if not found else "more than one distribution has"
        raise Broken(Reason.ARGUMENT, f"{what} an entry point {name} in the group {GROUP}")
    return _file_of(found[0])


def _file_of(point: EntryPoint) -> Installed:
    leads = point.pattern.match(point.value)
    if not leads or "." in point.module or not point.attr:
        raise Broken(
            Reason.ARGUMENT, f"the entry point {point.name} is {point.value}: it is to lead to"
            " MODULE:STAGE, a module of one file outside any package",
        )  # fmt: skip
    spec = PathFinder.find_spec(point.module)
    loader = spec.loader if spec is not None and not spec.submodule_search_locations else None
    if not isinstance(loader, SourceFileLoader):
        raise Broken(Reason.ARGUMENT, f"the module {point.module} of {point.name} is not one file")
    source = loader.get_data(loader.path)
    if len(source) > FILE_BYTES_MAX:
        raise Broken(Reason.ARGUMENT, f"{loader.path} is larger than 1 MiB")
    return Installed(point.name, f"{point.module}:{point.attr}", loader.path, source)


def load_own(name: str, own: OwnStage) -> StageType:
    """The stage, if its file is the one that the policy pins. Raises `Broken` (argument)."""
    found = installed(name)
    if found.sha256 != own.sha256:
        raise Broken(
            Reason.ARGUMENT, f"the site's own stage {name} is not the one that the policy pins: its"
            f" file has the SHA-256 {found.sha256}",
        )  # fmt: skip
    stage = stage_in(found)
    told = (stage.name, str(stage.kind), str(stage.side), stage.version)
    if told != (name, own.kind, own.side, own.version):
        raise Broken(
            Reason.ARGUMENT, f"the site's own stage {name} is not as the policy lists it: it says"
            f" name {told[0]}, kind {told[1]}, side {told[2]}, version {told[3]}",
        )  # fmt: skip
    return stage


def stage_in(found: Installed) -> StageType:
    """Run the file, and give its stage. Raises `Broken` (argument) whatever its code raises."""
    attribute = found.module.partition(":")[2]
    module_name = f"_own_{found.sha256}"  # of no other file, and of none that could be imported
    try:
        foreign = sorted(set(_foreign_imports(found.text)))
        if foreign:
            raise Broken(
                Reason.ARGUMENT, f"the site's own stage {found.name} imports {foreign[0]}, which"
                f" its digest does not cover: it may import {', '.join(IMPORTS)} and what comes"
                " with Python",
            )  # fmt: skip
        loader = _OfTheseBytes(found)
        spec = spec_from_loader(module_name, loader, origin=found.file)
        if spec is None:
            raise ImportError(module_name)
        module = sys.modules[module_name] = module_from_spec(spec)
        loader.exec_module(module)
        stage = getattr(module, attribute)
        if isinstance(stage, StageType):
            stage.parameters.model_rebuild()
    except Broken:
        raise
    except (Exception, SystemExit) as error:  # their code, their exceptions
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise Broken(
            Reason.ARGUMENT, f"the site's own stage {found.name} cannot be loaded: {what}"
        ) from error
    if not isinstance(stage, StageType):
        raise Broken(Reason.ARGUMENT, f"{found.module} of {found.name} is no StageType")
    if stage.make_asking is not None or stage.make_bounded is not None:
        raise Broken(
            Reason.ARGUMENT, f"the site's own stage {found.name} has make_asking or make_bounded,"
            " for which the list of stages would have to name it",
        )  # fmt: skip
    return stage


def _foreign_imports(text: str) -> Iterator[str]:
    """Names of packages that the file imports and may not. Raises `SyntaxError`, `ValueError`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            named = ["." if node.level else str(node.module)]
        else:
            continue
        for name in named:
            top = name.partition(".")[0]
            if top not in IMPORTS and top not in sys.stdlib_module_names:
                yield name
