"""Rendered narrated videos with exact ground truth."""
