from libraries import indexed, library, videos

__all__ = ["indexed", "library", "videos"]
