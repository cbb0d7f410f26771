"""A corpus as people use one: by row, by id, in a loop, in other processes, and in PyTorch's DataLoader."""

import multiprocessing
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from videoclip import CorpusDataset
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import CorpusError
from videoclip.media.captions import Caption

KIND = FeatureKind("made", 8)
IDS = [f"v{i:02d}" for i in range(20)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    made = Corpus.create(tmp_path_factory.mktemp("corpus") / "c.lance", KIND)
    said = [Caption(0, 1, "stir it")]
    made.append([NarratedVideo(name, np.full((i + 1, 8), i, np.float16), said) for i, name in enumerate(IDS)])
    return made


def test_a_corpus_is_read_as_a_list_and_as_a_dict_are(corpus):
    assert len(corpus) == 20
    assert [video.id for video in corpus] == IDS
    assert corpus[3].id == corpus["v03"].id == corpus[np.int64(-17)].id == "v03"
    assert [video.id for video in corpus[-2:]] == IDS[-2:]
    assert "v03" in corpus
    assert "v99" not in corpus
    assert 3 not in corpus
    with pytest.raises(CorpusError, match="has no video 'v99'"):
        corpus["v99"]
    with pytest.raises(IndexError, match="has no row 20, but 20 videos, counted from 0"):
        corpus[20]


def test_a_corpus_says_what_it_is(corpus):
    assert repr(corpus) == f"Corpus('{corpus.path}': 20 videos, 0.06 h, encoder 'made' (8-d, unit length))"


def length_and_mean(video: NarratedVideo) -> torch.Tensor:
    return torch.tensor([len(video.features), float(video.features.mean())])


@pytest.mark.parametrize("start", ["fork", "forkserver", "spawn"])
def test_workers_read_a_corpus_however_they_are_started(corpus, start):
    corpus.read([0])  # Lance has threads now, which a fork does not keep
    data = CorpusDataset(corpus, transform=length_and_mean)
    rows = torch.cat(list(DataLoader(data, batch_size=3, num_workers=2, multiprocessing_context=start, timeout=300)))
    assert rows.tolist() == [[i + 1, i] for i in range(20)]


def test_a_batch_is_a_list_of_videos_that_know_their_encoder(corpus):
    data = CorpusDataset(corpus.path, ["v05", "v01", "v19"])
    (batch,) = DataLoader(data, batch_size=3, num_workers=1)
    assert [video.id for video in batch] == ["v05", "v01", "v19"]
    assert batch[0].features.kind == KIND
    assert batch[0].captions == [Caption(0, 1, "stir it")]
    with pytest.raises(CorpusError, match="has no video 'v99'"):
        CorpusDataset(corpus, ["v99"])


def _read_here(corpus: Corpus, answers) -> None:
    try:
        answers.put(corpus[0].id)
    except CorpusError as error:
        answers.put(str(error))


@pytest.mark.filterwarnings("ignore:lance is not fork-safe")
def test_a_corpus_refuses_in_words_where_it_would_hang(corpus):
    corpus.read([0])
    for start, wanted in (("fork", "cannot be read in a process that was forked; start it by"), ("spawn", "v00")):
        context = multiprocessing.get_context(start)
        answers = context.Queue()
        process = context.Process(target=_read_here, args=(corpus, answers))
        process.start()
        assert wanted in answers.get(timeout=300)
        process.join()


def test_a_corpus_and_its_features_go_to_other_processes(corpus):
    again = pickle.loads(pickle.dumps(corpus))
    assert again.ids == corpus.ids
    features = pickle.loads(pickle.dumps(corpus[4].features))
    assert features.kind == KIND
    assert np.array_equal(features, corpus[4].features)
