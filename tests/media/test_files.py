"""Which files are videos, and which captions are theirs: what people's folders look like."""

import json
import os
import shutil
from pathlib import Path

import pytest

from videoclip.errors import ConfigError
from videoclip.media.container import embedded_captions
from videoclip.media.files import VideoFile, find_videos, look_for_videos
from videoclip.media.languages import Marks, marks_of, standard, wanted_language
from videoclip.media.narration import narration_of

CASES = Path(__file__).parent.parent / "cases"
SRT = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"


def folder(root: Path, *names: str) -> Path:
    """Empty videos, and captions that say their own names."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SRT.format(path.name) if path.suffix == ".srt" else "")
    return root


def theirs(root: Path, language: str = "en", captions: Path | None = None) -> dict[str, str]:
    """The caption file of each video, by the video's name."""
    return {
        video.path.name: video.captions.name if isinstance(video.captions, Path) else ""
        for video in find_videos(root, captions, language)
    }


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (
            ["Lecture.mp4", "Lecture.1.mp4", "Lecture.2.mp4", "Lecture.1.srt", "Lecture.2.srt"],
            {"Lecture.mp4": "", "Lecture.1.mp4": "Lecture.1.srt", "Lecture.2.mp4": "Lecture.2.srt"},
        ),
        (["a.mp4", "a.en.mp4", "a.en.srt"], {"a.mp4": "", "a.en.mp4": "a.en.srt"}),
        (["v1.2.mp4", "v1.2.en.srt"], {"v1.2.mp4": "v1.2.en.srt"}),
        (["Talk.mp4", "Talk part two.srt"], {"Talk.mp4": ""}),
        (["Talk.mp4", "Talk.notes.srt"], {"Talk.mp4": ""}),
        (["Movie (2021).mp4", "Movie (2021).en.sdh.srt"], {"Movie (2021).mp4": "Movie (2021).en.sdh.srt"}),
        (["Third.mp4", "Third.en.forced.srt", "Third.mp4.srt"], {"Third.mp4": "Third.mp4.srt"}),
        (["Film.mkv", "Film.en.forced.srt"], {"Film.mkv": "Film.en.forced.srt"}),
        (["Film.mkv", "Film.eng.forced.srt", "Film.eng.srt"], {"Film.mkv": "Film.eng.srt"}),
        (["Film.mkv", "Film.de.srt", "Film.en.forced.srt"], {"Film.mkv": "Film.de.srt"}),
        (["Film.mkv", "Film.en.cc.srt", "Film.en.srt"], {"Film.mkv": "Film.en.srt"}),
        (["Film.mkv", "Film.hi.en.srt"], {"Film.mkv": "Film.hi.en.srt"}),
        (["Film.mkv", "Film.en-US.default.srt", "Film.fr.srt"], {"Film.mkv": "Film.en-US.default.srt"}),
        (["Clip [abc-1].webm", "Clip [abc-1].en-orig.srt"], {"Clip [abc-1].webm": "Clip [abc-1].en-orig.srt"}),
        (["Film_2.mp4", "Film_2_en.srt"], {"Film_2.mp4": "Film_2_en.srt"}),
        (["é.mp4", "é.zh-Hans.srt"], {"é.mp4": "é.zh-Hans.srt"}),
    ],
)
def test_captions_go_to_the_video_with_the_longest_common_name(tmp_path, names, wanted):
    assert theirs(folder(tmp_path, *names)) == wanted


@pytest.mark.parametrize("language", ["de", "DE", "ger", "deu", "de-AT", "de_DE"])
def test_a_language_is_the_same_in_every_standard(tmp_path, language):
    names = ["v.mp4", "v.ar.srt", "v.de.srt", "v.en.srt"]
    assert theirs(folder(tmp_path, *names), language)["v.mp4"] == "v.de.srt"
    for written in ("v.ger.srt", "v.deu.srt", "v.DE.srt", "v.de-CH.srt"):
        other = folder(tmp_path / written, "v.mp4", "v.ar.srt", "v.en.srt", written)
        assert theirs(other, language)["v.mp4"] == written


