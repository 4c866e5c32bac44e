"""Scoring: classifier scores of rows in, scores of windows and calls of records out."""
