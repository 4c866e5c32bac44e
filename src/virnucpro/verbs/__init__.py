"""Whole jobs: the stages put together, file by file and part by part."""
