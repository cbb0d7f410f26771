import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from malicious import dangerous

from videoclip.corpus.export import export
from videoclip.corpus.features import FeatureFiles, open_features, read_npy
from videoclip.corpus.importers import ImportConfig, import_features, read_ids
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import CorpusError, MediaError, UnsafeFileError, VideoclipError
from videoclip.media.captions import Caption, read_captions

SILENT = ImportConfig(silent=True)


def unit(seconds: int, seed: int = 0, size: int = 512, dtype=np.float16) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((seconds, size))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(dtype)


def entry(*texts) -> dict:
    return {
        "start": [3.0 * i for i in range(len(texts))],
        "end": [3.0 * i + 4 for i in range(len(texts))],
        "text": [*texts],
    }


@pytest.fixture
def folder(tmp_path):
    """Features as people have them: flat and in subfolders, both precisions, with HowTo100M's captions."""
    for i, (place, dtype) in enumerate([("", np.float16), ("ab", np.float16), ("ab/c", np.float32), ("x", np.float32)]):
        (tmp_path / "npy" / place).mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "npy" / place / f"v{i}.npy", unit(5 + i, i, dtype=dtype))
    captions = {
        "v0": entry("first you take", "you take the onion"),
        "elsewhere": entry("a video that is not here"),
        "v2": entry("stir", 17, None, "it"),
        "v3": entry(),
    }
    (tmp_path / "raw_caption.json").write_text(json.dumps(captions))
    return tmp_path


def test_features_and_captions_come_together(folder):
    summary = import_features(folder / "npy", folder / "c.lance", folder / "raw_caption.json", None, SILENT)
    corpus = Corpus(folder / "c.lance")
    assert corpus.kind == FeatureKind("s3d", 512, True)
    assert sorted(corpus.ids) == ["v0", "v1", "v2", "v3"]
    assert [c.text for c in corpus["v0"].captions] == ["first you take", "the onion"]
    assert [c.text for c in corpus["v2"].captions] == ["stir", "it"]
    assert np.array_equal(corpus["v0"].features, unit(5, 0))
    assert np.array_equal(corpus["v2"].features, unit(7, 2, dtype=np.float32).astype(np.float16))
    assert (summary.added, summary.seconds, summary.captions) == (4, 5 + 6 + 7 + 8, 4)
    assert "4 videos added (0.01 h, 4 captions)" in str(summary)


def test_captions_can_be_left_as_they_are(folder):
    config = ImportConfig(keep_repeats=True)
    import_features(folder / "npy", folder / "c.lance", folder / "raw_caption.json", None, config)
    assert [c.text for c in Corpus(folder / "c.lance")["v0"].captions] == ["first you take", "you take the onion"]


def test_what_is_left_out_is_counted_with_the_reason(folder):
    summary = import_features(folder / "npy", folder / "c.lance", folder / "raw_caption.json")
    assert summary.added == 2
    assert summary.left_out["without captions (--allow-silent takes them)"] == 2
    with pytest.raises(CorpusError, match="name them with --captions, or pass --allow-silent"):
        import_features(folder / "npy", folder / "c.lance")


@pytest.mark.parametrize("form", ["lines", "csv"])
def test_a_list_of_ids_limits_what_is_taken(folder, form):
    text = (
        "v2\n\nnowhere\n"
        if form == "lines"
        else 'end,start,task,text,video_id\n60,47,2,"a, b",v2\n9,1,2,c,v2\n1,2,3,d,nowhere\n'
    )
    (folder / "ids.txt").write_text(text)
    assert read_ids(folder / "ids.txt") == {"v2", "nowhere"}
    summary = import_features(folder / "npy", folder / "c.lance", None, folder / "ids.txt", SILENT)
    assert len(Corpus(folder / "c.lance")) == summary.added == 1
    assert summary.left_out["not in the list of ids"] == 3
    assert summary.left_out["in the list of ids, but without features"] == 1


def test_a_second_run_adds_what_is_new_only(folder):
    run = folder / "npy", folder / "c.lance", None, None, SILENT
    import_features(*run)
    np.save(folder / "npy" / "new.npy", unit(3))
    summary = import_features(*run)
    assert (summary.added, summary.present) == (1, 4)


BAD = {
    "not an npy file": b"hello",
    "empty": b"",
    "cut short": None,
    "a pickle inside": pickle.dumps({"a": 1}),
}


