import argparse
import pickle
import struct
import types

import pytest
import torch
from malicious import archive, dangerous

from videoclip.errors import UnsafeFileError, VideoclipError, WeightsError
from videoclip.published.torch_files import StoredTensor, read_checkpoint

LEGACY = pytest.mark.parametrize("legacy", [False, True], ids=["archive", "before-1.6"])


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    base = torch.randn(6, 8)
    return {
        "whole": base,
        "view": base[1:4, 2:5],
        "transposed": base.T,
        "half": torch.randn(5).half(),
        "bfloat": torch.randn(2, 3).bfloat16(),
        "ids": torch.arange(7),
        "flags": torch.tensor([True, False]),
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 4),
        "complex": torch.randn(2, dtype=torch.complex64),
        "parameter": torch.nn.Parameter(torch.randn(3)),
    }


@LEGACY
def test_tensors_are_those_that_torch_reads(tmp_path, legacy):
    content = {"model": tensors(), "args": argparse.Namespace(x=1), "extra": [types.SimpleNamespace(y=2)]}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    got = read_checkpoint(tmp_path / "a.pt")
    assert got.inert == {"argparse.Namespace", "types.SimpleNamespace"}
    for name, wanted in tensors().items():
        stored = got.content["model"][name]
        assert isinstance(stored, StoredTensor)
        assert stored.shape == tuple(wanted.shape)
        read = stored.read()
        assert read.dtype == wanted.dtype
        assert torch.equal(read, wanted)


@LEGACY
def test_tensors_of_types_that_no_model_has_are_no_obstacle(tmp_path, legacy):
    others = [torch.zeros(3, dtype=torch.uint16), torch.zeros(5).to(torch.float8_e4m3fn), torch.eye(3).to_sparse()]
    torch.save({"a": torch.ones(2), "others": others}, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    assert read_checkpoint(tmp_path / "a.pt").content["a"].read().tolist() == [1, 1]


@pytest.mark.parametrize("name", dangerous(__file__))  # type: ignore[arg-type]
@pytest.mark.parametrize("wrap", [bytes, archive], ids=["bare", "archive"])
def test_a_checkpoint_that_would_run_code_does_nothing_and_is_refused(tmp_path, name, wrap):
    mark = tmp_path / "ran"
    (tmp_path / "evil.pt").write_bytes(wrap(dangerous(mark)[name]))
    with pytest.raises(UnsafeFileError, match=r"evil\.pt: asks for"):
        read_checkpoint(tmp_path / "evil.pt")
    assert not mark.exists()


def tensor(
    numel=b"K\x04",
    offset=b"K\x00",
    shape=b"K\x04\x85",
    stride=b"K\x01\x85",
    key=b"U\x010",
    kind=b"ctorch\nFloatStorage\n",
):
    """The pickle of one tensor of four numbers, with any part of it replaced."""
    storage = b"(U\x07storage" + kind + key + b"U\x03cpu" + numel + b"tQ"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + shape + stride + b"\x89}tR."


FAKES = {
    "more numbers than there are": {"numel": b"M\x00\x10", "shape": b"M\x00\x10\x85"},
    "a storage that is not there": {"key": b"U\x019"},
    "a path as key": {"key": b"U\x0c../../passwd"},
    "a tensor beyond its storage": {"shape": b"K\x05\x85"},
    "a stride beyond its storage": {"stride": b"K\x02\x85"},
    "an offset beyond its storage": {"offset": b"K\x01"},
    "one number spread over terabytes": {"shape": b"J\xff\xff\xff\x7f\x85", "stride": b"K\x00\x85"},
    "a negative offset": {"offset": b"J\xff\xff\xff\xff"},
    "a negative size": {"shape": b"J\xff\xff\xff\xff\x85"},
    "a storage of a class of its own": {"kind": b"cevil\nStorage\n"},
    "a storage that is a string": {"kind": b"U\x01x"},
    "a size that is a list": {"shape": b"]"},
}  # fmt: skip


def test_a_tensor_made_by_hand_is_read(tmp_path):
    numbers = struct.pack("<4f", 1, 2, 3, 4)
    (tmp_path / "a.pt").write_bytes(archive(tensor(), {"0": numbers}))
    assert read_checkpoint(tmp_path / "a.pt").content.read().tolist() == [1, 2, 3, 4]
    assert torch.load(tmp_path / "a.pt", weights_only=True).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("name", FAKES)
def test_a_fake_tensor_is_refused(tmp_path, name):
    (tmp_path / "fake.pt").write_bytes(archive(tensor(**FAKES[name]), {"0": bytes(16)}))
    with pytest.raises(UnsafeFileError, match=r"fake\.pt: has a tensor"):
        read_checkpoint(tmp_path / "fake.pt")


@LEGACY
def test_a_file_cut_short_is_one_error(tmp_path, legacy):
    torch.save({"model": {"a": torch.randn(1000)}}, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    whole = (tmp_path / "a.pt").read_bytes()
    for part in (0, 1, 10, 100, 500, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.pt").write_bytes(whole[:part])
        with pytest.raises(VideoclipError, match=r"cut\.pt"):
            read_checkpoint(tmp_path / "cut.pt").content["model"]["a"].read()


def test_files_of_other_kinds_are_named_as_such(tmp_path):
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(WeightsError, match="a pickle, but not a file of torch"):
        read_checkpoint(tmp_path / "list.pkl")
    (tmp_path / "page.pt").write_text("<html>not found</html>")
    with pytest.raises(VideoclipError, match=r"page\.pt: is not a pickle"):
        read_checkpoint(tmp_path / "page.pt")
    with pytest.raises(WeightsError, match=r"none\.pt: cannot be read"):
        read_checkpoint(tmp_path / "none.pt")
