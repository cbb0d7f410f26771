"""Moments by what is seen: the windows nearest to a vector, of which those that overlap are one moment."""

from collections.abc import Container, Sequence

import numpy as np

from .ranking import Hit, distinct
from .store.reading import Store


def moments_near(
    store: Store, vector: np.ndarray, count: int, admitted: Container[int], videos: Sequence[int] | None = None
) -> tuple[list[Hit], np.ndarray, bool]:
    """Distinct moments of the ``count`` windows nearest to a vector (D,), best first.

    Args:
        admitted: moments of other videos are passed over.
        videos: search these only.

    Returns:
        K hits, their vectors (K, D), and whether these are all that there are.
    """
    rows = store.nearest(vector, count, videos)
    found = [row for row in rows if row[0] in admitted]
    vectors = {(video, start, end): of_window for video, start, end, _, of_window in found}
    hits = distinct([Hit(v, "", start, end, score, None, None) for v, start, end, score, _ in found])
    chosen = [vectors[hit.video, hit.start, hit.end] for hit in hits]
    return hits, np.array(chosen, np.float32).reshape(len(hits), len(vector)), len(rows) < count
