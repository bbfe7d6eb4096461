"""The version of the software, as it stands in the ledger and on the command line."""

from importlib.metadata import version

VERSION = version("checkvalve")