def test_a_region_that_is_asked_for_comes_before_another(tmp_path):
    folder(tmp_path, "v.mp4", "v.pt.srt", "v.pt-BR.srt", "v.pt-PT.srt")
    assert theirs(tmp_path, "pt-BR")["v.mp4"] == "v.pt-BR.srt"
    assert theirs(tmp_path, "por")["v.mp4"] == "v.pt.srt"


def test_the_given_names_are_read_as_they_are_meant(tmp_path):
    for case, videos in (
        ("06-dots", ["Lecture.mp4", "Lecture.1.mp4", "Lecture.2.mp4"]),
        ("07-names", ["Movie (2021).mp4", "Third.mp4"]),
        ("28-languages", ["v.mp4"]),
    ):
        shutil.copytree(CASES / case, tmp_path / case)
        folder(tmp_path / case, *videos)
    assert theirs(tmp_path / "06-dots")["Lecture.mp4"] == ""
    found = {video.path.name: video for video in find_videos(tmp_path / "07-names")}
    assert found["Movie (2021).mp4"].language == "en"
    assert (found["Third.mp4"].captions.name, found["Third.mp4"].language) == ("Third.mp4.srt", "")
    assert find_videos(tmp_path / "28-languages")[0].language == "en"


def test_a_language_that_there_is_none_of_is_refused():
    assert (wanted_language("ger"), wanted_language("und"), wanted_language("")) == ("de", "", "")
    for wrong in ("xx", "english!", "1", "deutsch"):
        with pytest.raises(ConfigError, match="none that is known"):
            wanted_language(wrong)


def test_marks_of_names():
    assert marks_of(["en", "sdh"]) == Marks("en", hearing=True)
    assert marks_of(["hi"]) == Marks("hi")  # Hindi
    assert marks_of(["en", "hi"]) == Marks("en", hearing=True)
    assert marks_of(["forced", "EN"]) == Marks("en", forced=True)
    assert marks_of(["1"]) is marks_of(["part", "two"]) is marks_of(["en", "mp4"]) is None
    assert standard("chi") == standard("zho") == "zh"


# What is in them decides -------------------------------------------------------------------------------------

WHISPER = {"text": "cut it", "segments": [{"id": 0, "start": 0.0, "end": 2.0, "text": " cut it"}], "language": "en"}
NO_CAPTIONS = ['{"title": "a", "description": "b"}', '{"photoTakenTime": {"timestamp": "1"}}', "[1, 2]", "not json", ""]


@pytest.mark.parametrize("content", NO_CAPTIONS)
@pytest.mark.parametrize("name", ["v.json", "v.mp4.json", "v.info.json"])
def test_a_file_that_is_no_captions_hides_none(tmp_path, content, name):
    folder(tmp_path, "v.mp4")
    (tmp_path / name).write_text(content)
    assert theirs(tmp_path) == {"v.mp4": ""}
    folder(tmp_path, "v.srt")
    assert theirs(tmp_path) == {"v.mp4": "v.srt"}


def test_a_recognisers_json_is_captions(tmp_path):
    folder(tmp_path, "v.mp4")
    (tmp_path / "v.json").write_text(json.dumps(WHISPER))
    assert theirs(tmp_path) == {"v.mp4": "v.json"}
    assert [c.text for c in narration_of(find_videos(tmp_path)[0]).captions] == ["cut it"]


# Tracks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "first"), [("es", "primero"), ("spa", "primero"), ("de", "zuerst"), ("EN", "first")])
def test_the_track_that_is_asked_for_is_read(asked, first):
    said = narration_of(VideoFile(CASES / "08-tracks" / "multi.mkv", "multi"), asked)
    assert said.captions[0].text.startswith(first)
    assert said.language == standard(asked)


def test_karaoke_is_one_word_and_drawings_are_none():
    (track,) = embedded_captions(CASES / "09-ass" / "ass.mkv")
    assert [c.text for c in track.captions] == ["karaoke night unbelievable"]


# Folders, links, ids -----------------------------------------------------------------------------------------


