"""What MkDocs does beside what mkdocs.yml says: files outside docs that a page links to are part of the site.

In the repository docs/faq.md links to ``../SECURITY.md``; on the site that file is the page ``SECURITY.md``.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the root, and what pages of docs link to outside."""
    linked = {name for page in Path(config.docs_dir).glob("*.md") for name in OUTSIDE.findall(page.read_text("utf-8"))}
    for name in sorted(linked | {*PAGES}):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as they are right on the site."""
    if page.file.src_uri in PAGES:
        return markdown.replace("](docs/", "](")
    return OUTSIDE.sub(r"](\1", markdown) if "/" not in page.file.src_uri else markdown
