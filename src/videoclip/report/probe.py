"""Tries libraries in a process of its own, so that one that crashes takes nothing with it.

That process, ``python -m videoclip.report.probe torch av``, prints a line of JSON for each; the first library that has
none is the one that ended it.
"""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

TIMEOUT_SECONDS = 60
MARK = "videoclip probe: "
"""Before each answer; libraries print lines of their own when they are imported."""
DECODERS = {
    **{name: (name,) for name in ("h264", "hevc", "vp8", "vp9")},
    "av1": ("libdav1d", "libaom-av1", "libgav1"),  # FFmpeg's own "av1" needs a GPU that decodes
    **{name: (name,) for name in ("mpeg4", "mpeg2video", "mjpeg", "prores", "dnxhd", "vc1", "theora", "vvc")},
    **{name: (name,) for name in ("aac", "ac3", "flac", "mp3", "opus", "vorbis")},
}
"""Codecs that videos come in, and the decoders that read each on any machine."""


def probe(modules: list[str]) -> dict[str, dict[str, Any]]:
    """What each module tells when it is imported, as ``attempt`` returns it, or which error ended the process."""
    told: dict[str, dict[str, Any]] = {}
    while left := [module for module in modules if module not in told]:
        output, ended = _run(left)
        for line in output.splitlines():
            if line.startswith(MARK):
                module, answer = json.loads(line.removeprefix(MARK))
                told[module] = answer
        if silent := [module for module in left if module not in told]:
            told[silent[0]] = {"error": ended}
    return told


def _run(modules: list[str]) -> tuple[str, str]:
    """What the process printed, and how it ended."""
    command = [sys.executable, "-P", "-m", __name__, *modules]  # -P: a torch.py in the working folder is not torch
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    try:
        done = subprocess.run(
            command, capture_output=True, env=os.environ | {"PYTHONPATH": paths}, timeout=TIMEOUT_SECONDS, check=False
        )
        output, code = done.stdout, done.returncode
        ended = f"ends Python when imported ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"
    except subprocess.TimeoutExpired as error:
        output, ended = error.stdout or b"", f"is not imported within {TIMEOUT_SECONDS} s"
    return output.decode(errors="replace"), ended


def main(modules: list[str]) -> None:
    for module in modules:
        print(f"\n{MARK}{json.dumps([module, attempt(module)])}", flush=True)


def attempt(module: str) -> dict[str, Any]:
    """Import a library: its ``version``, ``facts`` that only it can tell, and the ``error`` if it cannot be used."""
    told: dict[str, Any] = {}
    try:
        imported = import_module(module)
        told["version"] = str(getattr(imported, "__version__", ""))
        if module in _FACTS:
            told["facts"] = _FACTS[module](imported)
    except ModuleNotFoundError as error:
        told["error"] = "not installed" if error.name == module else f"needs {error.name}, which is not installed"
    except (Exception, SystemExit) as error:  # a broken library may raise anything, and what it says is the answer
        told["error"] = f"{type(error).__name__}: {error}"
    return told


def _torch(torch: Any) -> dict[str, Any]:
    from ..hardware import has_bf16

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    build = torch.version
    gpus = [torch.cuda.get_device_properties(index) for index in range(count)]
    told = {
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bf16": "native" if has_bf16(torch.device("cpu")) else "not native",
        "threads": torch.get_num_threads(),
        "built_for": f"CUDA {build.cuda}" if build.cuda else f"ROCm {build.hip}" if build.hip else "the CPU",
        "sees_GPUs": [f"{gpu.name} ({gpu.total_memory / 2**30:.0f} GiB, {gpu.major}.{gpu.minor})" for gpu in gpus],
    }
    if torch.backends.mps.is_available():
        told["sees_GPUs"].append("Apple's, by Metal")
    return told | ({"warns": str(warned[0].message)} if warned else {})


def _av(av: Any) -> dict[str, Any]:
    decodes = [codec for codec, names in DECODERS.items() if any(_has_decoder(av, name) for name in names)]
    lacks = [codec for codec in DECODERS if codec not in decodes]
    ffmpeg = getattr(av, "ffmpeg_version_info", "")  # the oldest versions of PyAV that we take do not say
    return {"FFmpeg": ffmpeg, "decodes": decodes, "lacks": lacks}


def _has_decoder(av: Any, name: str) -> bool:
    try:
        av.codec.Codec(name, "r")
    except ValueError:
        return False
    return True


_FACTS: dict[str, Callable[[Any], dict[str, Any]]] = {"torch": _torch, "av": _av}

if __name__ == "__main__":
    main(sys.argv[1:])
