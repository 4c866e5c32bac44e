"""Measuring a classifier: labels and scores in, figures with confidence intervals out; no torch."""
