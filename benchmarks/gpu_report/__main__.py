"""``python -m benchmarks.gpu_report``, which is ``make gpu-report``: what a GPU must show, on one page.

Every section runs in a process of its own and has a time limit; rows and page are on the disk after each.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Literal

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as `virnucpro` says it for itself
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no section needs the network

import transformers  # noqa: F401 - imported once, for all sections

from benchmarks.gpu_report.isolation import isolated
from benchmarks.gpu_report.page import page, verdicts
from benchmarks.gpu_report.scale import Scale
from benchmarks.gpu_report.sections import SECTIONS, time_limit_s


def main() -> None:
    """Run the sections that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_report", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu"), metavar="FOLDER")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="fewer sequences and reads")
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)  # runs the code and measures nothing
    parser.add_argument("--seconds", type=float, default=3600.0, help="share this time among the sections")
    names = [section.name for section in SECTIONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="SECTION", help=", ".join(names))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows_file, log, page_file = (options.out / name for name in ("rows.jsonl", "log.txt", "page.md"))
    for file in (rows_file, log):
        file.unlink(missing_ok=True)
    started = time.perf_counter()
    note = f"`python -m benchmarks.gpu_report --device {options.device}`"
    note += " --quick" * options.quick + " --tiny: no figure means anything" * options.tiny
    titles = {section.name: section.title for section in SECTIONS}
    with tempfile.TemporaryDirectory(prefix="gpu_report_") as folder:
        scale = Scale(options.device, Path(folder))
        scale = scale.tiny() if options.tiny else scale.quick() if options.quick else scale
        slower = 10 if options.tiny else 1  # on whatever machine runs the unit tests
        method: Literal["fork", "spawn"] = "fork"
        chosen = [section for section in SECTIONS if section.name in {"machine", *options.only}]
        for number, section in enumerate(chosen):
            left = options.seconds - (time.perf_counter() - started)
            if left < 1:
                break
            limit_s = time_limit_s(section, left, len(chosen) - number) * slower
            work = (section.name, partial(section.rows, scale), limit_s, rows_file, log)
            if isolated(*work, method) == "failed" and section.name == "machine":
                method = "spawn"
                isolated(*work, method)
            rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
            page_file.write_text(page(rows, titles, note))
            print(f"{section.name}: {rows[-1]['ended']}, {rows[-1]['section_s']:.1f} s", flush=True)
    for target in verdicts(rows):
        print(" | ".join(target))
    print(f"{page_file}, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
