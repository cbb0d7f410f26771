"""Features and captions of narrated videos on disk, one Lance dataset."""
