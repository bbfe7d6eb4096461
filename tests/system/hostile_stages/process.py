"""Starts a process of a side as `python -m guard.process` does, with tests/ within its reach.

What a side really starts cannot import a test: it runs isolated, and tests are not installed.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from guard.process import main  # only now can it be found

if __name__ == "__main__":
    sys.exit(main(sys.argv))
