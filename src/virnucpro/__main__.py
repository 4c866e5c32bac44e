"""``python -m virnucpro`` and the installed command; Ctrl-C during imports gives no traceback either."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line."""
    # Waiting threads sleep instead of spinning: with one other busy process on two cores, the 650M shape reaches 620
    # instead of 130 tokens/s. torch reads this when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from virnucpro.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
