"""Features and captions of HowTo100M as others publish them, each named separately, into one corpus."""

import json
import pickle

import numpy as np
import pytest
import torch
from malicious import archive, dangerous

from videoclip.corpus.importers import ImportConfig, import_features
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import VideoclipError
from videoclip.media.captions import Caption

CLIP = ImportConfig("clip-l14-tan")


def vectors(seconds: int, seed: int, size: int = 768) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((seconds, size))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A vector a second of CLIP-L/14, a file of torch.save per video: bare, and in a dict beside something else."""
    folder = tmp_path_factory.mktemp("zoo")
    torch.save(torch.from_numpy(vectors(20, 1)), folder / "a.pth.tar")
    torch.save({"features": torch.from_numpy(vectors(30, 2)).float(), "fps": 1}, folder / "b.pth.tar")
    torch.save(torch.from_numpy(vectors(9, 3)), folder / "silent.pth.tar", _use_new_zipfile_serialization=False)
    return folder


def test_videos_that_are_missing_on_either_side_are_counted_and_said(zoo, tmp_path):
    (tmp_path / "htm_aa.csv").write_text("vid,start,text\nb,9,stir\nnowhere,3,x\na,4,cut\nb,2,pour\nalso,1,x\n")
    summary = import_features(zoo, tmp_path / "c.lance", tmp_path / "htm_aa.csv", None, CLIP)
    corpus = Corpus(tmp_path / "c.lance")
    assert corpus.kind == FeatureKind("clip-l14-tan", 768, True)
    assert sorted(corpus.ids) == ["a", "b"]
    assert np.array_equal(corpus["a"].features, vectors(20, 1))
    assert np.array_equal(corpus["b"].features, vectors(30, 2))
    assert corpus["b"].captions == [Caption(2, 7, "pour"), Caption(9, 14, "stir")]
    assert "2 left out: in the captions, but without features" in str(summary)
    assert "1 left out: without captions (--allow-silent takes them)" in str(summary)


def test_a_transcript_a_file_goes_with_the_features_of_its_name(zoo, tmp_path):
    (tmp_path / "whisperx").mkdir()
    for video in ("a", "b", "elsewhere"):
        segments = [{"start": 1.5, "end": 4, "text": f" in {video}", "words": [{"word": "in", "start": 1.5, "end": 2}]}]
        (tmp_path / "whisperx" / f"{video}.json").write_text(json.dumps({"segments": segments, "word_segments": []}))
    summary = import_features(zoo, tmp_path / "c.lance", tmp_path / "whisperx", None, CLIP)
    assert Corpus(tmp_path / "c.lance")["a"].captions == [Caption(1.5, 4, "in a")]
    assert summary.added == 2
    assert summary.left_out["caption files without features"] == 1


def test_shards_go_with_steps_and_a_damaged_entry_costs_its_video_alone(tmp_path):
    """S3D's features of many videos in one array, as the published code packs them."""
    parts = {video: vectors(seconds, seconds, 512) for video, seconds in (("a", 4), ("b", 6), ("c", 5))}
    (tmp_path / "s3d").mkdir()
    np.save(tmp_path / "s3d" / "train_0_data.npy", np.concatenate([*parts.values()]))
    np.save(tmp_path / "s3d" / "train_0_starts.npy", np.cumsum([0, *map(len, parts.values())]))
    (tmp_path / "s3d" / "train_meta.pkl").write_bytes(pickle.dumps({0: [*parts]}))
    steps = {"a": [[0, 2.5, "whisk"]], "b": [[3, 1]], "c": [[1, 2, "bake"], [3, 4, "bake"]]}
    (tmp_path / "steps.json").write_text(json.dumps(steps))
    summary = import_features(tmp_path / "s3d", tmp_path / "c.lance", tmp_path / "steps.json")
    corpus = Corpus(tmp_path / "c.lance")
    assert corpus["c"].captions == [Caption(1, 2, "bake"), Caption(3, 4, "bake")]
    assert np.array_equal(corpus["c"].features, parts["c"])
    assert list(summary.set_aside) == ["b"]
    assert "video 'b': is not captions" in summary.set_aside["b"]


def test_files_of_tensors_that_are_no_features_are_set_aside_and_none_is_run(zoo, tmp_path):
    (tmp_path / "f").mkdir()
    for path in zoo.iterdir():
        (tmp_path / "f" / path.name).write_bytes(path.read_bytes())
    torch.save([torch.ones(3, 768)], tmp_path / "f" / "list.pth.tar")
    torch.save({"x": torch.ones(3, 768), "y": torch.ones(3, 768)}, tmp_path / "f" / "two.pth.tar")
    torch.save({"x": np.ones((3, 768))}, tmp_path / "f" / "numpy.pth.tar", pickle_protocol=4)
    (tmp_path / "f" / "half.pth.tar").write_bytes((zoo / "a.pth.tar").read_bytes()[:5000])
    mark = tmp_path / "mark"
    for i, content in enumerate(dangerous(mark).values()):
        (tmp_path / "f" / f"evil{i}.pth.tar").write_bytes(archive(content))
    config = ImportConfig("clip-l14-tan", silent=True)
    summary = import_features(tmp_path / "f", tmp_path / "c.lance", None, None, config)
    assert sorted(Corpus(tmp_path / "c.lance").ids) == ["a", "b", "silent"]
    assert len(summary.set_aside) == 4 + i + 1
    assert "expected one; save the features as .npy" in summary.set_aside["two"]
    assert not mark.exists()


def test_a_folder_without_features_says_what_it_may_hold(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(VideoclipError, match=r"no files of features in it \(\.npy, \.pth\.tar"):
        import_features(tmp_path, tmp_path / "c.lance", None, None, CLIP)


def test_features_that_are_not_one_a_second_are_told_by_captions_after_their_end(zoo, tmp_path):
    """The files of 20 and 30 vectors stand for videos of minutes."""
    for name, late in (("all.csv", 300), ("none.csv", 12)):
        (tmp_path / name).write_text(f"vid,start,text\na,4,cut\na,{late},stir\nb,{late},pour\n")
        summary = import_features(zoo, tmp_path / f"{name}.lance", tmp_path / name, None, CLIP)
        assert ("captions of 2 of them go on after the features end" in str(summary)) == (name == "all.csv")
