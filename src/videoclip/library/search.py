"""Moments of a library by a description: by what is seen, said and written; or like another moment.

By sight, a text's vector is compared with those of overlapping windows of several lengths. Of windows that overlap the
best one is kept, and its boundaries are moved to where the scores of the single seconds fall off. By speech, passages
are ranked by BM25 and by their meaning, and so are lines of text on the screen by BM25. All rankings are joined by
reciprocal ranks (Cormack et al., 2009).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from ..encoders.encoder import AnyEncoder
from ..encoders.load import encoder_named
from ..errors import WeightsError
from ..media.captions import Caption
from ..media.languages import same_language, wanted_language
from ..model.curves import moving_mean
from ..model.joint import JointModel, load_model
from ..ranges import SECONDS, Range, ranged
from ..storage.places import Place
from ..tasks.boundaries import boundaries
from .calibration import Calibration
from .confidence import known
from .home import own_library
from .likeness import PICTURES, is_picture, picture_features
from .meaning import Understood
from .moved import model_of
from .ranking import Hit, content_words, distinct, is_about, joined, said_during
from .sight import moments_near
from .store.about import LibraryError
from .store.reading import Store
from .store.rows import Video

if TYPE_CHECKING:
    from .index import Indexed

MODES = ("all", "sight", "speech", "written")
"""How moments are looked for; several of them with commas between."""
EARLIER_MODES = {"both": "all"}
"""What modes were called before."""
POOL = 12
"""Windows and passages that are looked at for each hit that is asked for, at least ``POOL_LEAST``."""
POOL_LEAST = 120
MEANT = 50
"""Passages that are compared by meaning, at least: of those that overlap one is kept."""
CONTEXT = 24
"""Seconds around a window in which its boundaries are looked for."""
MOST_CANDIDATES = 10_000
"""Windows that are looked at, at most, where filters let few through."""
NOTHING = {
    "speech": "nothing of that is said in the library",
    "written": "nothing of that is written on a screen in the library",
}
"""What is answered where there are no hits, by the mode."""
NOTHING_SEEN = "nothing in the library looks or sounds like that; what comes closest is shown with 'everything'"
LONGEST_QUERY = 500
"""Characters of a query."""
SOME = 2_000
"""Videos up to which a filter is handed to the tables; a wider one is applied to what they give."""


DATE = Range(-1e11, 3e11)
"""Seconds since 1970, until the year 9999."""


@dataclass(frozen=True)
@ranged
class Query:
    """What is looked for, and where.

    ``like`` is (video, start, end), a moment of the library in place of a text. Dates are seconds since 1970, durations
    seconds; ``folder`` is the beginning of a path, ``language`` that of the captions.
    """

    text: str = ""
    mode: str = "all"
    limit: Annotated[int, Range(1, 1000)] = 10
    like: Annotated[tuple[int, float, float] | None, Range(0, 2**63)] = None
    folder: str = ""
    after: Annotated[float | None, DATE] = None
    before: Annotated[float | None, DATE] = None
    shortest: Annotated[float | None, SECONDS] = None
    longest: Annotated[float | None, SECONDS] = None
    language: str = ""
    by_video: bool = False
    """Moments of a video stand together, and videos in the order of their best."""
    everything: bool = False
    """Also what is hardly like it: no cut-off."""

    def __post_init__(self):
        object.__setattr__(self, "mode", EARLIER_MODES.get(self.mode, self.mode))
        if not {*self.mode.split(",")} <= {*MODES}:
            raise LibraryError(f"mode '{self.mode}'; choose from {', '.join(MODES)}, or several with commas")
        if len(self.text) > LONGEST_QUERY:
            raise LibraryError(f"the query has {len(self.text)} characters; {LONGEST_QUERY} is the most")
        wanted_language(self.language)
        for least, most in (("shortest", "longest"), ("after", "before")):
            low, high = getattr(self, least), getattr(self, most)
            if low is not None and high is not None and low > high:
                raise LibraryError(f"{least} is more than {most}, so that no video fits; exchange them")

    def admits(self, video: Video) -> bool:
        """Whether the filters let a video through."""
        since = self.after is None or video.recorded >= self.after
        until = self.before is None or video.recorded <= self.before
        long = self.shortest is None or video.duration >= self.shortest
        short = self.longest is None or video.duration <= self.longest
        return self.is_below(video) and since and until and long and short and self._speaks(video)

    def is_below(self, video: Video) -> bool:
        """Whether a video lies in the folder; in any, where none is named."""
        return not self.folder or any(Path(video.path).is_relative_to(root) for root in self._roots)

    def _speaks(self, video: Video) -> bool:
        return not self.language or video.language == self.language or same_language(video.language, self.language)

    @cached_property
    def _roots(self) -> tuple[Path, ...]:
        """The folder as it is written, without ``..``, and where its links lead."""
        folder = os.path.expanduser(self.folder)  # which shells leave in --folder=~/Videos
        return Path(os.path.abspath(folder)), Path(os.path.realpath(folder))

    def looks_by(self, way: str) -> bool:
        """Whether moments are looked for in this way, one of ``MODES``."""
        return not {way, "all"}.isdisjoint(self.mode.split(","))

    @property
    def filters(self) -> bool:
        none = (None, "")
        return any(
            v not in none for v in (self.folder, self.after, self.before, self.shortest, self.longest, self.language)
        )


@dataclass(frozen=True)
class Found:
    """Hits, best first. Where nothing stands out, ``note`` says so, and there are none.

    ``missing`` says what was not searched though the library has it, and why.
    """

    hits: list[Hit]
    note: str = ""
    missing: str = ""


class Library:
    """Your own videos, searched by describing a moment.

        Library("my-library").search("someone slices an onion")

    Args:
        folder: made by ``videoclip index``; by default the user's own, or that of ``VIDEOCLIP_LIBRARY``.
        model: by default the one that the library was made with, loaded on first use.

    Raises:
        LibraryError: there is no library in the folder.
    """

    def __init__(self, folder: str | Place = "", model: JointModel | None = None):
        self.store = Store(folder or own_library())
        self._model = self._given = model
        self._read_calibration: tuple[float, Calibration | None] = (-1.0, None)
        self._text_vector = lru_cache(4096)(self._encoded_text)
        self._understood = Understood(self.store)

    @property
    def model(self) -> JointModel:
        """The model that the vectors are of.

        Raises:
            LibraryError: it is not where it was.
        """
        if self._model is None:
            try:
                self._model = load_model(model_of(self.store.about, self.store.folder))
            except WeightsError as error:
                remedy = f"videoclip index VIDEOS --library {self.store.folder} --model PLACE"
                raise LibraryError(f"{error}; if the library's model was moved, say where to: {remedy}") from error
        return self._model

    def __reduce__(self) -> tuple:
        """Another process opens it by its folder, and loads its model when that is asked for."""
        return Library, (str(self.store.folder), self._given)

    def __repr__(self) -> str:
        return f"Library('{self.store.folder}', model '{self.store.about.model}')"  # which touches no table

    @property
    def videos(self) -> list[Video]:
        """All videos, in the order of their paths."""
        return sorted(self.store.videos().values(), key=lambda video: video.path)

    def index(self, *places: str | Path, prune: bool = False) -> "Indexed":
        """Bring the library up to date with what lies in these files and folders."""
        from .index import IndexOptions, index

        options = IndexOptions(prune=prune)
        return index([Path(p) for p in places], self.store.folder, self.model, self.encoder(), options)

    # Search ---------------------------------------------------------------------------------------------------

    def search(self, query: "str | Query", vector: np.ndarray | None = None, **options: Any) -> Found:
        """Moments that fit a query, best first.

        Args:
            query: a text, or a ``Query``.
            vector: (D,), what is looked for in place of the text, such as ``vector_of`` a file.
            options: fields of ``Query``.

        Raises:
            LibraryError: an option that cannot be; nothing to look for.
        """
        wanted = replace(query, **options) if isinstance(query, Query) else Query(query, **options)
        if self.store.refresh():
            self._model = None
            self._text_vector.cache_clear()
        if wanted.like is not None:
            vector = self.vector_like(*wanted.like)
        elif vector is None and not wanted.text.strip():
            raise LibraryError("nothing to look for; describe a moment in a few words")
        videos = self.store.videos()
        if not videos:
            return Found([], "the library is empty; index a folder of videos first")
        admitted = {n for n, video in videos.items() if wanted.admits(video)} if wanted.filters else None
        if admitted is not None and not admitted:
            outside = wanted.folder and not any(wanted.is_below(video) for video in videos.values())
            return Found([], f"no video lies below {wanted.folder}" if outside else "no video fits these filters")
        by_text = vector is None
        if vector is None and wanted.looks_by("sight"):
            vector = self._text_vector(wanted.text)
        others = self._by_passages(wanted, videos, admitted) if by_text else {}
        pool = max(POOL * wanted.limit, POOL_LEAST)
        while True:
            sight, is_all = self._by_sight(vector, pool, videos, admitted) if vector is not None else ([], True)
            ranked = joined(sight if by_text else [replace(hit, sure=None) for hit in sight], others)
            certain = [hit for hit in ranked if wanted.everything or not by_text or hit.is_certain]
            hits = self._refined(certain, vector, wanted.limit)
            is_cut_off = len(sight) >= wanted.limit and len(certain) < len(ranked)
            if len(hits) == wanted.limit or is_all or is_cut_off or pool > MOST_CANDIDATES:
                break
            pool *= 8
        hits = [replace(h, path=videos[h.video].path) for h in self._with_words(hits, others.get("meaning", []))]
        if wanted.by_video:
            place = {hit.video: rank for rank, hit in reversed(list(enumerate(hits)))}
            hits.sort(key=lambda hit: place[hit.video])
        note = "" if hits else NOTHING_SEEN if sight else NOTHING.get(wanted.mode, NOTHING["speech"])
        return Found(hits, note, self._understood.missing if "meaning" in others else "")

    def _by_sight(
        self, wanted: np.ndarray, count: int, live: dict[int, Video], admitted: set[int] | None
    ) -> tuple[list[Hit], bool]:
        """Distinct moments of the ``count`` windows nearest to a vector, best first; and whether these are all."""
        few = sorted(admitted) if admitted is not None and len(admitted) <= SOME else None
        hits, vectors, is_all = moments_near(self.store, wanted, count, live if admitted is None else admitted, few)
        scores = np.array([hit.score for hit in hits])
        shown, sure = self._shown(vectors, scores), self._sure(wanted, scores)
        return [replace(h, sight=p, sure=s) for h, p, s in zip(hits, shown, sure, strict=True)], is_all

    def _with_words(self, hits: list[Hit], meant: list[Hit]) -> list[Hit]:
        """Hits with all that is said meanwhile, and those that were found by meaning with the passage that means it."""
        passages = {(hit.video, hit.meaning): (hit.video, hit.start, hit.end) for hit in meant}
        moments = [(hit.video, hit.start, hit.end) for hit in hits]
        spans = moments + [passages.get((hit.video, hit.meaning), (hit.video, 0.0, 0.0)) for hit in hits]
        said = self.store.captions_during(spans)
        texts = [said_during(captions, start, end) for captions, (_, start, end) in zip(said, spans, strict=True)]
        during, quotes = texts[: len(hits)], texts[len(hits) :]
        return [replace(h, said=d, quote=h.quote or q) for h, d, q in zip(hits, during, quotes, strict=True)]

    def _refined(self, ranked: list[Hit], vector: np.ndarray | None, limit: int) -> list[Hit]:
        """The first ``limit`` moments with their boundaries; of those that these make one, the better."""
        hits: list[Hit] = []
        while len(hits) < limit and ranked:
            following, ranked = ranked[: limit - len(hits)], ranked[limit - len(hits) :]
            bounds = self._bounds(following, vector) if vector is not None else [(h.start, h.end) for h in following]
            for hit, (start, end) in zip(following, bounds, strict=True):
                moment = replace(hit, start=start, end=end)
                if not any(moment.overlaps(better, 0.5) for better in hits):
                    hits.append(moment)
        return hits

    def _shown(self, vectors: np.ndarray, scores: np.ndarray) -> list[float]:
        """How well moments, (K, D) vectors and (K,) scores, fit what is looked for: 0 to 1, hits from half on."""
        calibration = self._calibration
        if calibration is None or not len(scores):
            return [0.5] * len(scores)
        return (1 / (1 + np.exp(-calibration.evidence(vectors, scores)))).tolist()

    def _sure(self, text: np.ndarray, scores: np.ndarray) -> list[float] | list[None]:
        """How many of hits like these are right, for a text (D,): by their scores (K,), best first."""
        calibration = self._calibration
        if calibration is None or calibration.confidence is None or not len(scores):
            return [None] * len(scores)
        return calibration.confidence.share(known(scores, calibration.confidence.moments @ text)).tolist()

    @property
    def _calibration(self) -> Calibration | None:
        """As it is on disk, read again when an indexing has changed it."""
        version = self.store.calibrated_at()
        if self._read_calibration[0] != version:
            self._read_calibration = version, self.store.calibration()
        return self._read_calibration[1]

    def _by_passages(self, query: Query, live: dict[int, Video], admitted: set[int] | None) -> dict[str, list[Hit]]:
        """Rankings of what is not seen, by the name of each in ``ranking.WEIGHTS``."""
        few = sorted(admitted) if admitted is not None and len(admitted) <= SOME else None
        words, count, found = content_words(query.text), max(5 * query.limit, 100), {}

        def is_there(video: int) -> bool:
            return video in live and (admitted is None or video in admitted)

        def fits(video: int, text: str) -> bool:
            return is_there(video) and (query.everything or is_about(text, words))

        if query.looks_by("speech"):
            said = self.store.said(words, count, few)
            found["speech"] = [Hit(v, "", a, b, s, None, s, quote=text) for v, a, b, s, text in said if fits(v, text)]
            meant = self._understood.nearest(query.text, max(5 * query.limit, MEANT), few, query.everything)
            found["meaning"] = distinct(
                [Hit(v, "", a, b, s, None, None, meaning=s) for v, a, b, s in meant if is_there(v)]
            )
        if query.looks_by("written"):
            rows = self.store.written(words, count, few)
            found["written"] = [
                Hit(v, "", a, b, s, None, None, written=s, line=text) for v, a, b, s, text in rows if fits(v, text)
            ]
        return found

    def _bounds(self, hits: list[Hit], vector: np.ndarray) -> list[tuple[float, float]]:
        """Where each moment begins and ends: where the scores of the seconds fall off."""
        around = [(h.video, max(int(h.start) - CONTEXT, 0), int(h.end) + CONTEXT) for h in hits]
        made = []
        for hit, (_, first, _), tokens in zip(hits, around, self.store.tokens_of(around) if hits else [], strict=True):
            if len(tokens):
                start, end = boundaries(tokens @ vector, hit.start - first, hit.end - first)
                made.append((first + start, first + end))
            else:
                made.append((hit.start, hit.end))
        return made

    # One video ------------------------------------------------------------------------------------------------

    def timeline(self, video: int, text: str) -> np.ndarray:
        """How well each second of a video fits what a text says, (T,) from 0 to 1.

        Raises:
            LibraryError: there is no such video, or the text says nothing.
        """
        if not text.strip():
            raise LibraryError("nothing to look for; describe a moment in a few words")
        tokens = self.store.tokens(self._checked(video))
        smooth = moving_mean(tokens, 3)
        return np.array(self._shown(smooth, smooth @ self._text_vector(text)))

    def transcript(self, video: int) -> list[Caption]:
        """All that is said in a video."""
        return self.store.captions(self._checked(video))

    def picture(self, video: int, start: float, end: float) -> bytes | None:
        """A picture of a moment, as WebP; None where the video gave none."""
        return self.store.picture(self._checked(video), start, end)

    def path(self, video: int) -> Path:
        """The file of a video."""
        return Path(self.store.videos()[self._checked(video)].path)

    def _checked(self, video: int) -> int:
        if video not in self.store.videos():
            raise LibraryError(f"the library has no video {video}; it may have been replaced, search again")
        return video

    # Vectors --------------------------------------------------------------------------------------------------

    def vector_like(self, video: int, start: float, end: float) -> np.ndarray:
        """The vector of a moment of the library, (D,).

        Raises:
            LibraryError: there is no such video, or it ends before the moment.
        """
        features = self.store.features(self._checked(video))
        if not len(features):
            raise LibraryError(f"video {video} is sound alone; nothing can look like a moment of it")
        if not 0 <= start < len(features):
            raise LibraryError(f"second {start:g}: choose one of the video, which ends at {len(features)} s")
        first = int(start)
        part = features[first : max(int(np.ceil(end)), first + 1)]
        return self.model.encode_video([part])[0].numpy()

    def vector_of(self, path: str | Path, encoder: AnyEncoder | None = None) -> np.ndarray:
        """The vector of a video clip's file or of a picture's (JPEG, PNG, WebP), (D,), by the library's encoder.

        Raises:
            MediaError: it is neither.
        """
        if is_picture(Path(path)):
            return self.vector_of_picture(Path(path), encoder=encoder)
        return self.vector_of_clip(path, encoder=encoder)

    def vector_of_picture(
        self, path: Path, formats: tuple[str, ...] = PICTURES, encoder: AnyEncoder | None = None
    ) -> np.ndarray:
        """As ``vector_of`` a picture, if it is of one of these formats, by Pillow's names."""
        return self._vector(picture_features(path, encoder or self.encoder(), formats))

    def vector_of_clip(
        self, path: str | Path, between: Callable[[], None] | None = None, encoder: AnyEncoder | None = None
    ) -> np.ndarray:
        """As ``vector_of`` a clip; what ``between`` raises, which is called now and then, ends the work."""
        return self._vector((encoder or self.encoder()).encode_file(path, between=between))

    def encoder(self, weights: str | Path = "") -> AnyEncoder:
        """The encoder of the library's features, which a ready-made model brings with it.

        Args:
            weights: for ``s3d``, the path of ``s3d_howto100m.pth``; by default the one that was downloaded.
        """
        name = self.model.features.encoder or self.store.about.encoder.encoder
        return encoder_named(name, weights) if weights else encoder_named(name)

    def _vector(self, features: np.ndarray) -> np.ndarray:
        return self.model.encode_video([features])[0].numpy()

    def _encoded_text(self, text: str) -> np.ndarray:
        return self.model.encode_text([text])[0].numpy()
