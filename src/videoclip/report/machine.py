"""What the system says of this machine: its processor, memory and GPUs; without any library, on Linux and macOS."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

WIDE = (
    *("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_bf16", "amx_int8"),  # x86
    *("asimd", "neon", "asimddp", "dotprod", "sve", "sve2", "bf16", "i8mm", "sme"),  # ARM, as Linux and macOS name them
)
"""Instructions that decide how fast matrices are multiplied, and in which precision."""
GROUP = Path("/sys/fs/cgroup")
"""Where Linux says what a container may take."""
TIMEOUT_SECONDS = 4


def system() -> str:
    """Such as 'Linux x86_64, glibc 2.36'; no release of the kernel, since some hold a machine's name."""
    mac, (libc, version) = platform.mac_ver()[0], platform.libc_ver()
    more = f"macOS {mac}" if mac else f"{libc} {version}" if libc else ""
    return f"{platform.system()} {platform.machine()}" + (f", {more}" if more else "")


def processor() -> dict[str, Any]:
    """Name, wide instructions, cores, and how many of them this process may use."""
    if sys.platform == "darwin":
        text = _output("sysctl", "machdep.cpu", "hw.optional")
    else:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    name = re.search(r"(?:model name\s*|machdep\.cpu\.brand_string): *(.+)", text)
    return {
        "name": name[1].strip() if name else platform.machine(),
        "instructions": instructions(text),
        "cores": os.cpu_count(),
        "usable_cores": _usable_cores(),
    }


def instructions(text: str) -> list[str]:
    """The wide ones that are named in /proc/cpuinfo, or in what sysctl prints on macOS."""
    there = re.sub(r"^.*: 0$", "", text, flags=re.MULTILINE).lower().replace("feat_", "")
    words = set(re.findall(r"\w+", there))
    return [name for name in WIDE if name in words]


def _usable_cores() -> float:
    """Cores that the process is not kept from: by affinity, or by a container's share."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share, period = [*_limit("cpu.max").split(), "", ""][:2]  # "200000 100000": two cores; "max 100000": all
    return min(usable, round(int(share) / int(period), 1)) if share.isdigit() and period.isdigit() else usable


def memory() -> dict[str, float]:
    """In all, what a container may take of it, and what is free; as far as the system tells."""
    told = {"total_GiB": _gib(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))}
    if (limit := _limit("memory.max")).isdigit():
        told["container_GiB"] = _gib(int(limit))
    info = Path("/proc/meminfo")
    if info.is_file() and (free := re.search(r"MemAvailable:\s*(\d+) kB", info.read_text())):
        told["free_GiB"] = _gib(int(free[1]) * 1024)
    return told


def driver_gpus() -> dict[str, Any]:
    """What NVIDIA's driver says: its version, and the GPUs that it sees; nothing where there is none."""
    try:
        rows = _output("nvidia-smi", "--query-gpu=driver_version,name,memory.total", "--format=csv,noheader")
    except (OSError, subprocess.SubprocessError):
        return {}
    found = [row.split(", ", 1) for row in rows.splitlines() if ", " in row]
    return {"driver": found[0][0], "sees": [name for _, name in found]} if found else {}


def _limit(name: str) -> str:
    try:
        return (GROUP / name).read_text().strip()
    except OSError:
        return ""


def _output(*command: str) -> str:
    environment = os.environ | {"LC_ALL": "C"}
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=TIMEOUT_SECONDS, check=True
    ).stdout


def _gib(size: int) -> float:
    return round(size / 2**30, 1)
