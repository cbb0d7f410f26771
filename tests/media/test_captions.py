import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoclip.errors import MediaError
from videoclip.media import streamed
from videoclip.media.captions import Caption, howto100m_captions, read_captions, without_repeats
from videoclip.media.streamed import stream_entries


def entry(*said) -> dict:
    """A video's captions as HowTo100M has them."""
    starts = [3.0 * i for i in range(len(said))]
    return {"start": starts, "end": [start + 4 for start in starts], "text": [*said]}


SRT = "1\n00:00:01,000 --> 00:00:02,500\nfirst line\n\n2\n00:00:03,000 --> 00:00:04,000\nsecond <i>line</i>\n"


def texts(captions: list[Caption]) -> list[str]:
    return [caption.text for caption in captions]


def write(path, content) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_srt_vtt_and_ass_give_the_same_sentences(tmp_path):
    vtt = (
        "WEBVTT\n\n00:01.000 --> 00:02.500\nfirst line\n\n00:03.000 --> 00:04.000 align:start\nsecond <c.red>line</c>\n"
    )
    ass = (
        "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,first line\n"
        "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\b1}second{\\b0} line\n"
    )
    wanted = [Caption(1.0, 2.5, "first line"), Caption(3.0, 4.0, "second line")]
    for name, content in (("a.srt", SRT), ("a.vtt", vtt), ("a.ass", ass)):
        assert read_captions(write(tmp_path / name, content)) == wanted, name


@pytest.mark.parametrize(
    "content",
    ["\ufeff" + SRT, SRT.replace("\n", "\r\n"), SRT.replace("\n", "\r"), SRT.encode("utf-16"), SRT.rstrip()],
    ids=["byte order mark", "CRLF", "CR", "UTF-16", "no last line break"],
)
def test_forms_of_text_files(tmp_path, content):
    assert texts(read_captions(write(tmp_path / "a.srt", content))) == ["first line", "second line"]


def test_an_old_encoding_is_read(tmp_path):
    assert texts(read_captions(write(tmp_path / "a.srt", SRT.replace("first", "café").encode("cp1252")))) == [
        "café line",
        "second line",
    ]


def test_wrong_order_is_put_right_and_empty_entries_are_dropped(tmp_path):
    second, first = SRT.split("\n\n")[1], SRT.split("\n\n")[0]
    empty = "3\n00:00:05,000 --> 00:00:06,000\n<b> </b>\n"
    content = "\n\n".join([second.rstrip(), first, empty])
    assert texts(read_captions(write(tmp_path / "a.srt", content))) == ["first line", "second line"]


def test_howto100m_entries_that_are_not_text_are_left_out(tmp_path):
    entry = {"start": [5, 0.5, 7, "x"], "end": [6, 2.5, 8, 9], "text": ["later", "sooner", float("nan"), "untimed"]}
    assert howto100m_captions(entry) == [Caption(0.5, 2.5, "sooner"), Caption(5, 6, "later")]
    assert texts(read_captions(write(tmp_path / "a.json", json.dumps(entry)))) == ["sooner", "later"]


@pytest.mark.parametrize(
    ("name", "content"), [("a.srt", "\x00\x01 nothing timed"), ("a.json", "{"), ("a.json", "[1]"), ("a.vtt", "hello")]
)
def test_what_is_no_caption_file_is_one_error(tmp_path, name, content):
    with pytest.raises(MediaError, match=name):
        read_captions(write(tmp_path / name, content))


def test_an_empty_file_has_no_captions_and_a_missing_one_is_an_error(tmp_path):
    assert read_captions(write(tmp_path / "a.srt", "")) == []
    with pytest.raises(MediaError, match="cannot be read"):
        read_captions(tmp_path / "none.srt")


@st.composite
def rolling(draw):
    """A sequence of distinct words, and captions of it of which each repeats words of the one before."""
    words, lines, shown = [], [], []
    for repeated, new in draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), max_size=12)):
        fresh = [f"w{len(words) + i}" for i in range(new)]
        words += fresh
        shown = shown[max(len(shown) - repeated, 0) :] * (repeated > 0) + fresh
        if shown:
            lines.append(" ".join(shown))
    return words, [Caption(i, i + 1, line) for i, line in enumerate(lines)]


@given(rolling())
def test_any_rolling_rendering_gives_back_what_was_said(case):
    words, captions = case
    assert " ".join(texts(without_repeats(captions))).split() == words


def test_a_letter_is_never_taken_for_a_repeat():
    """The published code compares characters: an 'n' that ends a line and one that begins the next."""
    lines = ["put the onion", "now cut it"]
    assert texts(without_repeats([Caption(i, i + 1, line) for i, line in enumerate(lines)])) == lines


OTHER = {
    "[1]": "at its beginning",
    "hello": "at its beginning",
    "": "at its beginning",
    '{"a": {}, 3: {}}': "expected the id of a video",
    '{"a": {} "b": {}}': "after video 'a'",
    '{"a": {}': "after video 'a'",
    '{"a": {"start": [1,,]}}': "at its beginning",
}


@pytest.mark.parametrize("content", OTHER)
def test_other_json_is_an_error_that_says_where(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(MediaError, match=OTHER[content]):
        list(stream_entries(tmp_path / "a.json"))


@pytest.mark.parametrize("window", [1, 7, 100, 10**6])
@pytest.mark.parametrize("indent", [None, 1])
def test_captions_are_the_same_wherever_the_window_ends(tmp_path, monkeypatch, window, indent):
    monkeypatch.setattr(streamed, "WINDOW", window)
    made = {f'v {i} \\ "': entry(*["é日🍳 \\n"] * i) for i in range(5)} | {"": {}}
    for ascii_only in (True, False):
        text = json.dumps(made, indent=indent, ensure_ascii=ascii_only)
        (tmp_path / "a.json").write_text(f"\ufeff{text}\n", encoding="utf-8")
        assert dict(stream_entries(tmp_path / "a.json")) == made


def test_a_damaged_file_is_not_read_into_memory_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed, "WINDOW", 1000)
    monkeypatch.setattr(streamed, "LARGEST_ENTRY", 10_000)
    (tmp_path / "a.json").write_text('{"a": {}, "b": {"text": ["' + "word " * 100_000 + '"]}}')
    with pytest.raises(MediaError, match="after video 'a'"):
        list(stream_entries(tmp_path / "a.json"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc, which only Linux has")
def test_captions_are_streamed(tmp_path):
    """Ten times the file takes the same memory."""
    code = "import re, sys; from pathlib import Path; from videoclip.media.streamed import stream_entries\n"
    code += "n = sum(1 for _ in stream_entries(Path(sys.argv[1])))\n"
    code += "print(n, re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    peak = {}
    for videos in (200, 4000):
        one = json.dumps(entry(*(f"some words that are said {i}" for i in range(100))))
        (tmp_path / "c.json").write_text("{" + ",".join(f'"v{i}": {one}' for i in range(videos)) + "}")
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "c.json")], capture_output=True, text=True, check=True
        )
        count, peak[videos] = map(int, done.stdout.split())
        assert count == videos
    assert peak[4000] - peak[200] < 3000  # kB, of 23 MB more to read
