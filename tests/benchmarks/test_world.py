import json

import numpy as np
import pytest

from videoclip.benchmarks.truth import CHOICES, moments, questions, read_truth
from videoclip.benchmarks.world import evaluate_world
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import CorpusError, VideoclipError
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP
from videoclip.world.render import describe_world
from videoclip.world.script import write_script

SCRIPTS = [write_script(i, 2) for i in range(60)]
TRUTH = describe_world(SCRIPTS, 2)
MODEL = VideoCLIP(
    ModelConfig(feature_size=8, hidden_size=32, heads=2, intermediate_size=64, video_layers=1, text_layers=1)
)


@pytest.fixture
def corpus(tmp_path):
    rng = np.random.default_rng(0)
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 8))
    corpus.append([NarratedVideo(s.id, rng.standard_normal((60, 8)).astype(np.float16), []) for s in SCRIPTS])
    return corpus


def test_moments_are_the_steps_of_the_split():
    test = moments(TRUTH, "test")
    assert len(test) == sum(len(s.steps) for s in SCRIPTS if s.id.startswith("test/"))
    assert all(0 <= m.seconds.start < m.seconds.stop <= 60 for m in test)
    assert 4 <= np.mean([m.seconds.stop - m.seconds.start for m in test]) <= 9


def test_the_right_choice_is_among_five_different_ones_that_share_parts_with_it():
    test = moments(TRUTH, "test")
    choices, right = questions(test)
    assert all(len(c) == len(set(c)) == CHOICES for c in choices)
    assert all(c[r] == m.description for c, r, m in zip(choices, right, test, strict=True))
    assert questions(test)[0] == choices
    assert set(right) == set(range(CHOICES))


def test_an_untrained_model_is_at_chance_in_everything(corpus):
    result = evaluate_world(MODEL, corpus, TRUTH)
    retrieval = result["retrieval"]
    assert retrieval["gallery"] == len(result["items"]) == len(moments(TRUTH, "test"))
    assert retrieval["text_to_video"]["R@1"] < 0.1
    assert abs(retrieval["text_to_video"]["mean_rank"] / retrieval["gallery"] - 0.5) < 0.15
    assert abs(result["multiple_choice"]["accuracy"] - result["multiple_choice"]["chance"]) < 0.2
    assert retrieval["unseen_pairs"]["queries"] == sum(m.unseen for m in moments(TRUTH, "test"))
    seconds = result["segmentation"]
    assert seconds["seconds"] == 60 * sum(s.id.startswith("test/") for s in SCRIPTS)
    assert 0.2 < seconds["background_accuracy"] < 0.7
    assert seconds["labelled_accuracy"] < 0.4
    assert result["localization"]["recall"] < 0.9
    json.dumps(result)


def test_a_hit_is_any_clip_with_the_action_object_and_colour_asked_for(corpus):
    for item in evaluate_world(MODEL, corpus, TRUTH)["items"]:
        best = item["found"][0]
        assert best["right"] == (best["what"] == item["what"])
        assert (item["rank"] <= 1) == best["right"]


def test_missing_videos_and_truth_are_errors_that_say_so(tmp_path):
    empty = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 8))
    with pytest.raises(CorpusError, match="holds none of the world's test videos"):
        evaluate_world(MODEL, empty, TRUTH)
    with pytest.raises(VideoclipError, match=r"holds no truth\.json"):
        read_truth(tmp_path)
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(VideoclipError, match=r"not the truth\.json"):
        read_truth(tmp_path)
