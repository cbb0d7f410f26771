import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from made import write_audio_only
from painted import Painted, encoder, paint

from videoclip.errors import MediaError, VideoclipError
from videoclip.library import files, other_model
from videoclip.library.index import index, watch
from videoclip.library.search import Library
from videoclip.library.store.about import LibraryError, locked
from videoclip.library.store.reading import Store
from videoclip.library.store.writing import Writer
from videoclip.media.files import find_videos
from videoclip.tasks.grounding import windows


def test_windows_cover_every_second_and_end_with_the_video():
    for seconds in (1, 3, 4, 5, 17, 60, 61):
        spans = windows(seconds)
        assert {t for start, end in spans for t in range(start, end)} == set(range(seconds))
        assert max(end for _, end in spans) == seconds
        assert len(set(spans)) == len(spans)


def test_files_are_found_with_the_captions_in_the_wanted_language(videos, tmp_path):
    for name in ("a.de.srt", "b.srt", "b.en.vtt"):
        (videos / name).write_text("1\n00:00:00,000 --> 00:00:01,000\nhi\n")
    found = {
        file.path.name: (file.captions.name if file.captions else "", file.language) for file in find_videos([videos])
    }
    assert found == {"a.mp4": ("a.en.srt", "en"), "b.mp4": ("b.en.vtt", "en"), "c.webm": ("", "")}
    assert {f.path.name: f.language for f in find_videos([videos], language="de")}["a.mp4"] == "de"
    with pytest.raises(VideoclipError, match="no such file"):
        find_videos([tmp_path / "nowhere"])


def test_links_that_lead_out_of_the_folder_are_not_followed(videos, tmp_path):
    outside = paint(tmp_path / "secret.mp4", ("red", 2))
    (videos / "link.mp4").symlink_to(outside)
    (videos / "folder").symlink_to(tmp_path)
    assert all(file.path.is_relative_to(videos.resolve()) for file in find_videos([videos]))
    assert len(find_videos([videos])) == 3


def test_what_is_unchanged_is_not_read_again(videos, indexed):
    assert indexed().added == 3
    blind = encoder()
    object.__setattr__(blind, "network", None)  # decoding would fail
    again = indexed(encoder=blind)
    assert (again.added, again.present, again.set_aside) == (0, 3, {})


def test_a_moved_a_touched_and_a_copied_file_are_not_decoded_again(videos, indexed, library):
    (videos / "a.mp4").rename(videos / "moved.mp4")
    (videos / "a.en.srt").rename(videos / "moved.en.srt")
    os.utime(videos / "b.mp4", (1, 1))
    shutil.copy(videos / "below" / "c.webm", videos / "copy.webm")
    blind = encoder()
    object.__setattr__(blind, "network", None)
    result = indexed(encoder=blind)
    assert (result.moved, result.added, result.set_aside, result.missing) == (1, 1, {}, [])
    names = {Path(video.path).name for video in Library(library.store.folder).videos}
    assert names == {"moved.mp4", "b.mp4", "c.webm", "copy.webm"}
    hits = Library(library.store.folder, Painted()).search("a red thing").hits
    assert Path(hits[0].path).name == "moved.mp4"


def test_a_changed_file_takes_the_place_of_the_old_one(videos, indexed, tmp_path):
    indexed()
    paint(videos / "b.mp4", ("yellow", 30))
    assert indexed().changed == 1
    store = Store(tmp_path / "library")
    assert len(store.videos()) == 3
    assert Writer(store).tidy() == 0
    hits = Library(tmp_path / "library", Painted()).search("blue", mode="sight", everything=True, limit=50).hits
    shown = [(hit.start, hit.sight) for hit in hits if hit.path.endswith("b.mp4")]
    assert all(sure < 0.5 for _, sure in shown)


def test_changed_captions_are_read_without_the_video(videos, indexed, library):
    (videos / "a.en.srt").write_text("1\n00:00:05,000 --> 00:00:08,000\nthe lathe is running\n")
    blind = encoder()
    object.__setattr__(blind, "network", None)
    result = indexed(encoder=blind)
    assert not result.set_aside
    fresh = Library(library.store.folder, Painted())
    assert [hit.said for hit in fresh.search("running lathe", mode="speech").hits] == ["the lathe is running"]
    assert not fresh.search("sharpen chisel", mode="speech").hits


