"""Benchmarks that ask for clips by captions, of which a clip may have many: what is measured, and chance."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from made_benchmarks import corpus_of, knowing

from videoclip import evaluate
from videoclip.corpus.store import Corpus
from videoclip.errors import VideoclipError

sys.path[:0] = [str(Path(__file__).parents[2] / folder) for folder in ("soak", "bench")]

from annotations import Words  # noqa: E402


def vector(corpus: Corpus, video: str, first: int = 0, last: int | None = None) -> np.ndarray:
    mean = corpus[video].features[first:last].astype(np.float32).mean(0)
    return mean / np.linalg.norm(mean)


def vatex(path: Path, captions: dict[str, list[str]]) -> None:
    path.write_text(json.dumps([{"videoID": video, "enCap": texts, "chCap": []} for video, texts in captions.items()]))


def test_vatex_takes_cut_clips_and_those_seconds_of_whole_videos(tmp_path):
    corpus = corpus_of(tmp_path / "c.lance", {"aa_a-b_000003_000013": 10, "whole": 40})
    said = {
        "aa_a-b_000003_000013": ["a1", "a2"],
        "whole_000010_000020": ["b1", "b2", "b3"],
        "gone_000001_000011": ["c"],
    }
    vatex(tmp_path / "vatex_public_test_english_v1.1.json", said)
    a, b = vector(corpus, "aa_a-b_000003_000013"), vector(corpus, "whole", 10, 20)
    result = evaluate("vatex", knowing({"a1": 3 * a, "a2": b, "b1": 3 * b, "b2": b, "b3": b}), corpus, tmp_path)
    retrieval = result["retrieval"]
    assert retrieval["gallery"] == 2  # a clip with many captions is there once
    assert retrieval["text_to_video"]["R@1"] == pytest.approx(4 / 5)  # each caption is a query
    assert retrieval["video_to_text"]["R@1"] == 1  # one of its captions is enough
    assert result["left_out"] == {"without_features": 1, "past_the_end": 0}
    assert result["items"][2]["start"] == 10


def test_a_list_beside_vatex_says_which_clips_are_tested(tmp_path):
    corpus = corpus_of(tmp_path / "c.lance", {"a_000003_000013": 10, "b_000003_000013": 10, "c_000003_000013": 10})
    vatex(tmp_path / "vatex_public_test_english_v1.1.json", {"a_000003_000013": ["a"]})
    vatex(tmp_path / "vatex_validation_v1.0.json", {"b_000003_000013": ["b"], "c_000003_000013": ["c", "d"]})
    (tmp_path / "test_list.txt").write_text("c_000003_000013\n")
    result = evaluate("vatex", Words(), corpus, tmp_path)
    assert {item["video"] for item in result["items"]} == {"c_000003_000013"}
    assert result["annotations"] == "test_list.txt"
    assert evaluate("vatex", Words(), corpus, tmp_path, split="val")["retrieval"]["gallery"] == 2
    (tmp_path / "test_list.txt").write_text("c_000003_000013\nx_000003_000013\n")
    with pytest.raises(VideoclipError, match=r"test_list\.txt: line 2: names x_000003_000013, of which"):
        evaluate("vatex", Words(), corpus, tmp_path)


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([{"videoID": "a", "enCap": ["x"]}, {"videoID": "a", "enCap": ["y"]}], "entry 1: video 'a' is there twice"),
        ([{"videoID": "a", "enCap": []}], "entry 0: enCap: .*at least 1 item"),
        ([{"videoID": "a", "enCap": ["x", " "]}], r"entry 0: enCap\.1: is empty"),
        ([{"videoID": "a"}], "entry 0: enCap: is missing"),
        ([], "the whole: holds no captions"),
    ],
)
def test_an_entry_of_vatex_that_is_none_is_named(tmp_path, entries, problem):
    (tmp_path / "vatex_public_test_english_v1.1.json").write_text(json.dumps(entries))
    with pytest.raises(VideoclipError, match=rf"english_v1\.1\.json: {problem}.*correct the file"):
        evaluate("vatex", Words(), corpus_of(tmp_path / "c.lance", {"a": 9}), tmp_path)


@pytest.mark.parametrize("is_table", [False, True])
def test_msvd_reads_the_lines_and_the_table_alike(tmp_path, is_table):
    corpus = corpus_of(tmp_path / "c.lance", {"-4wsuPCjDBc_5_15": 10, "b_1": 40, "train_1_2": 5})
    said = [("-4wsuPCjDBc", 5, 15, "a squirrel eats"), ("b_1", 20, 30, "a man, who sings"), ("train", 1, 2, "cut")]
    said.append(("-4wsuPCjDBc", 5, 15, "an animal"))
    if is_table:
        rows = [f'{v},{s},{e},1,clean,9,English,"{text}"' for v, s, e, text in said]
        rows += ["b_1,20,30,1,clean,9,German,ein Mann", "b_1,20,30,1,clean,9,English,"]
        heading = "VideoID,Start,End,WorkerID,Source,AnnotationTime,Language,Description"
        (tmp_path / "MSR Video Description Corpus.csv").write_text("\n".join([heading, *rows]))
    else:
        lines = ["# MSVD", "", *(f"{v}_{s}_{e} {text}" for v, s, e, text in said)]
        (tmp_path / "AllVideoDescriptions.txt").write_text("\n".join(lines))
    (tmp_path / "test_list.txt").write_text("-4wsuPCjDBc_5_15\nb_1_20_30\n")
    squirrel, man = vector(corpus, "-4wsuPCjDBc_5_15"), vector(corpus, "b_1", 20, 30)
    texts = {"a squirrel eats": squirrel, "an animal": man, "a man, who sings": man}
    result = evaluate("msvd", knowing(texts), corpus, tmp_path)
    assert result["retrieval"]["gallery"] == 2
    assert [item["query"] for item in result["items"]] == ["a squirrel eats", "an animal", "a man, who sings"]
    assert result["retrieval"]["text_to_video"]["R@1"] == pytest.approx(2 / 3)


def test_files_of_msvd_that_do_not_fit_are_named(tmp_path):
    corpus = corpus_of(tmp_path / "c.lance", {"a_1_5": 9})
    (tmp_path / "AllVideoDescriptions.txt").write_text("# head\na_1_5 a man\na_1_5\n")
    (tmp_path / "test_list.txt").write_text("a_1_5\nb_1_5\n")
    with pytest.raises(VideoclipError, match=r"AllVideoDescriptions\.txt: line 3: caption: is empty"):
        evaluate("msvd", Words(), corpus, tmp_path)
    (tmp_path / "AllVideoDescriptions.txt").write_text("a_1_5 a man\n")
    with pytest.raises(VideoclipError, match=r"test_list\.txt: line 2: names b_1_5, of which AllVideoDescriptions"):
        evaluate("msvd", Words(), corpus, tmp_path)
    (tmp_path / "test_list.txt").unlink()
    with pytest.raises(VideoclipError, match=r"holds no test_list\.txt; it is published at http"):
        evaluate("msvd", Words(), corpus, tmp_path)


LSMDC = "LSMDC16_challenge_1000_publictect.csv"
TIMES = "00.00.51.926\t00.00.54.129\t00.00.51.426\t00.00.54.629"


def test_lsmdc_ranks_clips_by_their_sentences(tmp_path):
    names = [f"1001_Film_00.0{i}.51.926-00.0{i}.54.129" for i in range(3)]  # what follows the last dot is no suffix
    corpus = corpus_of(tmp_path / "c.lance", dict.fromkeys(names[:2], 4))
    sentences = ['SOMEONE says "stop".', "She nods, slowly.", "gone"]
    (tmp_path / LSMDC).write_text("".join(f"{n}\t{TIMES}\t{s}\n" for n, s in zip(names, sentences, strict=True)))
    texts = {text: vector(corpus, name) for text, name in zip(sentences[:2], names[:2], strict=True)}
    result = evaluate("lsmdc", knowing(texts), corpus, tmp_path)
    assert result["retrieval"]["gallery"] == 2
    assert result["retrieval"]["text_to_video"]["R@1"] == 1
    assert result["left_out"] == {"without_features": 1, "past_the_end": 0}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("b\tx", "has 2 columns between tabs instead of 6"),
        (f"b\t{TIMES}\t ", "sentence: is empty"),
        (f"\t{TIMES}\tx", "clip: is empty"),
        (f"a\t{TIMES}\tx", "clip 'a' is there twice, first in line 1"),
    ],
)
def test_a_row_of_lsmdc_that_is_none_is_named(tmp_path, line, problem):
    (tmp_path / LSMDC).write_text(f"a\t{TIMES}\tx\n{line}\n")
    with pytest.raises(VideoclipError, match=rf"publictect\.csv: line 2: {problem}.*correct the file"):
        evaluate("lsmdc", Words(), corpus_of(tmp_path / "c.lance", {"a": 9}), tmp_path)


def check_chance(result: dict, clips: int, captions: int, per_clip: int) -> None:
    """R@10 and the median rank of text→video, and R@10 of video→text, where the best of a clip's captions counts."""
    retrieval = result["retrieval"]
    found, back = retrieval["text_to_video"], retrieval["video_to_text"]
    assert (retrieval["gallery"], len(result["items"])) == (clips, captions)
    assert retrieval["chance_R@1"] == pytest.approx(1 / clips)
    spread = 4 * (10 / clips / (captions / per_clip)) ** 0.5  # captions of a clip may depend on each other
    assert found["R@10"] == pytest.approx(10 / clips, abs=spread)
    assert found["median_rank"] / clips == pytest.approx(0.5, abs=0.05)
    share = 1 - (1 - per_clip / captions) ** 10
    assert back["R@10"] == pytest.approx(share, abs=4 * (share / clips) ** 0.5)


