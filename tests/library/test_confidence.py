import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from videoclip.encoders.encoder import FeatureKind
from videoclip.library.confidence import Confidence, fitted, learnt
from videoclip.library.ranking import Hit
from videoclip.library.search import Library
from videoclip.library.store.about import About
from videoclip.library.store.rows import Entry, Video
from videoclip.library.store.writing import Writer
from videoclip.library.trials import REACH, calibrate, near_share, nearness, sentences_of_their_own
from videoclip.media.captions import Caption
from videoclip.tasks.grounding import windows

SIZE, VIDEOS, SCENES, SECONDS = 24, 40, 6, 20


def error(shares: np.ndarray, right: np.ndarray) -> float:
    """How far shares lie from what is right, on average, in ten bins."""
    bins = np.minimum((10 * shares).astype(int), 9)
    return sum(abs(shares[bins == i].sum() - right[bins == i].sum()) for i in range(10)) / len(shares)


def drawn(rng, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of hits, and which hits are right: a third, by a logistic curve."""
    features = rng.normal(size=(count, 3)) * (1, 3, 0.2) + (0, 5, 1)
    chance = 1 / (1 + np.exp(-(features @ (0.5, 0.8, -1.0) - 4.5)))
    return features, (rng.random(count) < chance).astype(float)


def test_the_curve_says_how_many_are_right():
    rng = np.random.default_rng(0)
    curve = Confidence(np.zeros((0, 3)), *fitted(*drawn(rng, 1500)))
    features, right = drawn(rng, 20_000)
    assert error(curve.share(features), right) < 0.02
    assert curve.share(np.array([[0, 1e9, 0], [0, -1e9, 0]])).tolist() == [1.0, 0.0]


def test_wrong_hits_that_lie_near_by_chance_do_not_count():
    """Half of the wrong hits are of the right video, of which a third lies near the sentence."""
    rng = np.random.default_rng(1)
    features, right = drawn(rng, 6000)
    by_chance = np.where(rng.random(6000) < 1 / 3, 1.0, -0.5) * (rng.random(6000) < 0.5)
    labels = np.where(right == 1, 1.0, by_chance)
    curve = learnt(np.zeros((0, 3)), np.split(features, 600), np.split(labels, 600))
    assert curve
    fresh, truth = drawn(rng, 20_000)
    assert error(curve.share(fresh), truth) < 0.04
    naive = Confidence(np.zeros((0, 3)), *fitted(features, np.maximum(labels, 0)))
    assert error(naive.share(fresh), truth) > 0.08
    assert learnt(np.zeros((0, 3)), np.split(features, 600), np.split(by_chance, 600)) is None
    assert learnt(np.zeros((0, 3)), [features[:10]] * 39, [labels[:10]] * 39) is None


def test_hits_at_random_places_are_near_a_sentence_by_chance_alone():
    rng = np.random.default_rng(2)
    for said, duration in ((Caption(50, 53, ""), 120.0), (Caption(2, 5, ""), 90.0), (Caption(88, 90, ""), 90.0)):
        middles = rng.uniform(0, duration, 20_000)
        hits = [Hit(1, "", middle - 2, middle + 2, 0.0, None, None) for middle in middles]
        labels = nearness(hits, 1, said, duration)
        assert abs(labels.mean()) < 0.03
        assert (labels == 1).mean() == pytest.approx(near_share(said, duration), abs=0.02)
        assert not nearness(hits, 2, said, duration).any()
    assert near_share(Caption(50, 53, ""), 120.0) == pytest.approx((3 + 2 * REACH) / 120)


class Hazy:
    """A model that knows what each text is of, more or less: (D,) of its scene, and noise by its words."""

    size, features, name, fingerprint = SIZE, FeatureKind("made", 4), "hazy", "hazy"

    def __init__(self, scenes: dict[str, np.ndarray]):
        self.scenes = scenes

    def encode_text(self, texts):
        return torch.from_numpy(np.stack([self._vector(text) for text in texts]).astype(np.float32))

    def _vector(self, text: str) -> np.ndarray:
        noise = np.random.default_rng(zlib.crc32(text.encode())).normal(size=SIZE)
        scene = self.scenes.get(text.split()[-1])
        return 0.4 * noise if scene is None else scene + 0.7 * noise


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[Writer, Hazy, list[tuple[str, int, float, float]]]:
    """A library whose captions speak of each scene, give or take ten seconds; and each scene's name, video and time."""
    rng, scenes, places = np.random.default_rng(3), {}, []
    writer = Writer.create(tmp_path_factory.mktemp("told") / "library", About(Hazy.features, "hazy", "hazy", SIZE))
    entries = []
    for number in range(1, VIDEOS + 1):
        shown = 1.6 * rng.normal(size=(SCENES, SIZE)) / SIZE**0.5 * 2
        tokens = np.repeat(shown, SECONDS, axis=0) + 0.3 * rng.normal(size=(SCENES * SECONDS, SIZE))
        spans = windows(len(tokens))
        moments = np.stack([tokens[start:end].mean(0) for start, end in spans])
        captions = [Caption(1, 3, "hello dear friends everybody")]
        for scene in range(SCENES):
            name, start = f"scene{number}x{scene}", scene * SECONDS
            scenes[name] = shown[scene]
            places.append((name, number, start, start + SECONDS))
            when = max(start + SECONDS / 2 + rng.uniform(-10, 10), 0)
            captions.append(Caption(when, when + 2, f"now by{name} with{name} {name}"))
        video = Video(number, f"/v/{number}.mp4", 1, 1, str(number), float(len(tokens)), 0.0, 64, 48, "en", "x.srt:1:1")
        features = np.zeros((len(tokens), 4), np.float16)
        entries.append(Entry(video, features, np.array(spans, np.float32), moments, tokens, captions, []))
    writer.add(entries)
    writer.optimize()
    return writer, Hazy(scenes), places


def test_a_library_learns_from_its_captions_how_often_hits_are_right(told):
    writer, model, places = told
    calibrate(writer, model)
    assert not any("hello" in said.text for _, said in sentences_of_their_own(writer.store))
    library = Library(writer.store.folder, model)
    shares, fits, right = [], [], []
    for name, video, start, end in places:
        for hit in library.search(f"another sentence about {name}", mode="sight", everything=True).hits:
            shares.append(hit.sure)
            fits.append(hit.sight)
            right.append(hit.video == video and start <= (hit.start + hit.end) / 2 <= end)
    assert 0.02 < np.mean(right) < 0.3
    assert max(shares) > 0.5
    assert error(np.array(shares), np.array(right, float)) < 0.07
    assert error(np.array(fits), np.array(right, float)) > 0.3
    like = library.search("", vector=model.scenes["scene1x1"]).hits
    assert like[0].sure is None, "what was learnt of texts holds for texts"


def test_without_captions_there_is_no_share(told):
    writer, model, places = told
    for video in writer.store.videos().values():
        writer.replace_speech(video, [])
    calibrate(writer, model)
    hits = Library(writer.store.folder, model).search(f"look at {places[0][0]}", mode="sight", everything=True).hits
    assert hits
    assert all(hit.sure is None and hit.sight is not None for hit in hits)


def test_what_an_earlier_version_measured_is_read(told):
    writer, model, _ = told
    calibrate(writer, model)
    made = writer.store.calibration()
    assert made
    np.savez(writer.store.calibration_file, bank=made.bank, threshold=made.threshold)
    read = writer.store.calibration()
    assert read
    assert (read.threshold, read.confidence) == (made.threshold, None)
    writer.calibrate(replace(read, confidence=Confidence(np.ones((2, SIZE)), np.zeros(2), np.ones(2), np.arange(3.0))))
    again = writer.store.calibration()
    assert again
    assert again.confidence
    assert again.confidence.weights.tolist() == [0.0, 1.0, 2.0]