def test_files_that_are_gone_stay_until_they_are_pruned(videos, indexed):
    indexed()
    (videos / "b.mp4").unlink()
    result = indexed()
    assert [Path(path).name for path in result.missing] == ["b.mp4"]
    pruned = indexed(prune=True)
    assert (pruned.pruned, pruned.missing) == (1, [])


def test_broken_files_are_listed_and_the_others_indexed(videos, indexed):
    (videos / "broken.mp4").write_bytes(b"not a video at all" * 50)
    (videos / "empty.mkv").touch()
    result = indexed()
    assert result.added == 3
    assert sorted(Path(path).name for path in result.set_aside) == ["broken.mp4", "empty.mkv"]


def test_another_model_embeds_stored_features_anew_and_another_encoder_is_refused(videos, indexed, tmp_path):
    indexed()
    before = Store(tmp_path / "library")
    counts = before.counts()
    blind = encoder()
    object.__setattr__(blind, "network", None)
    result = indexed(model=Painted(2.0, "stronger"), encoder=blind)
    assert (result.present, result.added) == (3, 0)
    after = Store(tmp_path / "library")
    assert (after.about.model, after.about.embedding) == ("stronger", before.about.embedding + 1)
    assert after.counts() == counts
    assert before.refresh()
    with pytest.raises(LibraryError, match="name that encoder"):
        indexed(encoder=encoder("another"))


def test_a_clock_that_jumps_back_neither_hides_nor_doubles_a_video(videos, indexed, tmp_path, monkeypatch):
    indexed()
    store = Store(tmp_path / "library")
    before = max(store.videos())
    paint(videos / "later.mp4", ("red", 6))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86400 * 365)
    monkeypatch.setattr(time, "time_ns", lambda: int((now - 86400 * 365) * 1e9))
    assert indexed().added == 1
    assert indexed().added == 0
    assert max(Store(tmp_path / "library").videos()) > before
    assert len(Library(tmp_path / "library", Painted()).search("red", limit=50).hits) >= 2


def test_only_one_process_indexes_at_a_time(videos, indexed, tmp_path):
    indexed()
    with locked(tmp_path / "library"), pytest.raises(LibraryError, match="another process"):
        indexed()


def test_a_folder_that_holds_something_else_is_left_alone(videos, indexed, tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "thesis.txt").write_text("mine")
    with pytest.raises(LibraryError, match="is not empty"):
        indexed()


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from painted import Painted, encoder
import videoclip.library.index as module
def add(writer, *given, original=module.Writer.add, **named):
    time.sleep({pause})
    return original(writer, *given, **named)
