"""`guard audit`: what an auditor reads, from ledgers alone; each command is a file beside this."""

import click

from guard.cli.lazy import Lazy


@click.group(
    cls=Lazy,
    table={
        "verify": "guard.cli.audit_verify:verify",
        "show": "guard.cli.audit_show:show",
        "search": "guard.cli.audit_search:search",
        "tail": "guard.cli.audit_tail:tail",
        "report": "guard.cli.audit_report:report",
        "evidence": "guard.cli.audit_evidence:evidence",
        "reconcile": "guard.cli.audit_reconcile:reconcile",
        "challenge": "guard.cli.audit_challenge:challenge",
        "prune": "guard.cli.audit_prune:prune",
    },
    epilog="Example: guard audit verify /srv/checkvalve/low/ledger",
)
def audit() -> None:
    """Verify ledgers, search them, follow messages, and hold two sides against each other."""
