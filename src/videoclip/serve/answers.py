"""What the JSON API of a library answers."""

from pydantic import BaseModel, Field

from ..library.why import Kind


class Part(BaseModel):
    """A piece of a text."""

    text: str
    found: bool = Field(description="Whether it is what was looked for")


class Reason(BaseModel):
    """Why a moment was found."""

    kind: Kind
    parts: list[Part] = Field(description="What is said or written, about the words that were looked for")


class Moment(BaseModel):
    """A hit: seconds ``start`` to ``end`` of a video."""

    video: int
    name: str
    path: str
    start: float
    end: float
    duration: float
    score: float
    sight: float | None = Field(description="How well the pictures fit, 0 to 1; half is where hits begin")
    sure: float | None = Field(description="Share of hits like this that are right, 0 to 1, where that is known")
    speech: float | None = Field(description="BM25 score of what is said")
    meaning: float | None = Field(description="Similarity of a passage that says it in other words")
    said: str
    why: list[Reason]
    written: float | None = Field(description="BM25 score of a line of text on the screen")
    line: str = Field(description="That line")
    quote: str = Field(description="The passage that was found; empty where it was found by sight alone")


class Moments(BaseModel):
    """Hits, best first; where there are none, ``note`` says why."""

    hits: list[Moment]
    note: str


class Sentence(BaseModel):
    """Something that is said."""

    start: float
    end: float
    text: str


class VideoInfo(BaseModel):
    """A file of the library; ``recorded`` in seconds since 1970."""

    video: int
    name: str
    path: str
    duration: float
    recorded: float
    width: int
    height: int
    language: str
    there: bool = Field(description="Whether the file is still where it was")


class VideoDetail(VideoInfo):
    """A file, and what is said in it."""

    transcript: list[Sentence]
    source: str = Field(description="Where that is from: beside the file, inside it, or heard; empty for nowhere")
    recogniser: str = Field(description="Who heard it, if it was heard")
    confidence: float | None = Field(description="How sure the recogniser was, 0 to 1")


class Said(BaseModel):
    """A sentence of a transcript, by its number from 0, that holds what was looked for."""

    sentence: int
    parts: list[Part]


class Sentences(BaseModel):
    """Sentences of a transcript that hold what was looked for."""

    found: list[Said]


class Videos(BaseModel):
    """Some of the library's videos."""

    total: int
    videos: list[VideoInfo]


class Timeline(BaseModel):
    """How well each second fits the query, 0 to 1; half is where hits begin."""

    scores: list[float]


class About(BaseModel):
    """What the library holds."""

    version: str
    videos: int
    moments: int
    passages: int
    model: str
    encoder: str
    languages: list[str]
    spoken: dict[str, int] = Field(description="Videos by the language of their captions")
    folders: list[str]
    uploads: bool
    forms: list[str]


class Progress(BaseModel):
    """The state of indexing."""

    stage: str = "idle"
    done: int = 0
    total: int = 0
    current: str = ""
    left: str = ""
    summary: str = ""
    set_aside: dict[str, str] = {}
    missing: list[str] = []


class Problem(BaseModel):
    """What is wrong, and what to do."""

    detail: str