def test_bad_files_are_set_aside_and_named_and_the_rest_comes(folder):
    np.save(folder / "whole.npy", unit(9))
    for name, content in BAD.items():
        (folder / "npy" / f"{name}.npy").write_bytes(
            (folder / "whole.npy").read_bytes()[:-7] if content is None else content
        )
    with open(folder / "npy" / "objects.npy", "wb") as file:
        np.save(file, np.array([{"a": 1}], object), allow_pickle=True)
    np.save(folder / "npy" / "integers.npy", np.ones((3, 512), int))
    np.save(folder / "npy" / "flat.npy", np.ones(512, np.float32))
    np.save(folder / "npy" / "narrow.npy", unit(4, size=8))
    np.save(folder / "npy" / "no seconds.npy", unit(0))
    np.save(folder / "npy" / "nan.npy", np.where(np.arange(4)[:, None] == 3, np.nan, unit(4)))
    np.save(folder / "npy" / "huge.npy", np.where(np.arange(4)[:, None] == 3, 1e6, unit(4, dtype=np.float32)))
    np.save(folder / "npy" / "raw.npy", 9 * unit(4))
    summary = import_features(folder / "npy", folder / "c.lance", None, None, SILENT)
    assert summary.added == 4
    assert set(summary.set_aside) == {
        *BAD, "objects", "integers", "flat", "narrow", "no seconds", "nan", "huge", "raw",
    }  # fmt: skip
    assert "not like the others, which are of unit length; --normalize" in summary.set_aside["raw"]
    assert "expected (seconds, 512)" in summary.set_aside["narrow"]
    assert "not numbers" in summary.set_aside["nan"]
    assert json.loads((folder / "c.lance.set-aside.json").read_text()).keys() == summary.set_aside.keys()


def test_features_are_scaled_where_that_is_asked_for_and_else_known_as_they_are(tmp_path):
    (tmp_path / "npy").mkdir()
    np.save(tmp_path / "npy" / "a.npy", 7 * unit(4, dtype=np.float32))
    np.save(tmp_path / "npy" / "b.npy", 5 * unit(4, 1, dtype=np.float32))
    assert not import_features(tmp_path / "npy", tmp_path / "raw.lance", None, None, SILENT).kind.normalized
    config = ImportConfig(normalize=True, silent=True)
    assert import_features(tmp_path / "npy", tmp_path / "unit.lance", None, None, config).kind.normalized
    assert np.abs(Corpus(tmp_path / "unit.lance")["a"].features - unit(4, dtype=np.float32)).max() < 1e-3
    with pytest.raises(CorpusError, match=r"holds features of .*unit length.*, not of .*not normalised"):
        import_features(tmp_path / "npy", tmp_path / "unit.lance", None, None, SILENT)


def test_features_of_another_size_need_the_name_of_their_encoder(tmp_path):
    (tmp_path / "npy").mkdir()
    np.save(tmp_path / "npy" / "a.npy", unit(4, size=768))
    with pytest.raises(CorpusError, match="name the encoder that made them with --encoder"):
        import_features(tmp_path / "npy", tmp_path / "c.lance", None, None, SILENT)
    config = ImportConfig(encoder="image:clip", silent=True)
    assert import_features(tmp_path / "npy", tmp_path / "c.lance", None, None, config).kind.encoder == "image:clip"


METAS = {
    "ids by shard": {0: ["a", "b"], 1: ["c"]},
    "ids by shard as text": {"0": ["a", "b"], "1": ["c"]},
    "lists": [["a", "b"], ["c"]],
    "one row a video": [("a", 0, 0), ("b", 0, 1), ("c", 1, 0)],
    "a place by video": {"a": (0, 0), "b": (0, 1), "c": (1, 0)},
}


def shards(folder, meta):
    folder.mkdir()
    for i, videos in enumerate([[unit(5, 0), unit(7, 1)], [unit(3, 2)]]):
        np.save(folder / f"train_{i}_data.npy", np.concatenate(videos))
        np.save(folder / f"train_{i}_starts.npy", np.cumsum([0, *map(len, videos)]))
    (folder / "train_meta.pkl").write_bytes(meta if isinstance(meta, bytes) else pickle.dumps(meta))
    return folder


