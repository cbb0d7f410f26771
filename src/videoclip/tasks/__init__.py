"""Retrieval, multiple choice, segmentation, localisation, alignment and moments, with their metrics."""
