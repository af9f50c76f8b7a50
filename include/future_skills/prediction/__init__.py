"""Scoring the pairs in scope and publishing the differences in one transaction."""
