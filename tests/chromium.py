"""The browser of the tests: the one that VIDEOCLIP_CHROMIUM names, Playwright's own, or the distribution's."""

import os
import shutil
from pathlib import Path


def chromium(playwright) -> str:
    """The path of a Chromium's program, or nothing where there is none; takes a running Playwright."""
    if named := os.environ.get("VIDEOCLIP_CHROMIUM"):
        return named
    own = playwright.chromium.executable_path
    return own if Path(own).is_file() else shutil.which("chromium") or shutil.which("chromium-browser") or ""
