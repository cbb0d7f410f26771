"""Annotation files as people have them: read as they are meant, or one line with the file and the entry."""

import json
import random
import re
import shutil
import sys
from pathlib import Path

import pytest
from made_benchmarks import TESTED, corpus_of, make

from videoclip import evaluate
from videoclip.benchmarks import youcook2
from videoclip.benchmarks.annotations import read_rows
from videoclip.benchmarks.crosstask import read_tasks
from videoclip.errors import CorpusError, VideoclipError
from videoclip.tasks.localization import seconds_of_steps
from videoclip.tasks.moments import mean_rank
from videoclip.tasks.segmentation import labels_of_seconds
from videoclip.text import read_text

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases" / "31-annotations"
GIVEN = ("78", "79", "97", "137", "198")
sys.path[:0] = [str(ROOT / "soak"), str(ROOT / "bench")]

import annotations as soak  # noqa: E402


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Features of the videos that the given annotations are about."""
    return corpus_of(tmp_path_factory.mktemp("given") / "c.lance", {f"camping_00{int(n):03d}": 60 for n in GIVEN})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Benchmark -> its files as they should be, and features; made once."""
    folder, known = tmp_path_factory.mktemp("made"), {}

    def of(name: str):
        if name not in known:
            known[name] = folder / name, make(name, folder / name)
        return known[name]

    return of


@pytest.mark.parametrize(
    ("case", "benchmark", "place"),
    [
        ("m5", "msrvtt", r"MSRVTT_JSFUSION_test\.csv: line 2: is not in UTF-8 .*save the file as UTF-8"),
        ("q2", "msrvtt-mc", r"MSR_MC_test\.csv: line 6: answer: .*counted from 0.*'5'"),
        ("y1", "youcook2", r"trainval\.json: video 'camping_00078': annotations\.1\.segment: ends at 15 s"),
        ("d2", "didemo", r"test_data\.json: entry 1: times: holds no annotator's moment"),
        ("c2", "coin", r"COIN\.json: subset testing: no segment is annotated"),
        ("x1", "crosstask", r"23521_camping_00079\.csv: line 1: step 4 is none of the task's 3"),
    ],
)
def test_given_files_with_mistakes_are_named_with_the_entry_in_one_line(given, case, benchmark, place):
    with pytest.raises(VideoclipError, match=place) as error:
        evaluate(benchmark, soak.Words(), given, CASES / case)
    assert len(str(error.value).splitlines()) == 1


def test_a_byte_order_mark_is_no_obstacle(given):
    assert evaluate("msrvtt", soak.Words(), given, CASES / "m1")["retrieval"]["gallery"] == 5


