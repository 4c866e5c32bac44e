"""Records as calibrated log-odds of their windows, and their regions by the calibration with round numbers."""

import numpy as np

from calibration_by_hand import CALIBRATION
from scored_rows import scored_windows
from virnucpro.scoring.calibration import Calibration
from virnucpro.scoring.calls import call_records
from virnucpro.scoring.regions import find_regions
from virnucpro.scoring.rule import CallRule
from virnucpro.sequences.windows import WindowStatus, plan_windows

MADE = Calibration.from_dict(CALIBRATION)
RULE = CallRule(MADE)


def regions_of(*profiles, lengths_bp=None, window_bp=1000, rule=RULE):
    """Find the regions of records; a profile has the log-odds of each window, None where it has no score."""
    return find_regions(*called(*profiles, lengths_bp=lengths_bp, window_bp=window_bp, rule=rule), rule)


def called(*profiles, lengths_bp=None, window_bp=1000, rule=RULE):
    """Give calls, scored windows and their scores."""
    lengths_bp = np.array(lengths_bp or [window_bp * len(profile) for profile in profiles], np.int64)
    planned = plan_windows(lengths_bp, window_bp, "even")
    z = [value for profile in profiles for value in profile]
    assert len(planned) == len(z)
    rows = [
        (record, start, end)
        + (((), WindowStatus.AMBIGUOUS) if value is None else (((0.5, logit(value, end - start)),),))
        for record, start, end, value in zip(planned.record_rows, planned.starts, planned.ends, z, strict=True)
    ]
    scored = scored_windows(*rows)
    windows = rule.window_scores(scored)
    return call_records(lengths_bp, scored, windows, rule), scored, windows


def logit(z, length_bp):
    """What the classifier said of a window with these calibrated log-odds."""
    return float(MADE.window.undo(z, length_bp))


def spans(regions):
    """Record, start and end of each region, and its kind."""
    columns = (regions.record_rows, regions.starts, regions.ends, regions.kind)
    return list(zip(*(column.tolist() for column in columns), strict=True))
