"""Evaluation: labels and scores in, metrics with confidence intervals out; no torch."""