EDITS = [
    ("youcook2", "*.json", '"segment": [2, 8]', '"segment": [8, 8]', "annotations.0.segment: ends at 8 s"),
    ("youcook2", "*.json", '"segment": [2, 8]', '"segment": [-2, 8]', "annotations.0.segment.0: .*greater than or"),
    ("youcook2", "*.json", '"segment": [2, 8]', '"segment": [2, NaN]', "annotations.0.segment.1: .*finite"),
    ("youcook2", "*.json", '"segment": [2, 8]', '"segment": [2, 1e999]', "annotations.0.segment.1"),
    ("youcook2", "*.json", '"segment": [2, 8]', '"segment": [false, true]', "annotations.0.segment.0: is no number"),
    ("youcook2", "*.json", '"subset": "validation"', '"duration": 2, "subset": "validation"', "video ends at 2 s"),
    ("youcook2", "*.json", '"subset": "validation"', '"subset": "x", "subset": "validation"', "'subset' is there tw"),
    ("youcook2", "*.json", '"annotations"', '"annotation"', "video 'video0': has no annotations"),
    ("youcook2", "*.json", '"sentence"', '"sentences"', r"video 'video0': annotations.0.sentence: is missing"),
    ("youcook2", "*.json", "]}", "", r"line 1, column \d+: is not JSON"),
    ("youcook2", "*.json", '"sentence": "', '"sentence": "\\ud83d', "annotations.0.sentence: holds half a character"),
    ("msrvtt", "MSRVTT_J*", "video21,video21,video21,", "video21,video21,video20,", "line 3: video 'video20' .*twice"),
    ("msrvtt", "MSRVTT_J*", "stir serve", "stir, serve", "line 4: has 5 columns, the heading 4: put quotes around"),
    ("msrvtt", "MSRVTT_J*", "stir serve pour 24", "", "line 4: sentence: is empty"),
    ("msrvtt", "MSRVTT_J*", "stir serve pour 24", "nan", "line 4: sentence: is empty"),
    ("msrvtt", "MSRVTT_J*", "stir serve", '"stir serve', r"line \d+: is no row of a table"),
    ("msrvtt", "MSRVTT_J*", "sentence", "text", "heading: is to name each of the columns video_id, sentence"),
    ("didemo", "test*", "[[0, 0]", "[[2, 1]", "entry 0: times.0: ends with chunk 1"),
    ("didemo", "test*", "[[0, 0]", "[[0, 6]", "entry 0: times.0.1: .*less than 6"),
    ("didemo", "test*", '"times"', '"time"', "entry 0: times: is missing"),
    ("coin", "*.json", '"segment": [0, 5]', '"segment": [5, 0]', "video 'video0': annotation.0.segment: ends at 0 s"),
    ("coin", "*.json", '"label": "cut"', '"label": null', "annotation.0.label: .*None"),
    ("crosstask", "annotations/1_video20.csv", "1,", "0,", "line 1: step 0 is none of the task's 2"),
    ("crosstask", "annotations/1_video20.csv", "1,2.0", "1,nan", "line 1: start,end: 0: .*finite"),
    ("crosstask", "annotations/1_video20.csv", "1,2.0,6.0", "1,9.0,2.0", "line 1: start,end: ends at 2 s"),
    ("crosstask", "tasks_primary.txt", "1\nMake", "1\nMore\nMake", "announces 'http"),
    ("htm-align", "*.json", "[true, 3, 8", "[true, 8, 3", "video 'video20': sentence 0: ends at 3 s"),
    ("htm-align", "*.json", "[true, 3, 8", "[2, 3, 8", "video 'video20': sentence 0: 0: "),
    ("world", "truth.json", '"seed": 2', '"seed": "soon"', "seed: should be a valid integer"),
    ("world", "truth.json", '"split": "train"', '"split": "training"', "split: should be 'train', 'val' or 'test'"),
    ("world", "truth.json", '"start": ', '"start": -', "steps.0.start: .*greater than or equal to 0"),
]  # fmt: skip


@pytest.mark.parametrize(("benchmark", "file", "before", "after", "place"), EDITS, ids=[e[3][:30] for e in EDITS])
def test_one_wrong_entry_is_named(tmp_path, made, benchmark, file, before, after, place):
    folder, corpus = made(benchmark)
    shutil.copytree(folder, tmp_path / "own", ignore=shutil.ignore_patterns("*.lance"))
    path = next((tmp_path / "own").glob(file))
    content = path.read_text()
    assert before in content
    path.write_text(content.replace(before, after, 1))
    with pytest.raises(VideoclipError, match=re.escape(path.name) + ": .*" + place) as error:
        evaluate(benchmark, soak.Words(), corpus, tmp_path / "own")
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).endswith("correct the file, or get it anew")


def test_small_changes_at_random_give_fractions_or_one_line(tmp_path):
    """``python soak annotations`` does the same with thousands."""
    benchmarks, rng = [soak.made(name, tmp_path / name) for name in soak.BENCHMARKS], random.Random(3)
    tried = [soak.broken(benchmarks, number, tmp_path, rng) for number in range(100)]
    assert [reason for _, _, reason in tried if reason] == []
    assert {came for _, came, _ in tried} == {"metrics", "refused"}


