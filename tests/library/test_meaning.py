"""What is said is found by its meaning: in other words by real weights, the rest by an encoder of known concepts."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from minilm import minilm_folder
from painted import Painted

from videoclip.errors import VideoclipError, WeightsError
from videoclip.library import meaning
from videoclip.library.meaning import Sentences, sentences_for
from videoclip.library.passages import passages_of, sentences_of
from videoclip.library.search import Library
from videoclip.library.store.reading import Store
from videoclip.media.captions import Caption

CONCEPTS = (("sharpen", "hone", "schärfen"), ("chisel", "blade", "klinge"), ("welcome", "greet", "begrüßen"))
NONSENSE = "quarterly tax statements"


class Concepts:
    """A sentence encoder that knows some words in two languages; other words are noise."""

    size = 24

    def __init__(self, name="concepts", fingerprint="1"):
        self.name, self.fingerprint, self.calls = name, fingerprint, 0

    def encode_passages(self, texts):
        self.calls += len(texts)
        return np.stack([self._vector(text) for text in texts])

    def encode_queries(self, texts):
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text):
        made = np.zeros(self.size, np.float32)
        for word in text.lower().split():
            known = [i for i, names in enumerate(CONCEPTS) if word in names]
            made[known[0] if known else 3 + sum(word.encode()) % (self.size - 3)] += 1.0 if known else 0.3
        return made / max(float(np.linalg.norm(made)), 1e-6)


@pytest.fixture
def concepts(monkeypatch) -> Concepts:
    """The encoder that libraries load, by whatever name."""
    encoder = Concepts()
    monkeypatch.setattr(meaning, "load_sentence_encoder", lambda name: encoder)
    return encoder


def by(encoder) -> Sentences:
    return Sentences("auto", lambda name: encoder)


def found(library: Path, text: str, **options):
    return Library(library, Painted()).search(text, **{"mode": "speech"} | options).hits


def test_real_weights_find_what_is_said_in_other_words(indexed, tmp_path):
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    folder = str(minilm_folder())
    indexed(meaning=Sentences(folder))
    library = tmp_path / "library"
    (hit,) = found(library, "honing the blade of a woodworking tool")
    assert (Path(hit.path).name, hit.speech, hit.start) == ("a.mp4", None, 12.0)
    assert hit.quote == "now we sharpen the chisel slowly"
    assert hit.is_certain
    assert found(library, NONSENSE) == []
    assert found(library, NONSENSE, everything=True)
    assert Store(library).about.meaning.encoder == folder


def test_another_language_is_found_and_joined_with_words(indexed, concepts, tmp_path):
    indexed(meaning=by(concepts))
    library = tmp_path / "library"
    hit = found(library, "Klinge schärfen")[0]
    assert (hit.start, hit.speech) == (12.0, None)
    both = found(library, "sharpen the chisel")[0]
    assert both.meaning is not None
    assert both.speech is not None
    assert both.score > hit.score
    everything = found(library, "Klinge schärfen", mode="all", everything=True)
    assert any(hit.meaning is not None and hit.sight is not None for hit in everything)
    assert all(hit.meaning is None for hit in found(library, "Klinge schärfen", mode="sight", everything=True))


def test_a_library_without_an_encoder_is_as_it_was_and_asks_for_none(indexed, tmp_path, monkeypatch):
    monkeypatch.setattr(meaning, "load_sentence_encoder", lambda name: pytest.fail("nobody asked"))
    assert indexed().warnings == []
    assert found(tmp_path / "library", "chisel")[0].meaning is None


def test_what_is_embedded_stays_and_new_captions_are_embedded_anew(videos, indexed, concepts, tmp_path):
    indexed(meaning=by(concepts))
    done = concepts.calls
    indexed(meaning=by(concepts))
    assert concepts.calls == done
    (videos / "a.en.srt").write_text("1\n00:00:05,000 --> 00:00:08,000\nwe greet all our friends today\n")
    indexed(meaning=Sentences("", lambda name: concepts))
    assert [hit.start for hit in found(tmp_path / "library", "begrüßen")] == [5.0]
    assert {hit.start for hit in found(tmp_path / "library", "Klinge schärfen")} <= {5.0}


def test_never_is_remembered_until_an_encoder_is_named(indexed, concepts, tmp_path):
    library = tmp_path / "library"
    indexed(meaning=by(concepts))
    indexed(meaning=Sentences("never"))
    assert found(library, "Klinge schärfen") == []
    indexed(meaning=by(concepts))
    assert found(library, "Klinge schärfen") == []
    indexed(meaning=Sentences("concepts", lambda name: concepts))
    assert found(library, "Klinge schärfen")


def test_another_encoder_embeds_all_anew_and_a_searching_reader_follows(indexed, concepts, tmp_path, monkeypatch):
    indexed(meaning=by(concepts))
    reader = Library(tmp_path / "library", Painted())
    assert reader.search("Klinge schärfen", mode="speech").hits
    other = Concepts("other", "2")
    other.size = 40
    monkeypatch.setattr(meaning, "load_sentence_encoder", lambda name: {"other": other}[name])
    indexed(meaning=Sentences("other", lambda name: other))
    assert other.calls > 0
    assert reader.search("Klinge schärfen", mode="speech").hits
    indexed(meaning=Sentences("never"))
    indexed()
    store = Store(tmp_path / "library")
    tables = store.tables._database.list_tables(limit=100).tables
    assert not [name for name in tables if name.startswith("passages")]


def test_another_model_leaves_passages_as_they_are(indexed, concepts, tmp_path):
    indexed(meaning=by(concepts))
    done = concepts.calls
    indexed(model=Painted(2.0, "other"), meaning=by(concepts))
    assert concepts.calls == done
    assert Library(tmp_path / "library", Painted(2.0)).search("Klinge schärfen", mode="speech").hits


def test_a_removed_video_is_not_found_any_more(videos, indexed, concepts, tmp_path):
    indexed(meaning=by(concepts))
    (videos / "a.mp4").unlink()
    indexed(prune=True)
    assert found(tmp_path / "library", "Klinge schärfen", everything=True) == []
    store = Store(tmp_path / "library")
    assert store.understood() == set()


def test_an_encoder_that_cannot_be_had_costs_a_line_and_no_more(indexed, tmp_path, monkeypatch):
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("VIDEOCLIP_OFFLINE", "1")
    (line,) = indexed(meaning=Sentences("auto")).warnings
    assert "by its words" in line
    assert found(tmp_path / "library", "chisel")
    with pytest.raises(WeightsError, match="offline/there"):
        sentences_for("offline/there", print)


def test_without_the_extra_a_line_says_how_to_get_it(indexed, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    (line,) = indexed(meaning=Sentences("auto")).warnings
    assert "pip install" in line
    assert "[embed]" in line
    with pytest.raises(VideoclipError, match=r"\[embed\]"):
        sentences_for("any/encoder", print)


def test_an_encoder_that_is_gone_leaves_searches_by_words(indexed, concepts, tmp_path, monkeypatch):
    indexed(meaning=by(concepts))

    def gone(name):
        raise WeightsError(f"{name}: is gone")

    monkeypatch.setattr(meaning, "load_sentence_encoder", gone)
    answer = Library(tmp_path / "library", Painted()).search("chisel", mode="speech")
    assert answer.hits
    assert "concepts: is gone" in answer.missing
    assert Library(tmp_path / "library", Painted()).search("red", mode="sight").missing == ""


KILLED = """
import sys, time
sys.path[:0] = {paths!r}
from pathlib import Path
from painted import Painted, encoder
from test_meaning import Concepts, by
from videoclip.library import meaning
from videoclip.library.index import IndexOptions, index
meaning.TOGETHER = 1
class Slow(Concepts):
    def encode_passages(self, texts):
        if self.calls:
            print("embedding", flush=True)
            time.sleep(60)
        return super().encode_passages(texts)
