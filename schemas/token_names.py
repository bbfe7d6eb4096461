"""Names around token keys that the stage, the supervisor and the command line agree on.

docs/spec/tokens.md §2.
"""

SEALING_STAGE = "pseudonymize"
"""The one stage, by its name in the catalog, whose process is handed token keys."""

KEY_PREFIX = "token:"
"""Before a key's id, among a process's keys and a stage's documents: no file's name has a colon."""

KEY_ID_PATTERN = r"[a-z0-9]{1,16}"
