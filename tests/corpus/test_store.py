import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import CorpusError
from videoclip.media.captions import Caption

KIND = FeatureKind("made", 8)


def video(name: str, seconds: int = 5, captions: int = 2) -> NarratedVideo:
    rng = np.random.default_rng(seconds)
    said = [Caption(i, i + 0.5, f"word {i}") for i in range(captions)]
    return NarratedVideo(name, rng.standard_normal((seconds, 8)).astype(np.float16), said, f"{name}.mp4", seconds - 0.5)


def same(a: NarratedVideo, b: NarratedVideo) -> bool:
    return (a.id, a.path, a.duration, list(a.captions)) == (
        b.id,
        b.path,
        b.duration,
        list(b.captions),
    ) and np.array_equal(a.features, b.features)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 5)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_what_is_read_is_what_was_written_in_any_order(tmp_path_factory, sizes, rng):
    videos = [video(f"v{i}", seconds, captions) for i, (seconds, captions) in enumerate(sizes)]
    corpus = Corpus.create(tmp_path_factory.mktemp("c") / "c.lance", KIND)
    half = len(videos) // 2
    for part in (videos[:half], videos[half:]):
        if part:
            corpus.append(part)
    rows = rng.choices(range(len(videos)), k=5)
    rows = list(dict.fromkeys(rows))
    for row, read in zip(rows, Corpus(corpus.path).read(rows), strict=True):
        assert same(read, videos[row])
    assert same(corpus[videos[0].id], videos[0])


def test_features_of_another_encoder_are_refused(tmp_path):
    Corpus.create(tmp_path / "c.lance", KIND)
    for other in (FeatureKind("s3d", 8), FeatureKind("made", 16), FeatureKind("made", 8, normalized=False)):
        with pytest.raises(CorpusError, match="holds features of encoder 'made'"):
            Corpus.create(tmp_path / "c.lance", other)


def test_an_append_is_all_or_nothing(tmp_path):
    corpus = Corpus.create(tmp_path / "c.lance", KIND)
    corpus.append([video("a")])
    for bad in ([video("b"), video("a")], [video("b"), video("b")]):
        with pytest.raises(CorpusError):
            corpus.append(bad)
    broken = NarratedVideo("b", np.full((3, 8), np.nan, np.float16), [])
    with pytest.raises(CorpusError, match="not numbers"):
        corpus.append([broken])
    with pytest.raises(CorpusError, match=r"shape \(3, 4\)"):
        corpus.append([NarratedVideo("b", np.ones((3, 4), np.float16), [])])
    assert Corpus(corpus.path).ids == ["a"]


def test_what_is_no_corpus_is_one_error(tmp_path):
    with pytest.raises(CorpusError, match="no such corpus"):
        Corpus(tmp_path / "none.lance")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CorpusError, match="is not a corpus"):
        Corpus(tmp_path / "folder")


def test_a_corpus_travels_to_another_process(tmp_path):
    corpus = Corpus.create(tmp_path / "c.lance", KIND)
    corpus.append([video("a")])
    assert same(pickle.loads(pickle.dumps(corpus))["a"], video("a"))


def test_videos_are_picked_by_pattern_and_by_speech(tmp_path):
    corpus = Corpus.create(tmp_path / "c.lance", KIND)
    corpus.append([video("train/a"), video("val/b"), video("train/c", captions=0)])
    assert corpus.matching("train/*") == [0, 2]
    assert corpus.rows_with_captions() == {0, 1}
