"""What a caption file says, in the forms and encodings that people have."""

import json

import pytest

from videoclip.errors import MediaError
from videoclip.media.captions import Caption, read_captions
from videoclip.media.encodings import decoded
from videoclip.media.markup import plain

IDS = """WEBVTT - a film

ac29ada84a8b48b2b19467261a4b7a10
00:00:09.600 --> 00:00:14.080 align:left
<c.teletext>City in flames</c>

Chapter two
00:20.000-->00:22.000 line:90% position:50%,center
<v Mary Ann>third <i>cue</i></v>

NOTE
checked by the editor

NOTE a cue that is not shown
00:00:22.000 --> 00:00:23.000
left out

STYLE
::cue { color: lime }

REGION
id:fred

4
00:00:26,000 --> 00:00:27,5
- fifth &amp; last&lrm;
"""
YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.480 --> 00:00:02.310 align:start position:0%
 
{first}

00:00:02.310 --> 00:00:02.320 align:start position:0%
{plain}
 

00:00:02.320 --> 00:00:05.000 align:start position:0%
{plain}
today<00:00:02.700><c> we</c><00:00:03.200><c> slice</c>

00:00:05.000 --> 00:00:05.010 align:start position:0%
today we slice
 
"""
EVENTS = "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"


def read(tmp_path, name: str, content: str | bytes) -> list[Caption]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_captions(path)


def said(tmp_path, name: str, content: str | bytes) -> list[str]:
    return [caption.text for caption in read(tmp_path, name, content)]


@pytest.mark.parametrize("name", ["a.vtt", "named.srt"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_names_notes_and_styles_of_vtt_are_no_words(tmp_path, name, line_end):
    assert read(tmp_path, name, IDS.replace("\n", line_end)) == [
        Caption(9.6, 14.08, "City in flames"),
        Caption(20, 22, "third cue"),
        Caption(26, 27.5, "- fifth & last"),
    ]


@pytest.mark.parametrize("arrow", ["-->", " --> ", " -> ", "  - ->  ", " → ", " –> ", " --&gt; "])
@pytest.mark.parametrize("clock", ["00:00:01,500", "0:01.5", "00:01:500", "00 : 00 : 01 , 500", "٠٠:٠٠:٠١,٥٠٠"])
def test_times_are_read_as_people_write_them(tmp_path, arrow, clock):
    if clock == "00:01:500":
        clock = "00:00:01:500"
    for head in ("WEBVTT\n\n", "1\n"):
        assert read(tmp_path, "a.srt", f"{head}{clock}{arrow}00:00:03,000\nhello\n") == [Caption(1.5, 3, "hello")]


def test_srt_keeps_numbers_that_are_said_and_lines_after_an_empty_one(tmp_path):
    text = "1\n00:00:01,000 --> 00:00:02,000\n42\n\nand more\n\n2\n00:00:03,000 --> 00:00:04,000\n7\n"
    assert said(tmp_path, "a.srt", text) == ["42 and more", "7"]
    assert said(tmp_path, "a.srt", text.replace("\n", "\n\n")) == ["42 and more", "7"]


@pytest.mark.parametrize("words", [1, 2, 3, 4, 7, 12])
def test_rolling_captions_are_said_when_they_are_first_shown(tmp_path, words):
    line = [f"word{i}" for i in range(words)]
    first = line[0] + "".join(f"<00:00:00.{i + 500}><c> {word}</c>" for i, word in enumerate(line[1:]))
    content = YOUTUBE.replace("{first}", first).replace("{plain}", " ".join(line))
    assert read(tmp_path, "a.vtt", content) == [Caption(0.48, 2.31, " ".join(line)), Caption(2.32, 5, "today we slice")]


WORDS = {
    "gbk": "先把洋葱切成丝\n然后把土豆削皮",
    "big5": "先把洋蔥切成絲\n然後把馬鈴薯削皮",
    "cp932": "玉ねぎを切ります\nそれから炒めます",
    "euc_jp": "玉ねぎを切ります\nそれから炒めます",
    "cp949": "양파를 썰어 주세요\n그리고 볶아요",
    "cp1251": "сначала нарежем лук\nпотом картофель",
    "koi8_r": "сначала нарежем лук\nпотом картофель",
    "cp1252": "ajoutez la crème fraîche\non émince l’oignon",
    "cp1250": "nejdříve nakrájíme cibuli\npřidejte česnek a žluťoučký sýr",
    "cp1253": "κόβουμε το κρεμμύδι\nκαι μετά το τηγανίζουμε",
    "cp1254": "önce soğanı doğrayın\nşimdi tuzu ekleyin",
    "cp1255": "חותכים את הבצל",
    "cp1256": "نقطع البصل ثم نضيف الملح",
    "utf-16-le": "先把洋葱切成丝\n然后把土豆削皮",
    "utf-16-be": "slice the onion",
    "utf-32-le": "сначала",
    "utf-32-be": "crème",
    "utf-16": "洋葱",
    "utf-32": "洋葱",
}


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.filterwarnings("ignore:.*is not UTF-8")
def test_encodings_that_nothing_names_are_told(tmp_path, encoding):
    lines = WORDS[encoding].split("\n")
    srt = "".join(f"{i}\r\n00:00:0{i},000 --> 00:00:0{i + 1},000\r\n{x}\r\n\r\n" for i, x in enumerate(lines, 1))
    assert said(tmp_path, "a.srt", srt.encode(encoding)) == lines


def test_a_guessed_encoding_is_told_and_utf8_that_is_damaged_stays_utf8(tmp_path):
    with pytest.warns(UserWarning, match=r"a\.srt: is not UTF-8; read as gb18030"):
        read(tmp_path, "a.srt", f"1\n00:00:01,000 --> 00:00:02,000\n{WORDS['gbk']}\n".encode("gbk"))
    text, guessed = decoded(("крем и лук " * 9).encode() + b"\xd0")
    assert text.startswith("крем и лук")
    assert "damaged" in guessed


SENTENCES = {
    "cp1252": "Señor Núñez came|and José, ¿de acuerdo?",
    "cp1250": "Následně rozehřejeme pánev|žádný česnek, ťuk",
    "iso8859-2": "Následně rozehřejeme pánev|žádný česnek, ťuk",
    "cp1254": "Bugün soğanı ince ince doğrayacağız|şimdi tavayı ısıtıyoruz",
    "cp1257": "Šiandien pjaustysime svogūną|tada įkaitinsime keptuvę",
    "cp1258": "Hôm nay chúng ta ăn cơm|đi chơi ơ\u0309 Hà Nô\u0323i",
    "cp866": "Сегодня мы нарежем лук|затем нагреем сковороду",
    "iso8859-5": "Сегодня мы нарежем лук|затем нагреем сковороду",
    "koi8-r": "Сегодня мы нарежем лук|затем нагреем сковороду",
    "cp850": "Heute für fünf Minuten|dann größere Stücke und Öl",
    "mac-roman": "Aujourd'hui la poêle émaillée|à la fin du sel, ça suffit",
    "cp932": "iPhoneを開いて|ｶﾀｶﾅ です",
    "gb18030": "打开Photoshop软件|点击OK按钮 然后保存",
    "iso2022-jp": "今日は玉ねぎを切ります|次に進みます",
}
"""Few words, in what people have beside the encodings that a detector knows well."""


def numbered(*lines: str) -> list[str]:
    return [f"{i}\n00:00:{2 * i:02},000 --> 00:00:{2 * i + 1:02},000\n{line}\n\n" for i, line in enumerate(lines, 1)]


@pytest.mark.parametrize("encoding", SENTENCES)
@pytest.mark.filterwarnings("ignore:.*is not UTF-8")
def test_two_lines_tell_an_encoding(tmp_path, encoding):
    lines = SENTENCES[encoding].split("|")
    assert said(tmp_path, "a.srt", "".join(numbered(*lines)).encode(encoding)) == lines


@pytest.mark.parametrize("encoding", ["cp1252", "cp1251", "gb18030"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_of_two_encodings_is_read_line_by_line(tmp_path, encoding, mark):
    old = {"cp1252": "schön für dich und mich", "cp1251": "Сегодня мы нарежем лук", "gb18030": "今天我们来切洋葱"}[
        encoding
    ]
    first, second = numbered("Größe und Höhe, я рад", old)
    content = mark + first.encode() + second.encode(encoding)
    with pytest.warns(UserWarning, match=f"in part {encoding}"):
        assert said(tmp_path, "a.srt", content) == ["Größe und Höhe, я рад", old]


def test_english_with_one_sign_is_of_no_other_script():
    for line in ("we went to the café", "heat it to 180°C", "it’s what we don’t know", "it costs £5 or 6€", "½ cup"):
        assert decoded(line.encode("cp1252"))[0] == line


@pytest.mark.parametrize(
    "line",
    ["if a < b and c > d then stop", "I <3 this pan > that one", "set {x, y} of values", "vector<int> and <script>"],
)
def test_brackets_that_are_said_stay(tmp_path, line):
    assert plain(line) == line
    assert said(tmp_path, "a.srt", f"1\n00:00:01,000 --> 00:00:03,000\n{line}\n") == [line]
    assert said(tmp_path, "a.vtt", f"WEBVTT\n\n00:01.000 --> 00:03.000\n{line}\n") == [line]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('<font color="#ff0000" size=3>hot</font> pan', "hot pan"),
        ("un<i>believ</i>able<br/>news", "unbelievable news"),
        ("<v.loud Bob Smith>hi <lang fr>là</lang> <c.red.bg_blue>x</c> <00:01.500>y", "hi là x y"),
        ("{\\an8}top {\\i1}slanted{\\i0}", "top slanted"),
        ("{\\k20}ka{\\k20}ra{\\k30}o{\\kf20}ke", "karaoke"),
        ("{\\p1}m 0 0 l 100 0{\\p0} after", "after"),
        ("{\\an7\\p4\\c&HFF&}m 0 0 {\\c&H00&}l 9 9", ""),
        ("{\\pos(10,20)}here\\Nthere\\hnow", "here there now"),
        ("{y:i}slanted {x: 3}", "slanted {x: 3}"),
    ],
)
def test_known_markup_is_removed(line, words):
    assert plain(line) == words


def test_karaoke_drawings_and_comments_of_ass(tmp_path):
    lines = [
        "Dialogue: 0,0:00:00.50,0:00:03.00,Default,,0,0,0,,{\\k20}ka{\\k20}ra{\\k30}o{\\k20}ke, night",
        "Dialogue: 0,0:00:04.00,0:00:07.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100 0 100{\\p0}",
        "Comment: 0,0:00:08.00,0:00:09.00,Default,,0,0,0,,note of the translator",
        "Dialogue: 0,100:00:01.00,100:00:02.00,Default,,0,0,0,,late{a comment}",
    ]
    assert read(tmp_path, "a.ass", EVENTS + "\n".join(lines)) == [
        Caption(0.5, 3, "karaoke, night"),
        Caption(360001, 360002, "late"),
    ]


@pytest.mark.parametrize("head", ["1\n", "WEBVTT\n\n"])
def test_hours_may_have_any_number_of_digits(tmp_path, head):
    assert read(tmp_path, "a.srt", f"{head}100:00:01,000 --> 1000:00:03,000\nx\n") == [Caption(360001, 3600003, "x")]


TRANSCRIPTS = {
    "whisper": {"text": "a b", "segments": [{"id": 0, "start": 0.5, "end": 3, "text": " slice it", "words": []}]},
    "list": [{"start": 0.5, "end": 3, "text": "slice it"}],
    "strings": [{"start": "0.5", "dur": "2.5", "text": "slice it"}],
    "youtube-transcript": [{"text": "slice it", "start": 0.5, "duration": 2.5}],
    "json3": {
        "wireMagic": "pb3",
        "events": [
            {"tStartMs": 0, "dDurationMs": 9000, "id": 1},
            {"tStartMs": 500, "dDurationMs": 2500, "segs": [{"utf8": "slice"}, {"utf8": " it", "tOffsetMs": 80}]},
            {"tStartMs": 2990, "aAppend": 1, "segs": [{"utf8": "\n"}]},
        ],
    },
    "words": [{"word": "slice", "start": 0.5, "end": 1}, {"word": "it", "start": 1.2, "end": 3}],
    "vosk": {"result": [{"word": "slice", "start": 0.5, "end": 1, "conf": 1}, {"word": "it", "start": 2, "end": 3}]},
    "transformers": {"text": "slice it", "chunks": [{"timestamp": [0.5, 3.0], "text": " slice it"}]},
    "whisper.cpp": {"transcription": [{"offsets": {"from": 500, "to": 3000}, "text": " slice it"}]},
    "whisperX": {
        "segments": [{"start": 0.5, "end": 3, "text": "slice it", "words": [{"word": "slice"}]}],
        "word_segments": [],
    },
}


@pytest.mark.parametrize("form", TRANSCRIPTS)
def test_what_recognisers_write_is_captions(tmp_path, form):
    assert read(tmp_path, "a.json", "\ufeff" + json.dumps(TRANSCRIPTS[form])) == [Caption(0.5, 3, "slice it")]


@pytest.mark.parametrize(
    "other",
    [
        {"id": "x", "title": "a film", "chapters": [{"start_time": 0, "end_time": 9, "title": "x"}], "formats": [{}]},
        {"title": "IMG_1.jpg", "photoTakenTime": {"timestamp": "1"}, "description": ""},
        {"segments": [{"name": "x"}]},
        [1, 2],
        [],
        "text",
        3,
    ],
)
def test_json_that_is_no_captions_is_one_error(tmp_path, other):
    with pytest.raises(MediaError, match=r"a\.json: JSON that is no captions"):
        read(tmp_path, "a.json", json.dumps(other))


@pytest.mark.parametrize("text", ["1\n00:00:05,000 --> 00:00:01,000\nbackwards\n", "some words"])
def test_a_file_of_words_is_never_silent(tmp_path, text):
    assert read(tmp_path, "a.vtt", "WEBVTT\n\nNOTE nothing is said\n") == []
    with pytest.raises(MediaError, match=r"a\.srt"):
        read(tmp_path, "a.srt", text)


def test_nuls_marks_and_joiners_do_not_part_words(tmp_path):
    text = "\ufeff1\n00:00:01,000 --> 00:00:02,000\nco\u00adop می\u200cخواهم\x00 &lrm;a&nbsp;b\n"
    assert said(tmp_path, "a.srt", text) == ["coop میخواهم a b"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('<a href="http://x.org">click</a> here', "click here"),
        (r"open C:\Notes\hello and \\nas\new", r"open C:\Notes\hello and \\nas\new"),
        (r"one\Ntwo\hthree", "one two three"),
        ("<ruby>漢<rt>kan</rt></ruby>字", "漢字"),
        ("{" + r"\t(0,100,\fscx120\fscy120)" * 40 + "}shown", "shown"),
        (r"{\p1" + r"\t(0,100,\fscx120)" * 40 + "}m 0 0 l 5 5{\\fs10} l 9 9{\\p0}word", "word"),
        (r"{\pos(1,2)\pbo5}shown {x, y}", "shown {x, y}"),
    ],
)
def test_more_markup_and_what_looks_like_it(line, words):
    assert plain(line) == words


def test_names_of_cues_are_no_words_where_vtt_lost_its_first_line(tmp_path):
    cues = "intro\n00:01.000 --> 00:02.000\nhello\n\nouter part\n00:03.000 --> 00:04.000\nbye\n"
    assert said(tmp_path, "a.vtt", cues) == ["hello", "bye"]
    assert said(tmp_path, "a.srt", "1\n" + cues.split("\n", 1)[1]) == ["hello outer part", "bye"]


def test_times_in_wide_signs_are_times(tmp_path):
    assert read(tmp_path, "a.srt", "１\n００：００：０１，５００　－－＞　００：００：０２，０００\nはい\n") == [
        Caption(1.5, 2.0, "はい")
    ]


def test_what_is_said_again_later_was_said_twice(tmp_path):
    chorus = "1\n00:00:01,000 --> 00:00:05,000\nlet it go\n\n2\n00:01:03,000 --> 00:01:05,000\nlet it go again\n"
    assert said(tmp_path, "a.srt", chorus) == ["let it go", "let it go again"]
    assert said(tmp_path, "a.srt", chorus.replace("01:03", "00:05").replace("01:05", "00:07")) == ["let it go", "again"]


FORMS = {
    "AWS": {"results": {"transcripts": [{"transcript": "Hello there."}], "items": [
        {"start_time": "0.5", "end_time": "1.0", "alternatives": [{"content": "Hello"}], "type": "pronunciation"},
        {"start_time": "1.0", "end_time": "1.4", "alternatives": [{"content": "there"}], "type": "pronunciation"},
        {"alternatives": [{"content": "."}], "type": "punctuation"}]}},
    "Google": {"results": [{"alternatives": [{"transcript": "Hello there.", "words": [
        {"startTime": "0.500s", "endTime": "1s", "word": "Hello"},
        {"startTime": "1s", "endTime": "1.400s", "word": "there."}]}]}]},
    "Deepgram": {"results": {"channels": [{"alternatives": [{"transcript": "hello there", "words": [
        {"word": "hello", "start": 0.5, "end": 1.0, "punctuated_word": "Hello"},
        {"word": "there", "start": 1.0, "end": 1.4, "punctuated_word": "there."}]}]}]}},
    "AssemblyAI": {"text": "Hello there.", "words": [
        {"text": "Hello", "start": 500, "end": 1000}, {"text": "there.", "start": 1000, "end": 1400}]},
    "Azure": {"recognizedPhrases": [
        {"offsetInTicks": 5e6, "durationInTicks": 9e6, "nBest": [{"display": "Hello there."}]}]},
    "Rev": {"monologues": [{"speaker": 0, "elements": [
        {"type": "text", "value": "Hello", "ts": 0.5, "end_ts": 1.0}, {"type": "punct", "value": " "},
        {"type": "text", "value": "there", "ts": 1.0, "end_ts": 1.4}, {"type": "punct", "value": "."}]}]},
    "clocks": [{"start": "00:00:00.500", "end": "00:00:01,400", "text": "Hello there."}],
    "milliseconds": [{"start_ms": 500, "end_ms": 1400, "text": "Hello there."}],
    "names": [{"startTime": 0.5, "endTime": 1.4, "text": "Hello there."}],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_what_services_write_is_captions(tmp_path, form):
    assert read(tmp_path, "a.json", json.dumps(FORMS[form])) == [Caption(0.5, 1.4, "Hello there.")]


def test_a_line_of_json_for_each_sentence_is_captions(tmp_path):
    lines = [{"start": 0.0, "end": 1.0, "text": "one"}, {"start": 1.0, "end": 2.0, "text": "two"}]
    assert said(tmp_path, "a.json", "\n".join(json.dumps(line) for line in lines)) == ["one", "two"]
    with pytest.raises(MediaError):
        read(tmp_path, "a.json", '{"replayChatItemAction": {}}\n{"isLive": true}\n')


def test_whole_seconds_are_seconds(tmp_path):
    assert read(tmp_path, "a.json", '[{"start": 0, "end": 60, "text": "[Music]"}]') == [Caption(0, 60, "[Music]")]