@pytest.mark.parametrize("meta", METAS)
def test_the_published_codes_shards_are_read(tmp_path, meta):
    import_features(shards(tmp_path / "s", METAS[meta]), tmp_path / "c.lance", None, None, SILENT)
    corpus = Corpus(tmp_path / "c.lance")
    assert sorted(corpus.ids) == ["a", "b", "c"]
    assert np.array_equal(corpus["b"].features, unit(7, 1))
    assert np.array_equal(corpus["c"].features, unit(3, 2))


@pytest.mark.parametrize("name", dangerous(__file__))  # type: ignore[arg-type]
def test_malicious_shards_do_nothing(tmp_path, name):
    with pytest.raises(UnsafeFileError, match=r"train_meta\.pkl: asks for"):
        open_features(shards(tmp_path / "s", dangerous(tmp_path / "ran")[name]))
    assert not (tmp_path / "ran").exists()


def test_shards_that_do_not_fit_are_named(tmp_path):
    for meta, message in [
        ({7: ["a"]}, "speaks of a shard 7"),
        ({"../../etc/passwd": ["a"]}, "speaks of a shard"),
        ({0: ["a"], 1: ["a"]}, "video 'a' is in two shards"),
        ({0: [1, 2]}, "not a list of video ids"),
        (3, "holds no ids of videos by shard"),
    ]:
        with pytest.raises(CorpusError, match=message):
            open_features(shards(tmp_path / str(hash(message)), meta))
    folder = shards(tmp_path / "s", METAS["ids by shard"])
    np.save(folder / "train_1_starts.npy", np.array([0, 99]))
    summary = import_features(folder, tmp_path / "c.lance", None, None, SILENT)
    assert summary.added == 2
    assert "does not fit train_1_starts.npy" in summary.set_aside["c"]
    (folder / "train_meta.pkl").unlink()
    with pytest.raises(CorpusError, match="no pickle"):
        open_features(folder)


def test_files_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    for place in ("train", "val"):
        (tmp_path / place).mkdir()
        np.save(tmp_path / place / "v.npy", unit(3))
        np.save(tmp_path / place / f"only_{place}.npy", unit(3))
    found = FeatureFiles(tmp_path)
    assert list(found) == ["train/only_train", "train/v", "val/only_val", "val/v"]
    assert found.find("v") is None
    assert found.find("val/v") == "val/v"
    assert found.find("only_val") == "val/only_val"
    assert found.find("../v") is None
    assert len(found) == 4


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=3), st.sampled_from(["<f2", "<f4", "<f8", ">f4"]), st.booleans()
)
def test_npy_files_are_read_as_numpy_reads_them(tmp_path_factory, shape, dtype, fortran):
    path = tmp_path_factory.mktemp("npy") / "a.npy"
    made = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    np.save(path, np.asfortranarray(made) if fortran else made)
    got = read_npy(str(path))
    assert np.array_equal(got, made)
    assert got.dtype == made.dtype


def test_captions_that_end_in_the_middle_are_an_error_that_says_where_and_nothing_is_lost(folder):
    whole = (folder / "raw_caption.json").read_text()
    (folder / "cut.json").write_text(whole[: whole.index('"v3"') - 20])
    with pytest.raises(MediaError, match=r"cut\.json: is not JSON of captions by video after video 'elsewhere'"):
        import_features(folder / "npy", folder / "c.lance", folder / "cut.json")
    assert Corpus(folder / "c.lance").ids == ["v0"]
    assert import_features(folder / "npy", folder / "c.lance", folder / "raw_caption.json").present == 1


def test_captions_come_from_files_of_the_same_name_too(folder):
    (folder / "srt" / "deep").mkdir(parents=True)
    (folder / "srt" / "v0.srt").write_text("1\n00:00:00,100 --> 00:00:01,000\nhello there\n")
    (folder / "srt" / "deep" / "v2.vtt").write_text("WEBVTT\n\n00:00.100 --> 00:01.000\nstir it\n")
    (folder / "srt" / "v3.json").write_text("[]")
    summary = import_features(folder / "npy", folder / "c.lance", folder / "srt")
    corpus = Corpus(folder / "c.lance")
    assert {v: corpus[v].captions[0].text for v in corpus.ids} == {"v0": "hello there", "v2": "stir it"}
    assert "expected {'start'" in summary.set_aside["v3"]


