"""How long, and in how much memory, is the published checkpoint converted? A file of its size, optimiser included.

The baseline is what one would write by hand where all of its packages are installed: unpickle the whole file, trusting
it, and save its tensors.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from result import report

SHAPES = Path(__file__).parent.parent / "tests" / "golden" / "statedict_full.json"
MAKE = """
import argparse, json, sys, types, torch
package = types.ModuleType("fairseq"); sys.modules["fairseq"] = package
package.Config = type("Config", (dict,), {"__module__": "fairseq"})
shapes = json.load(open(sys.argv[1]))["mmfusion_separate"]
model = {"mmmodel." + n: torch.arange(512)[None] if kind == "buffer" else torch.randn(s) for n, s, _, kind in shapes}
moments = {i: {"step": 1, "exp_avg": torch.zeros(t.shape), "exp_avg_sq": torch.zeros(t.shape)}
           for i, t in enumerate(model.values())}
content = {"args": argparse.Namespace(arch="x"), "cfg": package.Config(a=1), "model": model,
           "last_optimizer_state": {"state": moments}}
torch.save(content, sys.argv[2])
"""
PEAK = """
import re
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(json.dumps({"seconds": round(time.monotonic() - began, 2), "mb": round(peak)}))
"""
OURS = """
import json, sys, time
began = time.monotonic()
from pathlib import Path
from videoclip.model.convert import convert
convert(Path(sys.argv[1]), Path(sys.argv[2]))
"""
BASELINE = """
import json, os, sys, time, types
began = time.monotonic()
import torch
from safetensors.torch import save_file
package = types.ModuleType("fairseq"); sys.modules["fairseq"] = package
package.Config = type("Config", (dict,), {"__module__": "fairseq"})
state = torch.load(sys.argv[1], map_location="cpu", weights_only=False)["model"]
os.makedirs(sys.argv[2])
save_file({name: tensor.contiguous() for name, tensor in state.items()}, sys.argv[2] + "/model.safetensors")
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint_best.pt"
        subprocess.run([sys.executable, "-c", MAKE, str(SHAPES), str(path)], check=True)
        gigabytes = path.stat().st_size / 1e9
        rows = []
        for i in range(2):
            for name, code in (("ours", OURS), ("torch.load of everything", BASELINE)):
                arguments = [sys.executable, "-c", code + PEAK, str(path), f"{folder}/{name} {i}".replace(" ", "-")]
                done = subprocess.run(arguments, capture_output=True, text=True, check=True)
                rows.append({"reader": name, "file GB": round(gigabytes, 2)} | json.loads(done.stdout))
    weights = 177_423_360 * 4 / 2**20
    ours, baseline = (min((r for r in rows if r["reader"] == name), key=lambda r: r["seconds"]) for name in
                      ("ours", "torch.load of everything"))  # fmt: skip
    best = [ours | {"mb / weights": round(ours["mb"] / weights, 2)}]
    best.append(baseline | {"mb / weights": round(baseline["mb"] / weights, 2)})
    limit = "at most 60 s and twice the weights in memory"
    report("convert", ours["seconds"], baseline["seconds"], "seconds", best, limit, better="less")


if __name__ == "__main__":
    main()
