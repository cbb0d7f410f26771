from libraries import indexed, library, painted_once, videos

__all__ = ["indexed", "library", "painted_once", "videos"]
