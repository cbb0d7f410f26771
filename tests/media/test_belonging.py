"""Which video a caption file belongs to: names and folders as downloaders, lecture sites and people write them."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from made import write

from videoclip.media.files import VideoFile, find_videos, look_for_videos
from videoclip.media.languages import same_language
from videoclip.media.narration import narration_of

SRT = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"


def theirs(root: Path, language: str, *names: str) -> dict[str, tuple[str, str]]:
    """The caption file of each video, below the folder, and its language."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(SRT.format("hello"))
    return {
        video.path.relative_to(root).as_posix(): (video.captions.relative_to(root).as_posix(), video.language)
        for video in find_videos(root, None, language)
        if isinstance(video.captions, Path)
    }


@pytest.mark.parametrize(
    ("captions", "language"),
    [
        ("V.English.srt", "en"),
        ("V (Deutsch).srt", "de"),
        ("V[en].srt", "en"),
        ("V - French.srt", "fr"),
        ("V_Captions_English (United States).srt", "en-US"),
        ("V.Portuguese (Brazil).srt", "pt-BR"),
        ("V [English (auto-generated)].srt", "en"),
        ("V-en_US.srt", "en-US"),
        ("V.pt_BR.srt", "pt-BR"),
        ("V.zh_Hans.srt", "zh-Hans"),
        ("V.jp.srt", "ja"),
        ("V.en.1.srt", "en"),
        ("V.en-en-US.vtt", "en-US"),
        ("V.en-j3PyPqV-e1s.vtt", "en"),
        ("v.en.srt", "en"),
        ("Subs/V.de.srt", "de"),
        ("de/V.srt", "de"),
        ("subtitles/pt-BR/V.srt", "pt-BR"),
        ("Subs/2_English.srt", "en"),
        ("V/English.srt", "en"),
        ("Subs/V/3_French.srt", "fr"),
    ],
)
def test_a_rest_that_names_a_language_makes_captions(tmp_path, captions, language):
    assert theirs(tmp_path, "en", "V.mp4", captions) == {"V.mp4": (captions, language)}


@pytest.mark.parametrize(
    "captions", ["V.part.two.srt", "V 2.srt", "V.1.srt", "English.srt", "V the end.srt", "old/W.srt"]
)
def test_another_rest_makes_none(tmp_path, captions):
    assert theirs(tmp_path, "en", "V.mp4", captions) == {}


def test_captions_in_a_folder_go_to_the_video_that_is_named(tmp_path):
    names = ["S/E1.mp4", "S/E2.mp4", "S/Subs/E1/2_English.srt", "S/Subs/E2/2_English.srt", "S/Subs/German.srt"]
    assert theirs(tmp_path, "en", *names) == {
        "S/E1.mp4": ("S/Subs/E1/2_English.srt", "en"),
        "S/E2.mp4": ("S/Subs/E2/2_English.srt", "en"),
    }


def test_names_are_compared_as_people_read_them(tmp_path):
    composed, decomposed = "Caf\u00e9", "Cafe\u0301"
    found = theirs(
        tmp_path, "en", f"{composed}.mp4", f"{decomposed}.srt", "MOVIE.MP4", "movie.Srt", "a.mp4", "A.mp4", "a.srt"
    )
    assert {video: captions for video, (captions, _) in found.items()} == {
        f"{composed}.mp4": f"{decomposed}.srt",
        "MOVIE.MP4": "movie.Srt",
        "a.mp4": "a.srt",
    }


@pytest.mark.parametrize(
    ("video", "captions"),
    [
        ("GMT20230102-030405_Recording_gallery_1920x1080.mp4", "GMT20230102-030405_Recording.transcript.vtt"),
        ("Talk.f137.mp4", "Talk.en.vtt"),
        ("Talk-1080p.mp4", "Talk.srt"),
    ],
)
def test_what_programs_write_behind_a_videos_name_is_none_of_it(tmp_path, video, captions):
    assert theirs(tmp_path, "en", video, captions)[video][0] == captions
    shorter = f"{captions.split('.')[0]}.mp4"
    assert list(theirs(tmp_path, "en", shorter)) == [shorter]


def test_captions_belong_to_all_videos_of_their_name(tmp_path):
    assert {video: captions for video, (captions, _) in theirs(tmp_path, "en", "a.mp4", "a.mkv", "a.srt").items()} == {
        "a.mp4": "a.srt",
        "a.mkv": "a.srt",
    }
    assert theirs(tmp_path, "en", "a.mkv.srt", "b.mp4", "b.mkv", "b.mkv.srt").keys() == {"a.mp4", "a.mkv", "b.mkv"}


