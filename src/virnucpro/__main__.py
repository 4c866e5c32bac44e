"""``python -m virnucpro`` and the installed command: Ctrl-C while modules are imported is no traceback either."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line."""
    # Threads that wait for each other sleep, and do not spin: beside one other busy process that is 620 instead of 130
    # tokens/s of the 650M shape on two cores. torch reads this when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from virnucpro.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
