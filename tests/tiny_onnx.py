"""A recogniser of random weights in the form that onnx-asr reads: one matrix from spectra to letters (CTC)."""

import json
from pathlib import Path

import numpy as np

LETTERS = ["▁", *"etaoinshr", "<blk>"]


def make_recogniser(folder: Path, seed: int = 0) -> Path:
    """``folder`` with ``model.onnx``, its letters and its ``model_type``."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(seed).normal(size=(80, len(LETTERS))).astype(np.float32)
    constants = {"w": weights, "zero": np.array([0]), "all": np.array([1 << 40]), "time": np.array([1])}
    constants["step"] = np.array([8])
    nodes = [
        helper.make_node("Transpose", ["audio_signal"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Slice", ["turned", "zero", "all", "time", "step"], ["frames"]),
        helper.make_node("MatMul", ["frames", "w"], ["scores"]),
        helper.make_node("LogSoftmax", ["scores"], ["logprobs"], axis=-1),
    ]
    spectrum = helper.make_tensor_value_info("audio_signal", TensorProto.FLOAT, ["b", 80, "t"])
    length = helper.make_tensor_value_info("length", TensorProto.INT64, ["b"])
    made = helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, ["b", "f", len(LETTERS)])
    initial = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", [spectrum, length], [made], initial)
    folder.mkdir(parents=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx"
    )
    (folder / "vocab.txt").write_text("".join(f"{letter} {i}\n" for i, letter in enumerate(LETTERS)))
    (folder / "config.json").write_text(json.dumps({"model_type": "nemo-conformer-ctc"}))
    return folder
