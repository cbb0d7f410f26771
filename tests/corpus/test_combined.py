"""Features of several encoders side by side, in a new corpus or added to one that is there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made import write

from videoclip.corpus import extract as module
from videoclip.corpus.extract import ExtractOptions, extract
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import CombinedEncoder, Encoder, FeatureKind, Features
from videoclip.encoders.load import load_encoder
from videoclip.errors import CorpusError, MediaError, VideoclipError
from videoclip.media.files import find_videos
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP

SRT = "1\n00:00:00,100 --> 00:00:01,000\nhello there\n"


def mean(pixels: torch.Tensor) -> torch.Tensor:
    colour = pixels.float().mean((1, 2, 3)) / 255
    return torch.cat([colour, torch.ones(len(colour), 1)], 1)


def corner(pixels: torch.Tensor) -> torch.Tensor:
    return torch.cat([pixels[:, 0, 0, 0].float() + 1, torch.full((len(pixels), 2), 50.0)], 1)


A = Encoder("a", 4, 10, 16, mean)
B = Encoder("image:b", 5, 2, 32, corner)
BOTH = CombinedEncoder((A, B))


def refuses(_):
    raise AssertionError("decoded for, though its features were there")


NO_MORE_A = CombinedEncoder((replace(A, network=refuses), B))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "videos").mkdir()
    for i, frames in enumerate([15, 30, 41]):
        write(tmp_path / "videos" / f"v{i}.mp4", [60 * i + 20] * frames, fps=10)
        (tmp_path / "videos" / f"v{i}.srt").write_text(SRT)
    return tmp_path


def sources(folder):
    return find_videos(folder / "videos")


def check(corpus: Corpus) -> None:
    assert corpus.kind == FeatureKind("a+image:b", 9, True, (4, 5))
    assert list(corpus.kind.parts) == ["a", "image:b"]
    for video in corpus.read(range(len(corpus))):
        first, second = A.encode_file(video.path), B.encode_file(video.path)
        assert np.array_equal(video.features[:, :4], first)
        assert np.array_equal(video.features[: len(second), 4:], second[: video.seconds])
        for place in corpus.kind.parts.values():  # each part is of unit length by itself
            assert np.allclose(np.linalg.norm(video.features[:, place].astype(float), axis=1), 1, atol=2e-3)


def test_features_of_several_encoders_stand_side_by_side(folder):
    extract(sources(folder), BOTH, folder / "c.lance")
    corpus = Corpus(folder / "c.lance")
    assert len(corpus) == 3
    check(corpus)


def test_another_encoder_is_added_to_a_corpus_without_decoding_for_the_first_again(folder):
    extract(sources(folder), A, folder / "c.lance")
    captions = {v.id: v.captions for v in Corpus(folder / "c.lance").read(range(3))}
    summary = extract(sources(folder), NO_MORE_A, folder / "c.lance")
    assert (summary.added, summary.set_aside) == (3, {})
    corpus = Corpus(folder / "c.lance")
    check(corpus)
    assert {v.id: v.captions for v in corpus.read(range(3))} == captions
    assert sorted(p.name for p in folder.iterdir()) == ["c.lance", "videos"]
    assert extract(sources(folder), NO_MORE_A, folder / "c.lance").present == 3


def test_videos_that_are_new_come_with_all_encoders(folder):
    extract(sources(folder)[:2], A, folder / "c.lance")
    summary = extract(sources(folder), BOTH, folder / "c.lance")
    assert summary.added == 3
    check(Corpus(folder / "c.lance"))


def test_a_corpus_is_taken_over_into_a_new_one(folder):
    extract(sources(folder), A, folder / "a.lance")
    for path in (folder / "videos").glob("*.srt"):
        path.unlink()  # its captions are taken over too
    extract(sources(folder), NO_MORE_A, folder / "c.lance", reuse=Corpus(folder / "a.lance"))
    check(Corpus(folder / "c.lance"))
    assert Corpus(folder / "a.lance").kind.encoder == "a"
    assert Corpus(folder / "c.lance")["v1"].captions[0].text == "hello there"


def test_adding_goes_on_where_it_was_interrupted(folder, monkeypatch):
    extract(sources(folder), A, folder / "c.lance")
    monkeypatch.setattr(module, "APPEND_SECONDS", 1)
    seen = []

    def interrupted(pixels):
        seen.append(len(pixels))
        if len(seen) > 1:
            raise KeyboardInterrupt
        return corner(pixels)

    stopping = CombinedEncoder((A, replace(B, network=interrupted)))
    with pytest.raises(KeyboardInterrupt):
        extract(sources(folder), stopping, folder / "c.lance", ExtractOptions(workers=1))
    assert Corpus(folder / "c.lance").kind.encoder == "a"  # as it was
    assert len(Corpus(folder / "c.lance.wider")) == 1
    extract(sources(folder), NO_MORE_A, folder / "c.lance")
    check(Corpus(folder / "c.lance"))


@pytest.mark.parametrize("moved", [False, True], ids=["before the new one is in place", "before the old one is gone"])
def test_a_corpus_survives_being_killed_while_the_wider_one_takes_its_place(folder, moved):
    extract(sources(folder), A, folder / "c.lance")
    extract(sources(folder), BOTH, folder / "c.lance.wider")
    (folder / "c.lance").rename(folder / "c.lance.narrower")
    if moved:
        (folder / "c.lance.wider").rename(folder / "c.lance")
    assert extract(sources(folder), NO_MORE_A, folder / "c.lance").present == 3
    check(Corpus(folder / "c.lance"))
    assert sorted(p.name for p in folder.iterdir()) == ["c.lance", "videos"]


def test_a_video_that_can_no_longer_be_read_leaves_the_corpus_as_it_was(folder):
    extract(sources(folder), A, folder / "c.lance")
    (folder / "videos" / "v1.mp4").write_bytes(b"broken")
    summary = extract(sources(folder), BOTH, folder / "c.lance")
    assert "is as it was, since 1 of its videos could not be encoded by a+image:b" in summary.warnings[-1]
    assert Corpus(folder / "c.lance").kind.encoder == "a"
    assert len(Corpus(folder / "c.lance")) == 3


def test_videos_of_the_corpus_that_are_not_named_are_not_lost(folder):
    extract(sources(folder), A, folder / "c.lance")
    with pytest.raises(CorpusError, match=r"holds 1 videos that are not among those named here.*--reuse"):
        extract(sources(folder)[1:], BOTH, folder / "c.lance")


def test_another_file_of_the_same_name_is_found_out(folder):
    known = {"a": A.encode_file(folder / "videos" / "v0.mp4")}
    with pytest.raises(MediaError, match=r"has 2 seconds for a and \d for image:b; is it the file"):
        BOTH.encode_file(folder / "videos" / "v2.mp4", known=known)


def test_a_model_takes_features_of_any_size_and_refuses_those_of_others(folder):
    model = VideoCLIP(
        ModelConfig(9, 32, 2, 64, 1, 1, positions=40, max_seconds=8, max_text_tokens=9, encoder="a+image:b")
    )
    features = BOTH.encode_file(folder / "videos" / "v2.mp4")
    assert model.encode_video([features]).shape == (1, 32)
    assert model.video_tokens(features[1:3]).shape == (2, 32)
    plain = np.asarray(features)
    assert torch.equal(model.encode_video([plain]), model.encode_video([features]))
    renamed = CombinedEncoder((replace(A, name="c"), B)).encode_file(folder / "videos" / "v2.mp4")
    raw = CombinedEncoder((replace(A, normalized=False), B)).encode_file(folder / "videos" / "v2.mp4")
    for wrong, message in [(renamed, r"video 0: features of encoder 'c\+image:b'"), (raw, "not normalised")]:
        with pytest.raises(VideoclipError, match=message):
            model.encode_video([wrong])
        with pytest.raises(VideoclipError, match=message):
            model.video_tokens(wrong[1:])


def test_slices_remember_their_kind_and_results_do_not():
    kind = FeatureKind("a", 4)
    features = np.ones((5, 4), np.float16).view(Features)
    features.kind = kind
    assert features[1:3].kind == features.astype(np.float32).kind == kind
    assert not hasattr(features / 2, "kind")
    assert features.sum() == 20


def test_combinations_are_named_with_a_plus_and_mistakes_explained():
    both = load_encoder("demo")
    with pytest.raises(VideoclipError, match="several different encoders"):
        load_encoder("demo+demo")
    with pytest.raises(VideoclipError, match="no encoder 'resnet'"):
        load_encoder("demo+resnet")
    assert CombinedEncoder((both, B)).name == f"{both.name}+image:b"  # type: ignore[arg-type]