def test_vatex_of_the_real_size_is_at_chance_with_random_vectors(tmp_path):
    """1,500 clips with ten captions each."""
    names = [f"{i:011d}_000010_000020" for i in range(1500)]
    said = {name: [f"{i} in other words {k}" for k in range(10)] for i, name in enumerate(names)}
    vatex(tmp_path / "vatex_public_test_english_v1.1.json", said)
    result = evaluate("vatex", Words(), corpus_of(tmp_path / "c.lance", dict.fromkeys(names, 10)), tmp_path)
    check_chance(result, 1500, 15000, 10)


def test_msvd_of_the_real_size_is_at_chance_with_random_vectors(tmp_path):
    """670 clips with 41 captions each, nearly the 27,763 of the test set."""
    names = [f"{i:011d}_5_15" for i in range(670)]
    lines = [f"{name} {i} in other words {k}" for i, name in enumerate(names) for k in range(41)]
    (tmp_path / "AllVideoDescriptions.txt").write_text("\n".join(lines))
    (tmp_path / "test_list.txt").write_text("\n".join(names))
    result = evaluate("msvd", Words(), corpus_of(tmp_path / "c.lance", dict.fromkeys(names, 10)), tmp_path)
    check_chance(result, 670, 670 * 41, 41)


def test_lsmdc_of_the_real_size_is_at_chance_with_random_vectors(tmp_path):
    """1,000 clips with a sentence each."""
    names = [f"film_00.00.{i}" for i in range(1000)]
    (tmp_path / LSMDC).write_text("".join(f"{name}\t{TIMES}\tsentence {i}\n" for i, name in enumerate(names)))
    result = evaluate("lsmdc", Words(), corpus_of(tmp_path / "c.lance", dict.fromkeys(names, 4)), tmp_path)
    check_chance(result, 1000, 1000, 1)