def test_tables_are_read_with_whatever_sign_stands_between_their_columns(tmp_path):
    rows = [["video_id", "sentence"], ["a", "stir, fold"], ["b", "he says so"]]
    for sign in "\t;":
        (tmp_path / "t.csv").write_bytes("\r\n".join(sign.join(row) for row in rows).encode("utf-16"))
        assert [row for _, row in read_rows(tmp_path / "t.csv")] == rows
    (tmp_path / "t.csv").write_text('video_id\tsentence\na\t"stir" is said\nb\t6" long\n')
    assert read_rows(tmp_path / "t.csv")[1:] == [("line 2", ["a", '"stir" is said']), ("line 3", ["b", '6" long'])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_read_in_what_its_mark_says(tmp_path, encoding):
    (tmp_path / "t.txt").write_bytes("crème\r\nœuf".encode(encoding))
    assert read_text(tmp_path / "t.txt") == "crème\r\nœuf"


def test_text_that_is_none_is_named_with_the_line(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"one\ntwo\nd\xe9j\xe0\n")
    with pytest.raises(VideoclipError, match=r"t\.txt: line 3: is not in UTF-8 \(byte 0xe9\)"):
        read_text(tmp_path / "t.txt")
    with pytest.raises(VideoclipError, match="cannot be read"):
        read_text(tmp_path)


def test_steps_and_segments_past_the_features_are_counted_and_never_a_silent_zero(tmp_path, made):
    folder, _ = made("crosstask")
    short = corpus_of(tmp_path / "short.lance", dict.fromkeys(TESTED[:2], 13))
    result = evaluate("crosstask", soak.Words(), short, folder)
    assert result["left_out"]["steps_past_the_end"] == 2  # the second step of each begins after second 13
    shorter = corpus_of(tmp_path / "shorter.lance", {TESTED[0]: 1})
    with pytest.raises(CorpusError, match="none of the 2 annotated steps lies within the features"):
        evaluate("crosstask", soak.Words(), shorter, folder)
    folder, _ = made("coin")
    assert evaluate("coin", soak.Words(), short, folder)["left_out"]["segments_past_the_end"] == 4


def test_a_block_of_steps_that_is_cut_off_is_no_silent_loss(tmp_path):
    (tmp_path / "tasks.txt").write_text("1\nTea\nu\n1\nheat\n\n2\nJello\nu\n")
    with pytest.raises(VideoclipError, match=r"tasks\.txt: line 7: task '2' has 3 lines"):
        read_tasks(tmp_path / "tasks.txt")


def test_the_papers_pairs_that_name_other_segments_are_refused(tmp_path):
    import pickle

    (tmp_path / "youcook_val.pkl").write_bytes(pickle.dumps([{"id": "z_0", "caption": "stir"}]))
    entry = {"subset": "validation", "annotations": [{"segment": [0, 3], "sentence": "s"}]}
    (tmp_path / youcook2.ANNOTATIONS).write_text(json.dumps({"database": {"a": entry}}))
    with pytest.raises(VideoclipError, match=r"youcook_val\.pkl: the whole: names none of the 1 segments"):
        youcook2.read_clips(tmp_path)


def test_a_step_zero_is_not_the_last_and_no_time_counts_from_the_end():
    with pytest.raises(ValueError, match="step 0"):
        seconds_of_steps([(0, 1.0, 2.0)], 3, 10)
    with pytest.raises(ValueError, match="label -1"):
        labels_of_seconds([(1.0, 2.0, -1)], 10)
    with pytest.raises(ValueError, match="-3 to 2"):
        labels_of_seconds([(-3.0, 2.0, 1)], 10)
    for times in ([], [(1, 0)], [(0, 6)]):
        with pytest.raises(ValueError, match="moments"):
            mean_rank([(0, 0)], times)
