"""One supervisor a side: the lock that it holds as long as it runs. Takes a side's folder."""

from pathlib import Path

from guard.edge.durable import hold_alone
from schemas.errors import Broken
from schemas.reasons import Reason


def hold_site(folder: Path) -> int:
    """Keep any other supervisor out of this site. Raises `Broken(SITE_MALFORMED)`."""
    try:
        return hold_alone(folder / "run")
    except BlockingIOError as error:
        raise Broken(Reason.SITE_MALFORMED, f"{folder} is running already") from error