@pytest.mark.parametrize("form", ["npy", "safetensors"])
def test_what_is_exported_can_be_imported_again(tmp_path, form):
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("s3d-narrow@1", 8))
    videos = [NarratedVideo(f"train/{i}", unit(3 + i, i, 8), [Caption(0, 2, f"it is {i}")] * (i % 2)) for i in range(5)]
    corpus.append(videos)
    assert export(corpus, tmp_path / "out", form) == 5
    assert export(corpus, tmp_path / "out", form) == 5  # again is no mistake
    import_features(tmp_path / "out", tmp_path / "again.lance", tmp_path / "out" / "captions.json", None, SILENT)
    again = Corpus(tmp_path / "again.lance")
    assert again.kind == corpus.kind
    assert sorted(again.ids) == sorted(corpus.ids)
    for video in videos:
        assert np.array_equal(again[video.id].features, video.features)
        assert again[video.id].captions == video.captions


@pytest.mark.parametrize("evil", ["../out", "/tmp/x", "a/../../b", "", "a\\b"])
def test_an_id_never_leads_out_of_the_folder(tmp_path, evil):
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 8))
    corpus.append([NarratedVideo(evil, unit(3, 0, 8), [])])
    with pytest.raises(CorpusError, match="cannot be the path of a file"):
        export(corpus, tmp_path / "deep" / "folder", "npy")
    assert not list(tmp_path.rglob("*.npy"))


def test_an_export_asks_for_a_format_and_videos_that_there_are(tmp_path):
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 8))
    with pytest.raises(VideoclipError, match="choose from npy, safetensors"):
        export(corpus, tmp_path / "out", "csv")
    with pytest.raises(CorpusError, match="no video matches"):
        export(corpus, tmp_path / "out", "npy")


def test_videos_added_one_by_one_are_kept_when_something_stops_the_rest(tmp_path):
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 64))
    videos = [NarratedVideo(f"v{i}", unit(9, i, 64), [Caption(0, 1, f"word {i}")]) for i in range(100)]

    def add_until(stop: int) -> None:
        with corpus.appending(commit_bytes=5000) as writer:
            for video in videos[:stop]:
                if video.id not in writer:
                    writer.add(video)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_until(60)
    assert len(Corpus(tmp_path / "c.lance")) == 60
    with pytest.raises(KeyboardInterrupt):
        add_until(100)
    again = Corpus(tmp_path / "c.lance")
    assert sorted(again.ids) == sorted(v.id for v in videos)
    for video in videos:
        assert np.array_equal(again[video.id].features, video.features)
        assert again[video.id].captions == video.captions
    with corpus.appending() as writer:
        for video in (videos[0], NarratedVideo("new", unit(3, 0, 64), [])):
            if video.id == "new":
                writer.add(video)
            with pytest.raises(CorpusError, match="is there already"):
                writer.add(video)


def test_a_disk_that_cannot_be_written_is_one_error_and_no_hang(tmp_path, monkeypatch):
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 64))

    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr("lance.write_dataset", full)

    def add_many() -> None:
        with corpus.appending(commit_bytes=1000) as writer:
            for i in range(50):
                writer.add(NarratedVideo(f"v{i}", unit(9, i, 64), []))

    with pytest.raises(VideoclipError, match=r"cannot be written .*No space left"):
        add_many()


def test_halves_of_characters_in_captions_do_no_harm(folder):
    text = json.dumps({"v0": entry("stir \ud83d it"), "v2": entry("cut \udc00")})
    (folder / "half.json").write_text(text)
    import_features(folder / "npy", folder / "c.lance", folder / "half.json")
    assert Corpus(folder / "c.lance")["v0"].captions[0].text.split()[0] == "stir"
    (folder / "one.json").write_text(json.dumps(entry("stir \ud83d it")))
    assert read_captions(folder / "one.json")[0].text == "stir it"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text", ["a\r\nb\r\n", "rank,video_id\r\n1,a\r\n2,b\r\n3,\r\n", '"video_id","rank"\n"a","1"\nb,2\n']
)
def test_lists_of_ids_are_read_as_spreadsheets_save_them(tmp_path, encoding, text):
    (tmp_path / "ids.csv").write_bytes(text.encode(encoding))
    assert read_ids(tmp_path / "ids.csv") == {"a", "b"}