module.Writer.add = add
options = module.IndexOptions(workers=2, commit_every=0.0)
module.index([Path({videos!r})], Path({library!r}), Painted(), encoder(), options)
"""


def indexing(folder: Path, library: Path, pause: float) -> subprocess.Popen:
    """A process that indexes the folder, with a pause before each video that it writes."""
    tests = str(Path(__file__).parent.parent)
    code = CHILD.format(tests=tests, videos=str(folder), library=str(library), pause=pause)
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)


def test_killed_at_any_moment_nothing_is_lost_or_double(tmp_path):
    folder, library = tmp_path / "videos", tmp_path / "library"
    folder.mkdir()
    for number in range(24):
        colour = ("red", "green", "blue", "yellow")[number % 4]
        paint(folder / f"{number:02d}.mp4", (colour, 4 + number % 3), ("white", 4))
    rng = np.random.default_rng(0)
    for _ in range(5):
        child = indexing(folder, library, pause=0.25)  # so that however fast the machine, none of them gets to the end
        while not (library / "library.json").exists():
            assert child.poll() is None
            time.sleep(0.01)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=float(rng.uniform(0.0, 1.2)))
        child.send_signal(signal.SIGKILL)
        child.wait()
        Library(library, Painted()).search("red")  # whatever is there can be searched
    index([folder], library, Painted(), encoder())
    store = Store(library)
    assert sorted(Path(v.path).name for v in store.videos().values()) == [f"{n:02d}.mp4" for n in range(24)]
    wanted = sum(len(windows(int(v.duration))) for v in store.videos().values())
    assert store.counts()["moments"] == wanted
    assert Writer(store).tidy() == 0


def test_searching_works_while_another_process_indexes(tmp_path):
    folder, library = tmp_path / "videos", tmp_path / "library"
    folder.mkdir()
    paint(folder / "first.mp4", ("red", 6))
    index([folder], library, Painted(), encoder())
    for number in range(6):
        paint(folder / f"{number:02d}.mp4", ("red", 5), ("blue", 5))
    child = indexing(folder, library, pause=0.1)
    searcher, seen = Library(library, Painted()), []
    while child.poll() is None:
        seen.append(len(searcher.search("red", limit=50).hits))
        time.sleep(0.05)
    assert child.returncode == 0
    time.sleep(1.1)
    assert len(searcher.search("red", limit=50).hits) == 7
    assert seen[0] >= 1
    assert seen == sorted(seen)


def test_a_file_that_cannot_be_encoded_is_set_aside_not_fatal(videos, indexed):
    def fail(_):
        raise MediaError("the sensor is dirty")

    bad = encoder()
    object.__setattr__(bad, "network", fail)
    result = indexed(encoder=bad)
    assert len(result.set_aside) == 3
    assert indexed().added == 3


def test_watching_indexes_what_is_added(videos, indexed, tmp_path):
    stop, new = threading.Event(), paint(tmp_path / "new.mp4", ("red", 3))
    runs = iter(watch([videos], indexed, stop))
    assert next(runs).added == 3

    def arrive() -> None:
        new.rename(videos / "new.mp4")
        while not stop.wait(0.5):  # should the watching not have begun by then
            (videos / "new.mp4").touch()

    later = threading.Thread(target=arrive)
    later.start()
    try:
        assert next(runs).added == 1
    finally:
        stop.set()
        later.join()


def test_a_file_moved_onto_the_path_of_another_takes_its_place(videos, indexed, tmp_path):
    (videos / "b.mp4").rename(videos / "it's.mp4")
    indexed()
    (videos / "a.mp4").unlink()
    (videos / "a.en.srt").unlink()
    (videos / "it's.mp4").rename(videos / "a.mp4")
    assert indexed().moved == 1
    store = Store(tmp_path / "library")
    assert sorted(Path(video.path).name for video in store.videos().values()) == ["a.mp4", "c.webm"]
    (videos / "a.mp4").rename(videos / "it's back.mp4")
    assert indexed().moved == 1
    (hit, *_) = Library(tmp_path / "library", Painted()).search("yellow", mode="sight").hits
    assert Path(hit.path).name == "it's back.mp4"


def test_captions_that_come_later_are_found_without_another_video(videos, indexed, library):
    def said() -> list[str]:
        hits = Library(library.store.folder, Painted()).search("slice the purple turnip", mode="speech").hits
        return [Path(hit.path).name for hit in hits]

    assert not library.search("purple turnip", mode="speech").hits
    (videos / "later").mkdir()
    (videos / "later" / "b.srt").write_text("1\n00:00:01,000 --> 00:00:04,000\nthen slice the purple turnip\n")
    blind = encoder()
    object.__setattr__(blind, "network", None)  # decoding would fail
    done = indexed(encoder=blind)
    assert (done.added, done.reworded, done.set_aside) == (0, 1, {})
    assert said() == ["b.mp4"]
    (videos / "later" / "b.srt").unlink()
    assert indexed(encoder=blind).reworded == 1
    assert said() == []


def test_the_language_that_was_asked_for_is_remembered(videos, indexed, library):
    (videos / "a.de.srt").write_text("1\n00:00:01,000 --> 00:00:04,000\nwillkommen in der Werkstatt\n")
    for asked, wanted in (("ger", "de"), ("", "de"), ("", "de"), ("en", "en"), ("", "en")):
        indexed(language=asked)
        assert {v.language for v in Library(library.store.folder).videos if Path(v.path).name == "a.mp4"} == {wanted}


def test_sound_alone_is_found_by_what_is_said(videos, indexed, library):
    write_audio_only(videos / "podcast.mp4")
    assert "has no video stream, only audio" in next(iter(indexed().set_aside.values()))
    (videos / "podcast.srt").write_text("1\n00:00:00,000 --> 00:00:00,900\nabout the purple turnip\n")
    assert indexed().added == 1
    opened = Library(library.store.folder, Painted())
    (hit,) = opened.search("purple turnip", mode="speech").hits
    video = opened.store.videos()[hit.video]
    assert (Path(hit.path).name, video.width, len(opened.timeline(hit.video, "red"))) == ("podcast.mp4", 0, 0)
    assert video.duration == pytest.approx(1.0, abs=0.1)
    assert opened.picture(hit.video, 0, 1) is None
    assert Path(opened.search("a red thing").hits[0].path).name == "a.mp4"
    with pytest.raises(LibraryError, match="sound alone"):
        opened.search("", like=(hit.video, 0.0, 1.0))
    assert indexed(model=Painted(0.5)).present == 4  # with vectors of another model


def test_another_encoder_looks_anew_and_what_is_said_stays(videos, indexed, tmp_path, monkeypatch):
    indexed()
    before = Store(tmp_path / "library")
    (videos / "b.mp4").unlink()
    more = {"model": Painted(2.0, "other"), "encoder": encoder("another"), "look_again": True}
    with monkeypatch.context() as killed:
        killed.setattr(other_model, "FEW", 1)
        killed.setattr(Writer, "write_features", broken_off_after(1, Writer.write_features))
        with pytest.raises(KeyboardInterrupt):
            indexed(**more, workers=1)
    assert Store(tmp_path / "library").about == before.about  # searches go on as they were
    result = indexed(**more)
    assert list(map(named, result.unseen)) == ["b.mp4"]
    after = Store(tmp_path / "library")
    assert (after.about.encoder.encoder, after.about.encoding) == ("another", before.about.encoding + 1)
    assert after.counts()["passages"] == before.counts()["passages"]
    assert after.videos().keys() == before.videos().keys()
    library = Library(tmp_path / "library", Painted(2.0, "other"))
    assert {named(hit.path) for hit in library.search("red", everything=True, limit=50).hits} == {"a.mp4", "c.webm"}
    assert library.search("sharpening a chisel", mode="speech").hits
    assert indexed(**more | {"look_again": False}).present == 2


def test_vectors_that_were_begun_for_another_model_are_not_taken_over(indexed, tmp_path, monkeypatch):
    indexed()
    with monkeypatch.context() as killed:
        killed.setattr(Writer, "optimize", broken_off_after(0, Writer.optimize))
        with pytest.raises(KeyboardInterrupt):
            indexed(model=Painted(2.0, "second"))
    third = Painted(3.0, "third")
    monkeypatch.setattr(third, "encode_video", lambda clips: torch.full((len(clips), third.size), 3.0), raising=False)
    indexed(model=third)
    assert (Store(tmp_path / "library").sample(100) == 3.0).all()


def broken_off_after(times: int, call):
    """A method that works so many times and is then interrupted."""
    calls = []

    def run(*arguments):
        calls.append(arguments)
        if len(calls) > times:
            raise KeyboardInterrupt
        return call(*arguments)

    return run


def named(path: str) -> str:
    return Path(path).name


def test_what_is_drawn_from_a_library_hangs_on_no_worker(videos, tmp_path, monkeypatch):
    """The shares beside hits are measured on it: videos that workers end in another order must not change them."""

    def in_turn(work, items, workers):
        return ((item, work(item, threading.Event())) for item in items)

    def the_last_first(work, items, workers):
        return in_turn(work, reversed(items), workers)

    drawn = []
    for name, order in (("a", in_turn), ("b", the_last_first)):
        monkeypatch.setattr(files, "in_parallel", order)
        index([videos], tmp_path / name, Painted(), encoder())
        store = Store(tmp_path / name)
        drawn.append((store.sample(7), [said for _, said in store.sentences(1)]))
    assert np.array_equal(np.sort(drawn[0][0], 0), np.sort(drawn[1][0], 0))
    assert drawn[0][1] == drawn[1][1]
