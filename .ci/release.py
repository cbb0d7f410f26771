"""Check a release before anyone can have it: python .ci/release.py DIST.

The files are of the package's version, hold what they should and nothing large; where HEAD has a tag, it is that
version's, and the changelog has nothing that is not part of it.
"""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MEGABYTE = 1_000_000
LIMITS = {".whl": 2 * MEGABYTE, ".gz": 6 * MEGABYTE}
"""Of the wheel and of the source distribution, as they are downloaded."""
LARGEST = MEGABYTE
"""Of a file in them."""
NEEDED = ("videoclip/py.typed", "videoclip/presets/paper.yaml", "videoclip/data/demo-encoder/model.safetensors")
IN_SOURCE = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "tests/conftest.py", "Containerfile")


def contents(path: Path) -> dict[str, int]:
    """The files in a wheel, or in a source distribution below its folder, and their sizes in bytes."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {info.filename: info.file_size for info in wheel.infolist() if not info.is_dir()}
    with tarfile.open(path) as source:
        return {member.name.partition("/")[2]: member.size for member in source if member.isfile()}


def wrong_files(dist: Path, version: str) -> list[str]:
    """What is wrong with the files of a release."""
    expected = {f"videoclip-{version}-py3-none-any.whl", f"videoclip-{version}.tar.gz"}
    there = {path.name for path in dist.iterdir()}
    if there != expected:
        return [f"{dist}: holds {sorted(there)}, not {sorted(expected)}"]
    wrong = []
    for path in sorted(dist.iterdir()):
        held, size = contents(path), path.stat().st_size
        is_wheel = path.suffix == ".whl"
        if size > LIMITS[path.suffix]:
            wrong.append(f"{path.name}: {size:,} bytes, more than {LIMITS[path.suffix]:,}")
        wrong += [f"{path.name}: {n} has {s:,} bytes, more than {LARGEST:,}" for n, s in held.items() if s > LARGEST]
        wrong += [f"{path.name}: lacks {name}" for name in (NEEDED if is_wheel else IN_SOURCE) if name not in held]
        own = ("videoclip/", f"videoclip-{version}.dist-info/")
        strange = [name for name in held if is_wheel and (not name.startswith(own) or "/test" in name)]
        wrong += [f"{path.name}: holds {name}, which is not the package" for name in strange]
    return wrong


def wrong_words(version: str, changelog: str, citation: str, tags: list[str]) -> list[str]:
    """In what version, changelog, citation and the tags of HEAD do not agree."""
    wrong = []
    released = re.findall(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", changelog, re.MULTILINE)
    if released[:1] != [version]:
        wrong.append(f"CHANGELOG.md: the newest release is {released[:1]}, and the version is {version}")
    if not re.search(rf'^version: "?{re.escape(version)}"?$', citation, re.MULTILINE):
        wrong.append(f"CITATION.cff: is not of version {version}")
    unreleased = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    for tag in (tag for tag in tags if tag.startswith("v")):
        if tag != f"v{version}":
            wrong.append(f"tag {tag}: the version is {version}")
        if unreleased and unreleased[1].strip():
            wrong.append(
                f"tag {tag}: CHANGELOG.md has changes under 'Unreleased'; give them the heading of the release"
            )
    return wrong


def main(dist: Path) -> int:
    version = re.search(r'^__version__ = "(.*)"$', (ROOT / "src/videoclip/__init__.py").read_text(), re.MULTILINE)
    assert version
    git = subprocess.run(["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    tags = git.stdout.split()
    changelog, citation = (ROOT / "CHANGELOG.md").read_text(), (ROOT / "CITATION.cff").read_text()
    wrong = wrong_files(dist, version[1]) + wrong_words(version[1], changelog, citation, tags)
    print("\n".join(wrong), file=sys.stderr)
    if not wrong:
        print(f"{version[1]} can be released" if tags else f"built as {version[1]}; no tag: not a release")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
