"""Data of one's own: tables as people write them, and figures that are known beforehand."""

import numpy as np
import pytest
import torch

from videoclip import evaluate
from videoclip.benchmarks.own import evaluate_choices, evaluate_pairs, evaluate_segments
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import VideoclipError

THINGS = ["onion", "bread", "cheese", "pan"]


class Sees:
    """A model that knows four things by the words for them."""

    name, size, fingerprint = "sees", 4, "abc"
    features = FeatureKind("made", 4)

    def encode_text(self, texts):
        return torch.tensor([[4.0 * (thing in text) for thing in THINGS] for text in texts])

    def encode_video(self, features):
        return torch.tensor(np.array([np.asarray(f, np.float32).mean(0) for f in features]))

    def video_tokens(self, features):
        return torch.tensor(np.asarray(features, np.float32))

    def check_features(self, kind, what):
        pass


@pytest.fixture
def corpus(tmp_path) -> Corpus:
    """Two videos of 40 s: each thing is shown for ten seconds, in one and the other order."""
    made = Corpus.create(tmp_path / "corpus.lance", Sees.features)
    order = {"a": [0, 1, 2, 3], "b": [3, 2, 1, 0]}
    made.append(
        [NarratedVideo(v, np.eye(4)[things].repeat(10, 0).astype(np.float16), []) for v, things in order.items()]
    )
    return made


def table(tmp_path, name: str, text: str):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_clips_are_found_by_their_texts_and_so_are_their_videos(corpus, tmp_path):
    path = table(
        tmp_path,
        "pairs.csv",
        "video,start,end,text\nvideos/kitchen/a.mp4,0,10,an onion\na,0:10,0:20.0,the bread\nb,0,10,a pan\n",
    )
    result = evaluate_pairs(Sees(), corpus, path)
    assert result["retrieval"]["gallery"] == 3
    assert result["retrieval"]["text_to_video"]["R@1"] == 1.0
    assert result["retrieval"]["chance_R@1"] == pytest.approx(1 / 3)
    assert result["retrieval_by_video"]["gallery"] == 2
    assert result["retrieval_by_video"]["text_to_video"]["R@1"] == 0.0  # both show all things: ties share their ranks
    assert result["left_out"] == {"without_features": 0, "past_the_end": 0}


def test_texts_of_one_clip_or_one_group_are_all_right(corpus, tmp_path):
    path = table(
        tmp_path,
        "pairs.csv",
        "video;start;end;text;group\na;0;10;an onion;x\na;0;10;onion again;\nb;30;40;some onion;x\nb;0;10;a pan;\n",
    )
    result = evaluate_pairs(Sees(), corpus, path)
    assert result["retrieval"]["gallery"] == 3  # a clip with two texts is there once
    found = {item["query"]: item for item in result["items"]}
    assert found["an onion"]["rank"] < 2
    right = [x["start"] for x in found["an onion"]["found"] if x["right"]]
    assert sorted(right) == [0.0, 30.0]
    assert sum(x["right"] for x in found["onion again"]["found"]) == 1


def test_a_row_without_times_is_the_whole_video(corpus, tmp_path):
    corpus.append([NarratedVideo("c", np.eye(4)[[0] * 30].astype(np.float16), [])])
    result = evaluate_pairs(Sees(), corpus, table(tmp_path, "pairs.csv", "video,text\nc,onion\nb,bread and cheese\n"))
    assert result["retrieval"]["text_to_video"]["R@1"] == 1.0
    assert "start" not in result["items"][0]


def test_questions_have_as_many_answers_as_their_rows(corpus, tmp_path):
    path = table(
        tmp_path,
        "choices.csv",
        "video,start,end,right,wrong1,wrong2\na,0,10,onion,bread,pan\nb,0,10,pan,cheese,\na,20,30,cheese,onion,bread\n",
    )
    result = evaluate_choices(Sees(), corpus, path)
    assert result["multiple_choice"] == {
        "accuracy": 1.0,
        "chance": pytest.approx((1 / 3 + 1 / 2 + 1 / 3) / 3),
        "questions": 3,
    }


def test_a_model_that_prefers_the_first_answer_gains_nothing_by_it(corpus, tmp_path):
    class Dull(Sees):
        def encode_text(self, texts):
            return torch.zeros(len(texts), 4)

    rows = "".join(f"a,{i % 39},{i % 39 + 1},right {i},x {i},y {i},z {i}\n" for i in range(400))
    path = table(tmp_path, "choices.csv", "video,start,end,right,wrong1,wrong2,wrong3\n" + rows)
    assert evaluate_choices(Dull(), corpus, path)["multiple_choice"]["accuracy"] == pytest.approx(0.25, abs=0.08)


def test_each_second_has_its_label_or_none(corpus, tmp_path):
    path = table(tmp_path, "segments.csv", "video,start,end,label\na,0,10,onion\na,10,20,bread\nb,20,30,bread\n")
    result = evaluate_segments(Sees(), corpus, path)
    assert result["classes"] == ["bread", "onion"]
    assert result["segmentation"]["labelled_accuracy"] == 1.0
    assert result["items"][0]["truth"][:20] == [1] * 10 + [0] * 10


def test_the_command_takes_the_table_and_the_corpus_beside_it(corpus, tmp_path):
    path = table(tmp_path, "pairs.csv", "video,start,end,text\na,0,10,onion\nb,0,10,pan\n")
    result = evaluate("pairs", Sees(), None, path, normalization="dual-softmax")
    assert result["retrieval"]["normalization"] == "dual-softmax"
    assert result["intervals"]["retrieval R@1"] == (1.0, 1.0)
    assert evaluate("pairs", Sees(), corpus, tmp_path)["config"]["benchmark"] == "pairs"


WRONG = {
    "pairs.csv": (
        (evaluate_pairs, "video,start,end\na,0,1\n", "heading: is to name each of the columns video, text"),
        (
            evaluate_pairs,
            "video,start,end,text\na,5,2,x\n",
            r"line 2: ends at 2 s, which is not after its start at 5 s",
        ),
        (evaluate_pairs, "video,start,end,text\na,1,nan,x\na,minute,3,x\n", r"line 3: start: .*minute"),
        (evaluate_pairs, "video,start,end,text\nz,1,2,x\n", "holds features of none of the 1 videos, such as 'z'"),
    ),
    "choices.csv": (
        (evaluate_choices, "video,right\na,x\n", "names no column that begins with 'wrong'"),
        (evaluate_choices, "video,right,wrong1\na,x,x\n", "line 2: has the same answer twice"),
        (evaluate_choices, "video,right,wrong1\na,x,\n", "line 2: has no wrong answer"),
    ),
    "segments.csv": (
        (evaluate_segments, "video,start,end,label\na,3,3,x\n", "line 2: ends at 3 s"),
        (evaluate_segments, "video,start,end,label\na,300,310,x\n", "none of the parts in segments.csv lies within"),
    ),
}


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in WRONG.items() for case in cases])
def test_what_cannot_be_meant_is_named_with_its_line(corpus, tmp_path, name, case):
    run, text, said = case
    with pytest.raises(VideoclipError, match=said):
        run(Sees(), corpus, table(tmp_path, name, text))
