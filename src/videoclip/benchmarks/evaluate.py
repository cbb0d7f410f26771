"""Measuring a model on a benchmark, without training on it; ``rerun`` repeats it from what the result says."""

from collections.abc import Sequence
from pathlib import Path

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel, encoder_for, load_model
from ..model.prompts import Prompted
from ..provenance import provenance
from ..storage.places import Place, place
from ..storage.remote import Remote
from .analysis import intervals
from .table import benchmark


# Parameters: each option has its name, and those that a benchmark does not take are refused.
def evaluate(
    name: str,
    model: JointModel | str | Place,
    corpus: Corpus | str | Place | None,
    data: str | Path,
    *,
    split: str = "",
    rule: str = "",
    normalization: str = "",
    templates: str | Sequence[str] = (),
) -> dict:
    """Measure a model on a benchmark.

    Args:
        name: of the benchmark, such as ``youcook2``; ``table.BENCHMARKS`` has all of them. ``mteb:TASK`` is a retrieval
            task of the harness mteb.
        model: one that is loaded, or what ``load_model`` takes: a folder, a hub name, or ``mil-nce``.
        corpus: of the videos' features, or where it is; None or empty: ``corpus.lance`` in ``data`` or beside it.
        data: folder with the benchmark's annotations, as they are distributed; for data of one's own the table; of
            mteb's tasks, which bring theirs, the folder in which features are kept.
        split: the videos to evaluate on; by default the test videos.
        rule: of segmentation, for benchmarks in which seconds are labelled.
        normalization: of scores, for benchmarks with retrieval; by default none.
        templates: phrasings such as ``"a video of {}"``; each text is put into all of them, and its vector is the mean.

    Returns:
        Metrics as fractions, in a dict for each task; ``items``, each with its prediction; ``left_out``, the number of
        those without features; ``intervals`` (95 %) of metrics; and ``seed``, ``versions``, ``commit``, ``config``, by
        which ``videoclip rerun`` repeats it. ``json.dumps`` writes it.

    Raises:
        VideoclipError: no such benchmark, an option that it does not take, or annotations, features or a model that
            are missing or do not fit together.
    """
    chosen, folder = benchmark(name), Path(data)
    options = chosen.options(name, split, rule, normalization)
    phrasings = [templates] if isinstance(templates, str) else list(templates)
    features = None if chosen.brings_videos else open_corpus(corpus, folder)
    loaded = load_model(model) if isinstance(model, str | Path | Remote) else model
    if features is None:
        features = kept_corpus(corpus, folder, loaded)
    check_features(loaded, features)
    result = chosen.run(Prompted(loaded, phrasings) if phrasings else loaded, features, folder, options)
    named = str(model) if isinstance(model, str | Path | Remote) else loaded.name
    config = {"benchmark": name, "model": named, "data": str(data), "encoder": features.kind.encoder}
    config |= {"corpus": features.path, "split": options.split, "rule": options.rule}
    config |= {"templates": phrasings, "normalization": options.normalization}
    return result | {"intervals": intervals(result)} | provenance(result.get("seed", 0), config)


def check_features(model: JointModel, corpus: Corpus) -> None:
    """Raise ``VideoclipError`` if the model does not understand the features of the corpus."""
    model.check_features(corpus.kind, corpus.path)


def open_corpus(corpus: Corpus | str | Place | None, data: Path) -> Corpus:
    """The corpus that is given or named; for none the ``corpus.lance`` in a benchmark's folder or beside it.

    Raises:
        VideoclipError: there is no such folder, or no corpus.
    """
    if data.is_file():
        data = data.parent
    if not data.is_dir():
        raise VideoclipError(f"{data}: no such file or folder; it is to hold the benchmark's annotations")
    if isinstance(corpus, Corpus):
        return corpus
    places = [place(corpus)] if corpus else [data / "corpus.lance", data.parent / "corpus.lance"]
    return Corpus(next((there for there in places if there.exists()), places[0]))


def kept_corpus(corpus: Corpus | str | Place | None, data: Path, model: JointModel) -> Corpus:
    """The corpus in which the features of a benchmark's own videos are kept; made if there is none.

    Raises:
        VideoclipError: the model's encoder is not here, or the corpus holds features of another.
    """
    if isinstance(corpus, Corpus):
        return corpus
    return Corpus.create(place(corpus) if corpus else data / "corpus.lance", encoder_for(model).kind)