def test_what_systems_keep_for_themselves_is_passed_over(tmp_path):
    folder(
        tmp_path,
        *("ok.mp4", "._ok.mp4", ".Trash-1000/files/deleted.mp4", "$RECYCLE.BIN/x.mp4", "@eaDir/x.mp4", ".hidden/x.mp4"),
        *("lost+found/x.mp4", "__MACOSX/x.mp4", "System Volume Information/x.mp4", "@Recycle/x.mp4", "LOST.DIR/x.mp4"),
    )
    assert [video.id for video in find_videos(tmp_path)] == ["ok"]


def test_a_folder_that_is_a_link_or_has_dots_is_the_folder(tmp_path):
    folder(tmp_path / "disk" / "Videos", "2025/a.mp4", "2025/a.srt")
    (tmp_path / "Videos").symlink_to(tmp_path / "disk" / "Videos")
    for place in (tmp_path / "Videos", tmp_path / "disk" / "Videos" / "2025" / ".."):
        (video,) = find_videos(place)
        assert video.path == tmp_path / "disk" / "Videos" / "2025" / "a.mp4"
        assert video.captions.name == "a.srt"


def test_a_link_has_the_name_and_the_captions_where_it_lies(tmp_path):
    folder(tmp_path / "store", "0a1b2c")
    folder(tmp_path / "view", "talk.srt")
    (tmp_path / "view" / "talk.mp4").symlink_to(tmp_path / "store" / "0a1b2c")
    (video,) = find_videos(tmp_path / "view" / "talk.mp4")
    assert (video.id, video.path.name, video.captions.name) == ("talk", "talk.mp4", "talk.srt")


@pytest.mark.parametrize(
    ("store", "view"), [("blobs/ab12", "snapshots/1/talk.mp4"), (".git/annex/objects/x", "talk.mp4")]
)
def test_views_of_caches_and_archives_are_read(tmp_path, store, view):
    folder(tmp_path, store, str(Path(view).with_suffix(".srt")))
    (tmp_path / view).symlink_to(os.path.relpath(tmp_path / store, (tmp_path / view).parent))
    (video,) = find_videos((tmp_path / view).parent)
    assert (video.path.name, video.captions.name) == ("talk.mp4", "talk.srt")


def test_links_that_lead_out_or_nowhere_are_passed_over_and_said(tmp_path):
    folder(tmp_path, "secret.mp4", "view/ok.mp4")
    (tmp_path / "view" / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (tmp_path / "view" / "gone.mp4").symlink_to(tmp_path / "nothing.mp4")
    found = look_for_videos(tmp_path / "view")
    assert [video.id for video in found.videos] == ["ok"]
    assert {Path(path).name: reason[:22] for path, reason in found.passed_over.items()} == {
        "out.mp4": "a link that leads out ",
        "gone.mp4": "a link to a file that ",
    }


def test_links_in_a_circle_and_to_other_folders_are_said(tmp_path):
    folder(tmp_path, "disk/far.mp4", "view/ok.mp4", "view/in/near.mp4")
    (tmp_path / "view" / "self.mp4").symlink_to("self.mp4")
    (tmp_path / "view" / "self.srt").symlink_to("other.srt")
    (tmp_path / "view" / "other.srt").symlink_to("self.srt")
    (tmp_path / "view" / "2025").symlink_to(tmp_path / "disk")
    (tmp_path / "view" / "again").symlink_to("in")
    (tmp_path / "view" / "loop").symlink_to(tmp_path / "view")
    os.mkfifo(tmp_path / "view" / "pipe.mp4")
    found = look_for_videos(tmp_path / "view")
    assert [video.id for video in found.videos] == ["in/near", "ok"]
    assert {Path(path).name: reason[:16] for path, reason in found.passed_over.items()} == {
        "self.mp4": "a link to a file", "self.srt": "a link to a file", "other.srt": "a link to a file",
        "2025": "a link to a fold", "pipe.mp4": "not a file",
    }  # fmt: skip


def test_ids_of_files_of_one_name_do_not_hang_on_their_order(tmp_path):
    folder(tmp_path, "take.avi", "take.mp4", "take.webm", "other.avi")
    assert {v.path.name: v.id for v in find_videos(tmp_path)} == {
        "take.mp4": "take", "take.avi": "take.avi", "take.webm": "take.webm", "other.avi": "other",
    }  # fmt: skip
