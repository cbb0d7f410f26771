"""Overlapped clips, retrieval-augmented batches, and the training loop."""
