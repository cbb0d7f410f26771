import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

import videoclip
from videoclip.published.catalogue import PUBLISHED
from videoclip.report import doctor, machine, probe

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def facts():
    """What is true of this machine."""
    return doctor.examine()


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Put a library that runs the given code in place of the real one."""
    folder = tmp_path / "broken"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def put(module: str, code: str) -> None:
        (folder / f"{module}.py").write_text(code)

    return put


def leaves(told):
    for value in told.values() if isinstance(told, dict) else told:
        yield from leaves(value) if isinstance(value, dict | list) else [str(value)]


def test_the_facts_are_those_of_the_libraries_and_the_machine(facts):
    import av
    import torch

    assert facts["videoclip"]["version"] == videoclip.__version__
    assert facts["libraries"]["torch"] == torch.__version__
    assert facts["libraries"]["av"] == av.__version__
    assert facts["broken"] == {}
    assert facts["torch"]["instructions"] == torch.backends.cpu.get_cpu_capability()
    assert len(facts["torch"]["sees_GPUs"]) == torch.cuda.device_count() + torch.backends.mps.is_available()
    assert facts["processor"]["cores"] == os.cpu_count()
    assert {"h264", "hevc", "vp9", "prores"} <= set(facts["codecs"]["decodes"])
    assert 0 < facts["memory"].get("free_GiB", 1) <= facts["memory"]["total_GiB"]


def test_json_and_the_screen_tell_the_same(facts, videoclip, monkeypatch):
    told = facts | {"broken": {"faiss-cpu": "not installed", "lancedb": "needs pyarrow, which is not installed"}}
    monkeypatch.setattr(doctor, "examine", lambda: told)
    code, out, _ = videoclip("doctor", "--json")
    assert (code, json.loads(out)) == (0, told)
    code, out, _ = videoclip("doctor")
    words = "".join(out.split())  # a line may end within a name, after a hyphen
    assert code == 0
    assert [value for value in leaves(told) if "".join(value.split()) not in words] == []
    lines = out.splitlines()
    assert max(map(len, lines)) <= 110
    assert {line[: doctor.LABEL].strip() for line in lines} == {*told, ""}
    assert [line for line in lines if line.startswith("broken")][1].endswith(
        "lancedb needs pyarrow, which is not installed"
    )


def test_nothing_private_is_told(videoclip, broken, monkeypatch, tmp_path):
    home = tmp_path / "jane doe"
    hub, weights = home / "hub" / "models--acme--merger", home / "weights"
    for folder in (hub, weights):
        folder.mkdir(parents=True)
    for name in ("secret-client.pt", PUBLISHED["s3d-howto100m"][0].file):
        (weights / name).touch()
    private = {
        "HOME": home, "LOGNAME": "janedoe", "VIDEOCLIP_WEIGHTS": weights, "HF_HUB_CACHE": home / "hub",
        "HF_TOKEN": "hf_abcdef", "AWS_ACCESS_KEY_ID": "AKIA123", "AWS_SECRET_ACCESS_KEY": "wJalr",
        "VIDEOCLIP_TOKEN": "123456", "HTTPS_PROXY": "http://jane:pw@proxy.acme.example",
        "VIDEOCLIP_MAX_PIXELS": "hunter2", "OMP_NUM_THREADS": "3",
    }  # fmt: skip
    for name, value in private.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr("platform.node", lambda: "acme-laptop.example")
    monkeypatch.chdir(home)
    says = f"{home}/venv/lib/libx.so: cannot open; janedoe at ACME-laptop, /data/jane/y.so, /srv/janet, s3://acme/z"
    for module in doctor.LIBRARIES.values():
        broken(module, f"raise OSError({says!r})")
    for arguments in (("doctor",), ("doctor", "--json")):
        code, out, err = videoclip(*arguments)
        assert (code, err) == (0, "")
        for secret in (
            "jane",
            "acme",
            "merger",
            "secret-client",
            "hf_abc",
            "AKIA1",
            "wJalr",
            "123456",
            "hunter",
            "pw@",
        ):
            assert secret not in out.lower(), secret
        assert str(tmp_path) not in out
        assert "s3d-howto100m" in out
    facts = json.loads(out)
    assert facts["broken"]["torch"].startswith(
        "OSError: ~/…/libx.so: cannot open; <user> at <host>, /…/y.so, /…, <address>"
    )
    assert facts["weights"] == {"published": ["s3d-howto100m"], "other_files": 1, "models_of_the_hub": 1}
    told = facts["environment"]
    assert (told["OMP_NUM_THREADS"], told["VIDEOCLIP_MAX_PIXELS"], told["HF_TOKEN"]) == ("3", "hidden", "hidden")


@pytest.mark.parametrize(
    ("command", "needed"), [("videoclip doctor", ["pydantic"]), ("videoclip.report.doctor", [])]
)  # Typer needs pydantic
def test_where_every_library_is_broken_each_is_told_and_the_command_ends_well(command, needed, tmp_path):
    others = ("typer", "rich", "yaml", "transformers", "huggingface_hub") if not needed else ("yaml", "transformers")
    for module in {*doctor.LIBRARIES.values(), *others} - set(needed):
        (tmp_path / f"{module}.py").write_text("raise ImportError('undefined symbol')")
    paths = os.pathsep.join([str(tmp_path), str(Path(videoclip.__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.startswith("broken")]
    assert told == [f"{name} ImportError: undefined symbol" for name in doctor.LIBRARIES if name not in needed]
    assert "processor" in done.stdout


def test_a_library_that_crashes_takes_nothing_with_it(broken):
    broken("first", "print('hello'); __version__ = '1.0'")
    broken("crashes", "import os; os.abort()")
    broken("leaves", "raise SystemExit('no licence')")
    broken("ends", "import os; os._exit(3)")
    broken("needs", "import nothing_such")
    broken("last", "")
    told = probe.probe(["first", "crashes", "leaves", "ends", "needs", "absent", "last"])
    assert told == {
        "first": {"version": "1.0"},
        "crashes": {"error": "ends Python when imported (SIGABRT)"},
        "leaves": {"error": "SystemExit: no licence"},
        "ends": {"error": "ends Python when imported (exit code 3)"},
        "needs": {"error": "needs nothing_such, which is not installed"},
        "absent": {"error": "not installed"},
        "last": {"version": ""},
    }


def test_a_library_that_hangs_is_given_up(broken, monkeypatch):
    monkeypatch.setattr(probe, "TIMEOUT_SECONDS", 1)
    broken("hangs", "import time; time.sleep(600)")
    assert probe.probe(["hangs"]) == {"hangs": {"error": "is not imported within 1 s"}}


def test_a_part_that_cannot_be_found_out_leaves_the_others(monkeypatch):
    def fails():
        raise PermissionError(13, "Permission denied", "/proc/meminfo.x")

    monkeypatch.setattr(doctor, "memory", fails)
    monkeypatch.setattr(doctor, "probe", lambda modules: {module: {"error": "not installed"} for module in modules})
    facts = doctor.examine()
    assert facts["memory"] == {"error": "PermissionError: [Errno 13] Permission denied: '/…/meminfo.x'"}
    assert facts["libraries"].keys() == facts["broken"].keys() == doctor.LIBRARIES.keys()
    assert "memory        error PermissionError" in doctor.as_text(facts)


def test_av1_counts_only_with_a_decoder_that_needs_no_gpu(monkeypatch):
    def codec(name, _):
        if name not in there:
            raise ValueError(name)

    there = {"h264", "av1"}
    av = SimpleNamespace(codec=SimpleNamespace(Codec=codec), ffmpeg_version_info="8.1", __version__="18")
    monkeypatch.setitem(sys.modules, "av", av)
    assert probe.attempt("av")["facts"]["decodes"] == ["h264"]
    there.add("libdav1d")
    assert probe.attempt("av")["facts"]["decodes"] == ["h264", "av1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "processor\t: 0\nflags\t\t: fpu sse2 avx2 fma avx512f avx512_bf16\n",
            ["avx2", "fma", "avx512f", "avx512_bf16"],
        ),
        ("processor\t: 0\nFeatures\t: fp asimd sve i8mm bf16\n", ["asimd", "sve", "bf16", "i8mm"]),
        ("hw.optional.arm.FEAT_BF16: 1\nhw.optional.arm.FEAT_SME: 0\nhw.optional.neon: 1\n", ["neon", "bf16"]),
        ("machdep.cpu.features: FPU SSE2 FMA\nmachdep.cpu.leaf7_features: BMI1 AVX2\n", ["avx2", "fma"]),
    ],
)
def test_wide_instructions_are_known_on_x86_arm_and_macos(text, found):
    assert machine.instructions(text) == found


def test_what_a_container_may_take_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "GROUP", tmp_path)
    whole = machine.memory()
    assert "container_GiB" not in whole
    (tmp_path / "memory.max").write_text(f"{3 << 30}\n")
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert machine.memory()["container_GiB"] == 3
    assert machine.processor()["usable_cores"] == 0.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.processor()["usable_cores"] >= 1


def test_every_extra_that_users_install_is_looked_up():
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(doctor.EXTRAS) == set(extras) - {"dev"}
    for extra, package in doctor.EXTRAS.items():
        assert any(wanted.startswith(package) for wanted in extras[extra])
