"""What stands for windows, counted."""

from virnucpro.sequences.frames import Frame
from virnucpro.sequences.windows import Outcome, Window
from virnucpro.verbs.framing import FramePart
from virnucpro.verbs.row_kinds import RowKinds


def part(*windows):
    """Each window of 100 bases as (frame, residues) pairs."""
    frames = [
        Frame(1, row, f"r_chunk_{row + 1}{name}", "A" * 100, "M" * residues)
        for row, pairs in enumerate(windows)
        for name, residues in pairs
    ]
    own = tuple(Window(1, f"r_chunk_{n}", n, 0, 100, Outcome.FRAMES) for n, _ in enumerate(windows, start=1))
    return FramePart(1, own, tuple(frames), "longest")


def test_windows_by_what_stands_for_them_and_how_short():
    kinds = RowKinds()
    kinds.add(part([("F1", 33)], [("F2", 33), ("R1", 20)], [("R3", 32)], [("F1", 0)]))
    kinds.add(part([("F1", 12), ("F3", 11)], [("R2", 32)], [("F2", 30)], [("F3", 14)], []))
    assert (kinds.open_frame, kinds.dna_only) == (3, 1)
    assert kinds.to_dict()["stretches"] == 4
    assert kinds.to_dict()["stretch_residues"] == {"shortest": 12, "median": 14}
    assert str(kinds).startswith("3 with an open frame, 4 by stretches between stops (14 residues in the median, 12")


def test_nothing_is_counted_of_nothing():
    assert RowKinds().to_dict()["stretch_residues"] == {"shortest": None, "median": None}
    assert str(RowKinds()) == "0 with an open frame, 0 by stretches between stops, 0 by DNA alone"
