import json

import numpy as np
import pytest
import torch
from golden_cases import assert_close, cases, model_weight

from videoclip.model.loss import info_nce
from videoclip.model.official import load_official, official_sources
from videoclip.model.packing import Packed, pack_video
from videoclip.model.videoclip import VideoCLIP

pytestmark = pytest.mark.filterwarnings("ignore:features that are not of unit length")  # those of the cases are made up


class Golden:
    """A reference case: the official network's inputs and outputs, and our model with its weights."""

    def __init__(self, path):
        self.case = np.load(path, allow_pickle=False)
        self.meta = json.loads(str(self.case["meta"]))
        seed, scale = self.meta["weight_seed"], self.meta["weight_scale"]
        shapes = self.meta["parameter_shapes"].items()
        weights = {name: model_weight(name, shape, seed, scale) for name, shape in shapes}
        state = {f"mmmodel.{name}": torch.from_numpy(w) for name, w in weights.items() if w is not None}
        self.special = (self.meta["cls_id"], self.meta["sep_id"])
        official = load_official({"model": state}, self.meta["config"]["num_attention_heads"], self.special)
        self.model = VideoCLIP.from_tensors(official.config, official.tensors)
        self.lengths = self.meta["video_lengths"]
        self.video = pack_video([torch.from_numpy(self.case["vfeats"][i, :n]) for i, n in enumerate(self.lengths)])
        cls, sep = self.special
        rows = [torch.tensor([cls, *ids, sep]) for ids in self.meta["token_ids"]]
        self.text_lengths = [len(row) for row in rows]
        self.text = Packed(torch.cat(rows), torch.tensor(self.text_lengths))


@pytest.fixture(params=cases("model_tiny_*.npz"), ids=lambda p: p.stem)
def golden(request):
    return Golden(request.param)


def test_golden_model_outputs_and_loss(golden):
    model, case = golden.model, golden.case
    with torch.inference_mode():
        video = model.pooled_video(golden.video)
        text = model.pooled_text(golden.text)
        text_to_video, video_to_text = info_nce(video, text)
    assert_close(video, case["pooled_video_f64"])
    assert_close(text, case["pooled_text_f64"])
    assert_close(text_to_video + video_to_text, case["loss_f64"])
    assert_close(text_to_video, case["loss_t2v"])
    assert_close(video_to_text, case["loss_v2t"])


def test_golden_model_hidden_states(golden):
    model, case = golden.model, golden.case
    with torch.inference_mode():
        video = model.video_tower(golden.video).split()
        without_cls = model.video_tower(golden.video, with_cls=False).split()
        text = model.text_tower(golden.text).split()
    for i, n in enumerate(golden.lengths):
        official = [0, golden.model.config.max_seconds + 1, *range(1, n + 1)]  # CLS and SEP come first with us
        assert_close(video[i], case["video_hidden"][i, official])
        assert_close(without_cls[i], case["video_hidden_cls_masked"][i, official[1:]])
        assert_close(model.video_tokens(case["vfeats"][i, :n]), case["video_hidden_cls_masked"][i, 1 : n + 1])
    for i, n in enumerate(golden.text_lengths):
        assert_close(text[i], case["text_hidden"][i, :n])


def test_golden_model_gradients(golden):
    model, case = golden.model, golden.case
    video, text = model.pooled_video(golden.video), model.pooled_text(golden.text)
    sum(info_nce(video, text)).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    compared = 0
    for ours, source in official_sources(model.config, golden.special).items():
        theirs = [f"grad:{name}" for name in source.names]
        for i, name in enumerate(theirs):
            if name not in case:
                continue
            parts = gradients[ours].chunk(len(theirs)) if len(theirs) > 1 else [gradients[ours]]
            wanted = torch.from_numpy(case[name])
            if len(theirs) == 1:
                wanted = source.combine(wanted)
            assert_close(parts[i], wanted, what=name)
            compared += 1
    assert compared == sum(name.startswith("grad:") for name in case.files)
