"""``python -m virnucpro`` and the installed command; Ctrl-C during imports gives no traceback either."""

from __future__ import annotations

import gc
import os
import sys

NEW_OBJECTS = 50_000
"""Objects between two garbage collections, instead of 700: importing torch makes hundreds of thousands, all kept."""


def main() -> None:
    """Run the command line."""
    # Waiting threads sleep instead of spinning: with one other busy process on two cores, the 650M shape reaches 620
    # instead of 130 tokens/s. torch reads this when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    gc.set_threshold(NEW_OBJECTS)
    try:
        from virnucpro.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        gc.freeze()  # a last collection while Python ends would take 0.2 s


if __name__ == "__main__":
    main()
