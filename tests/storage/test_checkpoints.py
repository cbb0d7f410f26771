import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from videoclip.errors import UnsafeFileError
from videoclip.storage.checkpoints import newest_checkpoint, save_checkpoint

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path) -> Path:
    for number in (5, 10, 200):
        save_checkpoint(tmp_path, number, {"number": number, "weights": torch.full((5000,), float(number))})
    return tmp_path


def test_the_newest_is_read_and_two_are_kept(folder):
    assert newest_checkpoint(folder, CPU)["number"] == 200
    assert [path.name.split("-")[1] for path in sorted(folder.glob("*.pt"))] == ["000000010", "000000200"]


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def cut(path: Path, place: int) -> None:
    path.write_bytes(path.read_bytes()[:place])


@pytest.mark.parametrize("damage", [flip, cut])
@pytest.mark.parametrize("place", [0, 100, 9000, -1])
def test_a_damaged_one_is_recognised_and_the_one_before_is_taken_loudly(folder, damage, place, capsys):
    newest = max(folder.glob("*.pt"))
    damage(newest, place)
    assert newest_checkpoint(folder, CPU)["number"] == 10
    assert "is damaged, the one before it is taken" in capsys.readouterr().err
    assert newest.with_suffix(".damaged").is_file()


def test_where_all_are_damaged_the_job_begins_anew_and_says_so(folder, capsys):
    for path in folder.glob("*.pt"):
        flip(path, 500)
    assert newest_checkpoint(folder, CPU) is None
    assert "from the start" in capsys.readouterr().err


def test_half_of_one_under_another_name_is_no_checkpoint_and_does_not_stay(folder):
    newest = max(folder.glob("*.pt"))
    (folder / ".0123456789ab.new").write_bytes(newest.read_bytes()[:300])
    assert newest_checkpoint(folder, CPU)["number"] == 200
    save_checkpoint(folder, 201, {"number": 201})
    assert sorted(path.suffix for path in folder.iterdir()) == [".pt", ".pt"]


def test_a_checkpoint_that_runs_code_is_not_run(folder):
    """Its name holds the right hash; what it holds is refused all the same."""
    import hashlib

    class Exploit:
        def __reduce__(self):
            return os.system, (f"touch {folder / 'exploited'}",)

    torch.save(Exploit(), folder / "x")
    with open(folder / "x", "rb") as file:
        torch.load(file, weights_only=False)  # works against a naive reader
    assert (folder / "exploited").is_file()
    (folder / "exploited").unlink()
    content = (folder / "x").read_bytes()
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    (folder / f"checkpoint-000000300-{digest}.pt").write_bytes(content)
    with pytest.raises(UnsafeFileError, match="nothing of it was run"):
        newest_checkpoint(folder, CPU)
    assert not (folder / "exploited").exists()


def test_a_full_disk_is_an_oserror_and_harms_nothing(folder):
    """The limit of file sizes stands for a disk without room: the same call fails, at the same place."""
    script = (
        "import sys, torch; from pathlib import Path; from videoclip.storage.checkpoints import save_checkpoint\n"
        "try:\n    save_checkpoint(Path(sys.argv[1]), 300, {'weights': torch.zeros(1_000_000)})\n"
        "except OSError as error:\n    print(error.strerror)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )  # fmt: skip
    assert done.stdout.strip() == "File too large", done.stderr
    assert newest_checkpoint(folder, CPU)["number"] == 200
    assert all(path.suffix == ".pt" for path in folder.iterdir())


def test_the_order_of_writes_survives_a_power_cut(tmp_path, monkeypatch):
    """Contents reach the disk before the name does, and the name before older checkpoints go."""
    done = []
    fsync, rename, unlink = os.fsync, os.replace, Path.unlink

    def note(what, original):
        def call(*arguments, **options):
            done.append(what)
            return original(*arguments, **options)

        return call

    for number in (1, 2):
        save_checkpoint(tmp_path, number, {"number": number})
    monkeypatch.setattr(os, "fsync", note("fsync", fsync))
    monkeypatch.setattr(os, "replace", note("rename", rename))
    monkeypatch.setattr(Path, "unlink", note("unlink", unlink))
    save_checkpoint(tmp_path, 3, {"number": 3})
    assert done == ["fsync", "rename", "rename", "fsync", "unlink"]
