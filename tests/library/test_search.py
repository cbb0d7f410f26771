import multiprocessing
import pickle
import shutil
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from painted import Painted, paint
from PIL import Image

from videoclip.errors import ConfigError, VideoclipError
from videoclip.library.calibration import calibrated
from videoclip.library.ranking import Hit, content_words, distinct, is_about
from videoclip.library.search import Library, Query
from videoclip.library.store.about import LibraryError
from videoclip.tasks.boundaries import boundaries


def names(found) -> list[str]:
    return [Path(hit.path).name for hit in found.hits]


def test_a_moment_is_found_with_its_boundaries(library):
    for text, name, start, end in (
        ("a red thing", "a.mp4", 20, 28),
        ("blue", "b.mp4", 10, 20),
        ("purple", "c.webm", 0, 6),
    ):
        best = library.search(text, mode="sight").hits[0]
        assert Path(best.path).name == name
        assert abs(best.start - start) <= 1
        assert abs(best.end - end) <= 1
        assert best.sight > 0.5


def test_a_library_goes_to_another_process_by_its_folder(library):
    again = pickle.loads(pickle.dumps(library))
    assert [video.path for video in again.videos] == [video.path for video in library.videos]
    assert names(again.search("a red thing")) == names(library.search("a red thing"))


def test_a_library_says_what_it_is(library):
    assert repr(library) == f"Library('{library.store.folder}', model '{Painted().name}')"
    shutil.rmtree(library.store.folder)
    assert "model" in repr(library)
    assert not library.store.folder.exists()


def _search_here(library: Library, answers) -> None:
    try:
        answers.put(library.search("something red").hits[0].path)
    except LibraryError as error:
        answers.put(str(error))


@pytest.mark.filterwarnings("ignore:lance is not fork-safe", "ignore:This process")
def test_a_library_refuses_in_words_where_it_would_hang(library):
    library.search("something red")
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=_search_here, args=(library, answers))
    process.start()
    assert "cannot be read in a process that was forked; start it by" in answers.get(timeout=60)
    process.join()


def test_what_is_not_there_is_said_so(library):
    found = library.search("an elephant plays the trumpet")
    assert not found.hits
    assert "nothing" in found.note
    assert library.search("an elephant plays the trumpet", everything=True).hits


def test_speech_is_found_by_words_in_other_forms_but_not_by_one_chance_word(library):
    (hit,) = library.search("sharpening a chisel", mode="speech").hits
    assert hit.said.endswith("now we sharpen the chisel slowly")
    assert not library.search("slowly boiling a large egg", mode="speech").hits


def test_a_moment_that_is_seen_and_said_stands_first(library):
    found = library.search("sharpen the chisel", mode="all").hits
    assert found[0].speech is not None
    assert "chisel" in found[0].quote
    assert found[0].said.endswith("slowly")


def test_filters(library, videos):
    everything = {"everything": True, "limit": 50}
    assert set(names(library.search("red", folder=str(videos / "below"), **everything))) == {"c.webm"}
    assert set(names(library.search("red", shortest=35, **everything))) == {"a.mp4"}
    assert set(names(library.search("red", longest=15, **everything))) == {"c.webm"}
    assert set(names(library.search("red", language="en", **everything))) == {"a.mp4"}
    assert library.search("red", after=time.time() + 1000).note == "no video fits these filters"
    assert library.search("red", folder="/nowhere").note == "no video lies below /nowhere"
    with pytest.raises(ConfigError, match="language 'klingonish' is none that is known"):
        library.search("red", language="klingonish")
    assert set(names(library.search("red", after=time.time() - 1000, **everything))) == {"a.mp4", "b.mp4", "c.webm"}


def test_moments_can_stand_together_by_video(library):
    loose = library.search("red", everything=True, limit=50)
    grouped = library.search("red", by_video=True, everything=True, limit=50)
    assert {hit.start for hit in grouped.hits} == {hit.start for hit in loose.hits}
    videos = [name for name, _ in groupby(names(grouped))]
    assert videos == list(dict.fromkeys(names(loose)))


def test_more_like_a_moment_a_clip_and_an_image(library, videos, tmp_path):
    best = library.search("blue", mode="sight").hits[0]
    again = library.search("", like=(best.video, best.start, best.end)).hits[0]
    assert (again.path, again.start, again.end) == (best.path, best.start, best.end)
    from painted import COLOURS, encoder

    clip = paint(tmp_path / "clip.mp4", ("yellow", 3))
    Image.new("RGB", (50, 40), COLOURS["yellow"]).save(tmp_path / "still.png")
    for path in (clip, tmp_path / "still.png"):
        vector = library.vector_of(path, encoder())
        hit = library.search(Query(), vector).hits[0]
        assert (Path(hit.path).name, hit.start, hit.end) == ("b.mp4", 20, 30)


def test_the_timeline_and_the_transcript_of_a_video(library):
    video = next(v for v in library.videos if v.path.endswith("a.mp4"))
    line = library.timeline(video.id, "red")
    assert len(line) == 40
    assert (line[21:27] > 0.5).all()
    assert (np.delete(line, range(19, 29)) < 0.5).all()
    assert [c.text for c in library.transcript(video.id)] == [
        "welcome to the workshop",
        "now we sharpen the chisel slowly",
    ]
    with pytest.raises(LibraryError, match="no video 5"):
        library.timeline(5, "red")