@pytest.mark.parametrize(
    ("language", "names", "wanted"),
    [
        ("zh-TW", ["V.zh-Hans.srt", "V.zh-Hant.srt"], "V.zh-Hant.srt"),
        ("zh-CN", ["V.cht.srt", "V.chs.srt"], "V.chs.srt"),
        ("no", ["V.en.srt", "V.nb.srt"], "V.nb.srt"),
        ("nb", ["V.en.srt", "V.nor.srt"], "V.nor.srt"),
        ("en", ["V.en-orig.vtt", "V.en.vtt"], "V.en.vtt"),
        ("en", ["V.en.1.srt", "V.en.srt"], "V.en.srt"),
        ("en", ["V.en.signs.srt", "V.en.full.srt"], "V.en.full.srt"),
        ("fr", ["V.en-eEY6OEpapPo.vtt", "V.fr-nP7_2PuUl7o.vtt"], "V.fr-nP7_2PuUl7o.vtt"),
    ],
)
def test_of_several_the_nearest_is_taken(tmp_path, language, names, wanted):
    assert theirs(tmp_path, language, "V.mp4", *names)["V.mp4"][0] == wanted


def test_bokmal_is_norwegian_and_mandarin_chinese():
    assert same_language("nb", "no")
    assert same_language("cmn", "zh-TW")
    assert not same_language("yue", "zh")
    assert not same_language("", "und")


def test_captions_of_no_video_are_named_where_a_video_has_none(tmp_path):
    theirs(tmp_path, "en", "V.mp4", "V.corrected.srt", "full/W.mp4", "full/W.srt", "full/X.srt")
    (tmp_path / "notes.json").write_text("{}")
    found = look_for_videos(tmp_path)
    assert {Path(path).name for path in found.passed_over} == {"V.corrected.srt"}
    assert "whose name is that of no video here" in found.passed_over[str(tmp_path / "V.corrected.srt")]


def test_a_link_to_captions_that_are_not_there_is_named(tmp_path):
    theirs(tmp_path, "en", "V.mp4")
    (tmp_path / "V.srt").symlink_to("nowhere.srt")
    assert look_for_videos(tmp_path).passed_over == {str(tmp_path / "V.srt"): "a link to a file that is not there"}


# Tracks ------------------------------------------------------------------------------------------------------


def with_tracks(path: Path, *tracks: tuple[str, str]) -> Path:
    """A video with subtitle tracks of such (language, title), each of which says its title or language."""
    import av

    sources = [write(path.with_name("plain.mp4"), [10] * 30, fps=10)]
    for number, (language, title) in enumerate(tracks):
        sources.append(path.with_name(f"{number}.srt"))
        sources[-1].write_text(SRT.format(title or language))
    with ExitStack() as opened:
        files = [opened.enter_context(av.open(str(source))) for source in sources]
        both = opened.enter_context(av.open(str(path), "w"))
        streams = [both.add_stream_from_template(file.streams[0]) for file in files]
        for stream, (language, title) in zip(streams[1:], tracks, strict=True):
            stream.metadata.update({"language": language, "title": title})
        for file, stream in zip(files, streams, strict=True):
            for packet in file.demux(file.streams[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    both.mux(packet)
    return path


@pytest.mark.parametrize(
    ("asked", "tracks", "wanted", "language"),
    [
        ("en", [("eng", "Signs & Songs"), ("eng", "Full")], "Full", "en"),
        ("en", [("eng", "Director's Commentary"), ("eng", "")], "eng", "en"),
        (
            "zh-TW",
            [("chi", "Chinese (Simplified)"), ("chi", "Chinese (Traditional)")],
            "Chinese (Traditional)",
            "zh-Hant",
        ),
        ("pt-BR", [("por", "European Portuguese"), ("por", "Brazilian Portuguese")], "Brazilian Portuguese", "pt-BR"),
        ("de", [("und", "English"), ("und", "Deutsch SDH")], "Deutsch SDH", "de"),
        ("no", [("eng", ""), ("nob", "")], "nob", "nb"),
    ],
)
def test_a_tracks_title_says_what_its_language_leaves_open(tmp_path, asked, tracks, wanted, language):
    said = narration_of(VideoFile(with_tracks(tmp_path / "v.mkv", *tracks), "v"), asked)
    assert ([c.text for c in said.captions], said.language) == ([wanted], language)
