"""A calibration with round numbers, to be worked out by hand."""

CALIBRATION = {
    "window": {"lengths": [100.0, 1000.0], "slope": [0.5, 1.0], "intercept": [0.0, -0.5]},
    "gamma": 0.5,
    "record": {"lengths": [150.0, 1500.0, 10000.0], "slope": [1.0, 0.8, 0.6], "intercept": [0.1, 0.0, 0.0]},
    "thresholds": {"conservative": [3.0, 2.0, 1.0], "default": [1.5, 1.0, 0.5], "relaxed": [0.0, 0.0, 0.0]},
    "operating": {
        "z": [-4.0, 0.0, 4.0],
        "fpr": [[1.0, 0.2, 0.01], [1.0, 0.1, 0.0], [1.0, 0.1, 0.0]],
        "tpr": [[1.0, 0.8, 0.2], [1.0, 0.9, 0.4], [1.0, 0.9, 0.4]],
    },
}