def test_pictures_show_something_where_they_can(library):
    video = next(v for v in library.videos if v.path.endswith("a.mp4"))
    import io

    picture = np.asarray(Image.open(io.BytesIO(library.picture(video.id, 20, 28))))
    assert picture.shape[1] == 240
    assert picture[..., 0].mean() > 150 > picture[..., 1].mean()


def test_mistakes_are_answered_with_what_to_do(library, tmp_path):
    for wrong in (
        {"mode": "smell"}, {"limit": 0}, {"text": "x" * 501}, {"shortest": float("nan")}, {"shortest": 9, "longest": 3},
        {"after": 9.0, "before": 3.0}, {"like": (1, float("nan"), 3.0)}, {"like": (1, -3.0, 3.0)}, {"limit": 2.5},
    ):  # fmt: skip
        with pytest.raises(VideoclipError):
            Query(**wrong)
    with pytest.raises(LibraryError, match="nothing to look for"):
        library.search("  ")
    with pytest.raises(LibraryError, match="videoclip index"):
        Library(tmp_path / "nowhere")


def test_an_empty_library_says_so(videos, indexed, tmp_path):
    indexed()
    for path in [*videos.rglob("*.mp4"), *videos.rglob("*.webm")]:
        path.unlink()
    indexed(prune=True)
    assert "empty" in Library(tmp_path / "library", Painted()).search("red").note


def test_of_overlapping_hits_the_best_is_kept():
    def hit(start, end, score, video=1):
        return Hit(video, "", start, end, score, None, None)

    kept = distinct([hit(0, 8, 1.0), hit(4, 12, 2.0), hit(30, 34, 0.5), hit(6, 10, 3.0, video=2)])
    assert [(h.video, h.start) for h in kept] == [(2, 6), (1, 4), (1, 30)]


def test_boundaries_are_where_scores_fall_off():
    scores = np.zeros(60)
    scores[22:31] = 1.0
    assert boundaries(scores, 20, 28) == (22, 31)
    assert boundaries(np.array([1.0]), 0, 1) == (0, 1)


def test_the_words_that_count():
    assert content_words("someone slices the onion") == ["slices", "onion"]
    assert content_words("to be or not") == ["to", "be", "or", "not"]
    assert is_about("we are slicing onions now", ["slices", "onion"])
    assert not is_about("we are boiling eggs", ["slices", "onion"])


def test_the_cut_off_keeps_what_stands_out_and_little_of_what_does_not():
    rng = np.random.default_rng(0)
    bank, moments = rng.normal(size=(150, 64)), rng.normal(size=(500, 64))
    calibration = calibrated(bank, moments)
    absent = rng.normal(size=(200, 64))
    scores = absent @ moments.T
    best = scores.argmax(1)
    passed = calibration.evidence(moments[best], scores[np.arange(200), best]) > 0
    assert passed.mean() < 0.2
    shown = moments[:50] + 0.2 * rng.normal(size=(50, 64))
    found = calibration.evidence(moments[:50], (shown * moments[:50]).sum(1)) > 0
    assert found.mean() > 0.9


@pytest.mark.parametrize("second", [40, 500, -1, float("nan")])
def test_a_moment_after_the_end_is_like_nothing(library, second):
    video = next(v for v in library.videos if v.path.endswith("a.mp4"))
    assert library.vector_like(video.id, 39.5, 60).ndim == 1
    with pytest.raises(LibraryError, match="which ends at 40 s"):
        library.vector_like(video.id, second, second + 5)
    with pytest.raises(LibraryError, match="nothing to look for"):
        library.timeline(video.id, " ")


def test_a_folder_is_named_by_a_link_or_with_dots(videos, library, tmp_path):
    (tmp_path / "link").symlink_to(videos)
    for folder in (videos, tmp_path / "link", videos / "below" / "..", f"{tmp_path}/link/below/.."):
        assert library.search(Query("a red thing", folder=str(folder))).hits, folder
    below = library.search(Query("a red thing", folder=str(tmp_path / "link" / "below"), everything=True))
    assert {Path(hit.path).name for hit in below.hits} == {"c.webm"}


@pytest.mark.parametrize("limit", [1, 3, 4])
def test_as_many_moments_are_listed_as_are_asked_for_where_there_are(library, limit):
    """Windows of one colour become one moment by their boundaries; others take the places of those that it swallows."""
    every = library.search("blue", mode="sight", everything=True, limit=50).hits
    hits = library.search("blue", mode="sight", everything=True, limit=limit).hits
    assert len(every) >= 4
    assert len(hits) == limit
    assert [(h.video, h.start, h.end) for h in hits] == [(h.video, h.start, h.end) for h in every[:limit]]
    assert not any(hit.overlaps(better, 0.5) for i, hit in enumerate(hits) for better in hits[:i])


def test_modes_of_earlier_versions_are_understood():
    assert Query("a saw", mode="both") == Query("a saw", mode="all")
