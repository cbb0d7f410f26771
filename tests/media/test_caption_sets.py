import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from malicious import dangerous

from videoclip.errors import MediaError, UnsafeFileError
from videoclip.media.caption_sets import is_caption_set, read_caption_set
from videoclip.media.captions import Caption
from videoclip.media.files import find_videos

ANY = bool  # of a video's id: every one is asked for


def said(path, wanted=ANY, **how) -> dict:
    return dict(read_caption_set(path, wanted, **how))


def test_a_written_table_gives_each_video_its_sentences_in_order_whichever_order_its_rows_are_in(tmp_path):
    """HTM-AA: no row has an end, and sentences with commas, quotes and line breaks are in quotes."""
    rows = 'vid,start,text\nb,9,last\na,31.5,"put it in, then ""stir"""\na,2,two\nb,0,"fir\nst"\na,2.5,two\n'
    (tmp_path / "htm_aa.csv").write_bytes(b"\xef\xbb\xbf" + rows.encode())
    assert said(tmp_path / "htm_aa.csv", sentence_seconds=4) == {
        "a": [Caption(2, 6, "two"), Caption(2.5, 6.5, "two"), Caption(31.5, 35.5, 'put it in, then "stir"')],
        "b": [Caption(0, 4, "fir st"), Caption(9, 13, "last")],
    }


def test_a_table_may_say_when_sentences_end_and_call_its_columns_otherwise(tmp_path):
    rows = "\tsentence\tvideo_id\tend\ttimestamp\n0\tcut\ta\t7.5\t4\n1\tlost\ta\t9\t\n2\topen\ta\t\t8\n"
    (tmp_path / "a.tsv").write_text(rows)
    assert said(tmp_path / "a.tsv") == {"a": [Caption(4, 7.5, "cut"), Caption(8, 13, "open")]}


def test_sentences_of_the_same_seconds_each_become_a_caption_and_none_is_taken_for_a_repeat(tmp_path):
    """HowToCaption, in the form that its card describes, in JSON, and in a pickle: the same captions."""
    clips = [{"start": 8, "end": 16, "text": ["She cuts.", "She cuts."]}, {"start": 0, "end": 8, "text": ["A pan."]}]
    kind = pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64()), ("text", pa.list_(pa.string()))]))
    columns = {"video_id": ["a", "b"], "description": pa.array([clips, []], kind)}
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "data" / "how_to_caption-00000-of-00001.parquet")
    assert is_caption_set(tmp_path / "data")
    whole = {"a": {key: [clip[key] for clip in clips] for key in ("start", "end", "text")}, "b": {}}
    (tmp_path / "a.json").write_text(json.dumps(whole))
    (tmp_path / "a.pickle").write_bytes(pickle.dumps(whole))
    expected = [Caption(0, 8, "A pan."), Caption(8, 16, "She cuts."), Caption(8, 16, "She cuts.")]
    for name in ("data", "a.json", "a.pickle"):
        assert said(tmp_path / name) == {"a": expected, "b": []}


def test_steps_and_transcripts_of_many_videos_are_read_beside_columns_and_what_is_neither_is_named(tmp_path):
    entries = {
        "step": [[12, 20.5, "Whisk the eggs"], [1, 5, "Whisk the eggs"]],
        "spoken": {"segments": [{"start": 0.5, "end": 2, "text": " you take", "words": []}], "language": "en"},
        "columns": {"start": [1], "end": [2], "text": ["hello"]},
        "nothing": [],
        "pair": [[1, 2]],
        "number": 3,
        "wrong": [["one", "two", "three"]],
    }
    (tmp_path / "a.json").write_text(json.dumps(entries))
    found = said(tmp_path / "a.json")
    assert found["step"] == [Caption(1, 5, "Whisk the eggs"), Caption(12, 20.5, "Whisk the eggs")]
    assert found["spoken"] == [Caption(0.5, 2, "you take")]
    assert found["columns"] == [Caption(1, 2, "hello")]
    assert found["nothing"] == []
    for video in ("pair", "number", "wrong"):
        assert isinstance(found[video], MediaError)
        assert f"video '{video}'" in str(found[video])


def test_captions_of_videos_that_are_not_asked_for_are_empty_in_every_form(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 3, "b": [[0, 1, "x"]]}')
    (tmp_path / "a.csv").write_text("vid,start,text\na,0,x\nb,0,x\n")
    pq.write_table(pa.table({"video_id": ["a", "b"], "description": [None, None]}), tmp_path / "a.parquet")
    for name in ("a.json", "a.csv", "a.parquet"):
        found = said(tmp_path / name, wanted="b".__eq__)
        assert found["a"] == []
        assert set(found) == {"a", "b"}


BROKEN = {
    "no heading.csv": (b"a,0,hello\n", "has no heading that names the video as vid or video_id; the text as"),
    "empty.csv": (b"", r"heading .*it is empty"),
    "words.csv": (b"vid,start,text\na,0,x\na,soon,y\n", r"row #3.*invalid value 'soon'"),
    "short.csv": (b"vid,start,text\na,0\n", r"Expected 3 columns, got 2"),
    "latin.csv": (b"vid,start,text\na,0,\xe9\xff\n", "cannot be read as a table .*utf"),
    "other.parquet": (b"PAR1 but not really", "cannot be read as Parquet"),
    "list.pickle": (pickle.dumps([1]), "no captions by video, but list"),
    "array.pickle": (pickle.dumps({"a": np.ones(2)}), "holds objects of numpy"),
    "text.pickle": (b"hello", "is not a pickle"),
    "one.srt": (b"1\n00:00 --> 00:01\nx", "is of one video; name the folder"),
    "raw_caption.gz": (b"\x1f\x8b\x08", "is not JSON of captions by video"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_fit_is_one_error_that_names_file_and_place(tmp_path, name):
    content, message = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Exception, match=f"(?i){message}") as caught:
        said(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_columns_of_another_parquet_file_are_named(tmp_path):
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(MediaError, match=r"has columns id; HowToCaption's are video_id and description"):
        said(tmp_path / "a.parquet")


def test_no_pickle_is_run(tmp_path):
    mark = tmp_path / "mark"
    for i, content in enumerate(dangerous(mark).values()):
        (tmp_path / f"{i}.pickle").write_bytes(content)
        with pytest.raises((UnsafeFileError, MediaError)):
            said(tmp_path / f"{i}.pickle")
    assert not mark.exists()


def test_a_folder_of_caption_files_is_one_whatever_else_lies_in_it(tmp_path):
    (tmp_path / "a.parquet").touch()
    (tmp_path / "A.SRT").touch()
    assert not is_caption_set(tmp_path)


def test_one_file_gives_captions_to_video_files_too(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "steps.json").write_text(json.dumps({"a": [[0, 3, "stir"]], "b": 7, "elsewhere": [[0, 1, "x"]]}))
    with pytest.warns(UserWarning, match="video 'b'"):
        videos = find_videos(tmp_path, tmp_path / "steps.json")
    assert [video.captions for video in videos] == [[Caption(0, 3, "stir")], None, None]
