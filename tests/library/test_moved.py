"""A library whose videos were moved finds them again, without decoding or embedding anything anew."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from painted import Painted, encoder

from videoclip.library.exports import export_clips
from videoclip.library.index import IndexOptions, index
from videoclip.library.moved import model_of, move
from videoclip.library.search import Library
from videoclip.library.store.about import LibraryError
from videoclip.library.store.found import beside, digest_of, found_again
from videoclip.library.store.rows import Video


class Blind:
    """An encoder that must not be asked."""

    kind = encoder().kind

    def encode_file(self, *_):
        raise AssertionError("a video was decoded anew")


class Mute(Painted):
    """A model that must not see videos."""

    def encode_video(self, features):
        raise AssertionError("a video was embedded anew")

    video_tokens = encode_video  # type: ignore[assignment]


@pytest.fixture
def whole(videos, tmp_path):
    """A folder with videos and a library of them: made once, and then moved in several ways."""
    folder = tmp_path / "disk" / "demo"
    shutil.copytree(videos, folder / "videos")
    index([folder / "videos"], folder / "library", Painted(), encoder(), IndexOptions())
    return folder


def again(folder: Path, *places: Path):
    """Index once more, where nothing may be decoded or embedded."""
    return index(list(places), folder / "library", Mute(), Blind(), IndexOptions())  # type: ignore[arg-type]


def paths(folder: Path) -> set[Path]:
    return {Path(video.path) for video in Library(folder / "library", Painted()).videos}


@pytest.mark.parametrize("keeps_times", [True, False])
@pytest.mark.parametrize("place", ["elsewhere/demo", "elsewhere/another name", "disk/below/demo"])
def test_a_folder_that_holds_both_can_be_moved_anywhere(whole, tmp_path, place, keeps_times):
    now = tmp_path / place
    shutil.copytree(whole, now, copy_function=shutil.copy2 if keeps_times else shutil.copy)
    shutil.rmtree(whole)
    assert paths(now) == {now / "videos" / name for name in ("a.mp4", "b.mp4", "below/c.webm")}
    library = Library(now / "library", Painted())
    (hit, *_) = library.search("a red one", mode="sight").hits
    assert (hit.path, round(hit.start), round(hit.end)) == (str(now / "videos" / "a.mp4"), 20, 28)
    assert library.path(hit.video).is_file()
    below = library.search("purple", folder=str(now / "videos" / "below"), everything=True).hits
    assert {hit.path for hit in below} == {str(now / "videos" / "below" / "c.webm")}
    made, failed = export_clips([hit], tmp_path / "clips", False)
    assert (len(made), failed) == (1, {})
    result = again(now, now / "videos")
    assert (result.added, result.changed, result.present, result.missing, result.set_aside) == (0, 0, 3, [], {})
    assert {Path(v.path) for v in Library(now / "library", Painted()).store.noted().values()} == paths(now)


def test_a_copy_beside_the_original_uses_the_original_while_it_is_there(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "copy")
    assert paths(tmp_path / "copy") == paths(whole)


def test_videos_that_were_moved_alone_are_found_by_naming_both_folders(whole, tmp_path, videoclip):
    now = tmp_path / "other disk" / "films"
    shutil.copytree(whole / "videos", now)
    shutil.rmtree(whole / "videos")
    code, out, _ = videoclip("index", "--library", whole / "library", "--moved", whole / "videos", now)
    assert (code, "3 videos moved" in out) == (0, True)
    assert paths(whole) == {now / name for name in ("a.mp4", "b.mp4", "below/c.webm")}
    result = again(whole, now)
    assert (result.present, result.added, result.missing) == (3, 0, [])
    hit = Library(whole / "library", Painted()).search("sharpen the chisel", mode="speech").hits[0]
    assert hit.path == str(now / "a.mp4")


def test_what_is_not_at_the_new_place_or_another_file_there_stays_and_is_told(whole, tmp_path):
    now = tmp_path / "now"
    shutil.copytree(whole / "videos", now)
    (now / "b.mp4").unlink()
    content = bytearray((now / "a.mp4").read_bytes())
    content[-1] ^= 1  # as large, and another
    (now / "a.mp4").write_bytes(content)
    os.utime(now / "a.mp4", (1, 1))
    result = move(whole / "library", str(whole / "videos"), now)
    assert (result.found, sorted(result.missing)) == (1, [str(now / "a.mp4"), str(now / "b.mp4")])
    assert "2 not found there, such as " in str(result)


def test_another_file_of_the_same_size_at_the_same_place_is_indexed_as_another(whole, tmp_path):
    now = tmp_path / "now" / "demo"
    shutil.move(whole, now)
    (now / "videos" / "b.mp4").write_bytes(b"x" * (now / "videos" / "b.mp4").stat().st_size)
    os.utime(now / "videos" / "b.mp4", (1, 1))
    assert whole / "videos" / "b.mp4" in paths(now)  # where it was; what lies there now is not sent to anybody
    result = index([now / "videos"], now / "library", Painted(), encoder(), IndexOptions())
    assert list(result.set_aside) == [str(now / "videos" / "b.mp4")]
    assert result.present == 2


def test_mistakes_in_moving_are_one_line(whole, tmp_path, videoclip):
    for old, new, said in (
        (tmp_path / "never", whole, f"no video of {whole / 'library'} was below it; one was {whole}"),
        (whole, tmp_path / "nowhere", "nowhere: no such folder"),
        (whole, "s3://bucket/x", "lies in an object store"),
    ):
        code, _, complained = videoclip("index", "--library", whole / "library", "--moved", old, new)
        assert (code, said in complained, complained.count("\n")) == (2, True, 1), complained
    code, _, complained = videoclip("index", "--library", whole / "library")
    assert (code, "name the videos to index" in complained) == (2, True)
    with pytest.raises(LibraryError, match="holds no library"):
        move(tmp_path / "none", str(whole), whole)


def test_a_library_made_on_another_kind_of_computer_is_found_too(tmp_path):
    (tmp_path / "demo" / "videos" / "sub").mkdir(parents=True)
    (tmp_path / "demo" / "videos" / "sub" / "a.mp4").write_bytes(b"12345")
    (tmp_path / "demo" / "videos" / "sub" / "a.srt").write_bytes(b"123")
    old = r"C:\Users\Ada Lovelace\demo\videos\sub"
    digest = digest_of(tmp_path / "demo" / "videos" / "sub" / "a.mp4")
    video = Video(7, rf"{old}\a.mp4", 5, 0, digest, 1.0, 0.0, 1, 1, "en", rf"{old}\a.srt:3:9")
    found = found_again({7: video}, tmp_path / "demo" / "library")[7]
    assert found.path == str(tmp_path / "demo" / "videos" / "sub" / "a.mp4")
    assert found.captions.startswith(str(tmp_path / "demo" / "videos" / "sub" / "a.srt:3:"))
    for other in (replace(video, size=6), replace(video, digest="another")):
        assert found_again({7: other}, tmp_path / "demo" / "library")[7].path == video.path


def test_the_nearest_place_that_shares_most_of_the_path_is_meant(tmp_path):
    for name in ("x/demo/videos/a.mp4", "x/videos/a.mp4", "videos/a.mp4", "x/demo/library/other/a.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    library = tmp_path / "x" / "demo" / "library"
    assert beside(library, "/old/demo/videos/a.mp4", Path.is_file) == tmp_path / "x/demo/videos/a.mp4"
    assert beside(library, "/old/films/videos/a.mp4", Path.is_file) == tmp_path / "x/demo/videos/a.mp4"
    assert beside(library, "/old/z.mp4", Path.is_file) is None


def test_a_model_that_was_moved_with_its_library_is_found_by_its_weights(whole, tmp_path, monkeypatch):
    from videoclip.library import moved

    (tmp_path / "disk" / "demo" / "model").mkdir()
    (tmp_path / "disk" / "demo" / "model" / "config.json").write_text("{}")
    about = replace(Library(whole / "library").store.about, model="runs/demo/model")
    for fingerprint, found in ((about.fingerprint, str(whole / "model")), ("other", "runs/demo/model")):
        model = Painted()
        monkeypatch.setattr(moved, "load_model", lambda _, print=fingerprint, m=model: replace_fingerprint(m, print))
        assert model_of(about, whole / "library") == found
    assert model_of(replace(about, model="mil-nce"), whole / "library") == "mil-nce"


def replace_fingerprint(model, fingerprint: str):
    model.fingerprint = fingerprint
    return model
