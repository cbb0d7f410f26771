import argparse
import io
import pickle

import pytest
from malicious import dangerous

from videoclip.errors import UnsafeFileError, VideoclipError
from videoclip.published.pickles import Inert, InertUnpickler


def read(content: bytes):
    return InertUnpickler(io.BytesIO(content), "a.pkl").read()


@pytest.mark.parametrize("name", dangerous(__file__))  # type: ignore[arg-type]
def test_a_pickle_that_would_run_code_does_nothing_and_is_refused(tmp_path, name):
    mark = tmp_path / "ran"
    with pytest.raises(UnsafeFileError, match=r"a\.pkl: asks for .* Nothing of it was run"):
        read(dangerous(mark)[name])
    assert not mark.exists()


def test_the_same_pickles_do_run_code_when_pickle_reads_them(tmp_path):
    """Else the tests above would show nothing."""
    made = dangerous(tmp_path / "ran")
    for name in ("os.system", "builtins.eval", "inside a checkpoint", "text protocol", "a file opened"):
        pickle.loads(made[name])
        assert (tmp_path / "ran").exists(), name
        (tmp_path / "ran").unlink()


def test_data_come_through_and_foreign_objects_become_inert():
    content = {"ids": ["a", "b"], "args": argparse.Namespace(x=1), "n": 3, "set": {1, 2}}
    unpickler = InertUnpickler(io.BytesIO(pickle.dumps(content)), "a.pkl")
    got = unpickler.read()
    assert got["ids"] == ["a", "b"]
    assert got["n"] == 3
    assert isinstance(got["args"], Inert)
    assert unpickler.inert == {"argparse.Namespace"}


def test_a_module_that_is_not_installed_is_no_obstacle():
    content = (
        b"\x80\x02}(U\x04taskcno_such.package\nTask\n)\x81}U\x01ncno_such.package\nmake\nU\x01x\x85RsbU\x01kK\x07u."
    )
    got = read(content)
    assert isinstance(got["task"], Inert)
    assert got["k"] == 7


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x80\x02", pickle.dumps([1] * 100)[:-5], b"\x80\x04\x96" + b"\xff" * 8]
)
def test_what_is_no_pickle_is_one_error(content):
    with pytest.raises(VideoclipError, match=r"a\.pkl: is not a pickle, or is damaged"):
        read(content)