index([Path({videos!r})], Path({library!r}), Painted(), encoder(), IndexOptions(meaning=by(Slow())))
"""


def test_a_killed_embedding_goes_on_with_what_is_left(videos, indexed, concepts, tmp_path):
    shutil.copy(videos / "a.en.srt", videos / "b.en.srt")
    library, here = tmp_path / "library", Path(__file__).parent
    paths = [str(here), str(here.parent)]
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(paths=paths, videos=str(videos), library=str(library))],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline().strip() == "embedding"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    store = Store(library)
    assert len(store.understood()) == 1
    indexed(meaning=by(concepts))
    left = len(list(passages_of(store.captions(next(iter(store.understood()))))))
    texts = len(meaning.EVERYDAY.read_text().splitlines())
    assert concepts.calls == left + texts
    assert {Path(hit.path).name for hit in found(library, "Klinge schärfen")} == {"a.mp4", "b.mp4"}


def test_sentences_end_at_their_signs_and_pauses_with_times_in_proportion():
    said = [Caption(0, 4, "Hello there. Now we take"), Caption(4, 6, "the onion"), Caption(6, 8, "and cut it.")]
    assert [c.text for c in sentences_of(said)] == ["Hello there.", "Now we take the onion and cut it."]
    first, second = sentences_of(said)
    assert first.end == second.start
    assert second.end == 8
    apart = [Caption(0, 1, "so"), Caption(9, 10, "we begin.")]
    assert [c.text for c in sentences_of(apart)] == ["so", "we begin."]
    assert [c.text for c in sentences_of([Caption(0, 2, "切ります。混ぜます。")])] == ["切ります。", "混ぜます。"]


def test_every_sentence_is_in_a_passage_and_passages_overlap():
    said = [Caption(3.0 * i, 3.0 * i + 2, f"this is number {i}") for i in range(20)]
    made = list(passages_of(said))
    alone, together = made[:20], made[20:]
    assert alone == said
    assert all(passage.end - passage.start <= 12 for passage in together)
    assert all(before.end > after.start for before, after in itertools.pairwise(together))
    assert set(" ".join(passage.text for passage in together).split()) >= {str(i) for i in range(20)}
    short = [Caption(0, 1, "ok"), Caption(30, 31, "yes")]
    assert [passage.text for passage in passages_of(short)] == ["ok", "yes"]
    assert list(passages_of([])) == []
