"""Sound for tests: spoken English, noise, music and silence, in whatever form files have it."""

from fractions import Fraction
from pathlib import Path

import numpy as np

RATE = 16_000
SAMPLE = Path(__file__).parent / "spoken.ogg"
"""Five seconds that espeak-ng speaks: 'a good morning to the people in the city. the weather is beautiful today'."""
SAID = ("city", "beautiful", "today")
"""Words of it that PocketSphinx hears."""


def speech() -> np.ndarray:
    """The spoken sample, (N,) float32 at ``RATE``."""
    from videoclip.media.sound import sound_of

    return np.concatenate(list(sound_of(SAMPLE)))


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def music(seconds: float, seed: int = 0) -> np.ndarray:
    """Chords of four notes, a new one every half second, over a beat."""
    rng = np.random.default_rng(seed)
    t = np.arange(RATE // 2) / RATE
    beat = np.exp(-30 * t) * rng.normal(size=len(t))
    parts = []
    for _ in range(int(2 * seconds)):
        notes = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 4, replace=False) / 12)
        chord = sum(np.sin(2 * np.pi * note * t * n) / n for note in notes for n in (1, 2, 3))
        parts.append(0.06 * chord * np.exp(-3 * t) + 0.1 * beat)
    return np.concatenate(parts).astype(np.float32)


# Parameters: a form of sound each.
def write_sound(
    path: Path, sound: np.ndarray, rate: int = RATE, layout: str = "mono", codec: str = "", start: float = 0.0
) -> Path:
    """A file of this sound, (N,) at ``RATE``, in every channel; it begins at second ``start`` of the file's clock."""
    import av

    codec = codec or {".mp4": "aac", ".ogg": "libopus", ".mkv": "pcm_s16le", ".wav": "pcm_s16le"}[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if codec == "libopus":
            stream.bit_rate = 16_000
        encode(container, stream, sound, rate, layout, start)
    return path


# Parameters: a form of sound each.
def encode(container, stream, sound: np.ndarray, rate: int, layout: str, start: float = 0.0) -> None:
    import av

    resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate, stream.codec_context.frame_size or 0)
    channels = av.AudioLayout(layout).nb_channels
    for first in range(0, len(sound), RATE):
        block = np.ascontiguousarray(np.tile(sound[first : first + RATE], (channels, 1)))
        frame = av.AudioFrame.from_ndarray(block, "fltp", layout)
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = first + round(start * RATE)
        for made in resampler.resample(frame):
            container.mux(stream.encode(made))
    for made in resampler.resample(None):
        container.mux(stream.encode(made))
    container.mux(stream.encode())


# Parameters: a video, and what is added to it.
def dub(video: Path, path: Path, *sounds: np.ndarray, languages: tuple[str, ...] = (), codec: str = "aac") -> Path:
    """A copy of a video with sound tracks, each (N,) at ``RATE``."""
    import av

    with av.open(str(video)) as source, av.open(str(path), "w") as out:
        pictures = out.add_stream_from_template(source.streams.video[0])
        tracks = [out.add_stream(codec, rate=RATE, layout="mono") for _ in sounds]
        for track, language in zip(tracks, languages, strict=False):
            track.metadata["language"] = language
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = pictures
                out.mux(packet)
        for track, sound in zip(tracks, sounds, strict=True):
            encode(out, track, sound, RATE, "mono")
    return path


def break_sound(path: Path) -> Path:
    """Make every packet of a file's sound unreadable."""
    import av

    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(container.streams.audio[0]) if p.size and p.pos is not None]
    content = bytearray(path.read_bytes())
    for place, size in places:
        content[place : place + size] = b"\xff" * size
    path.write_bytes(content)
    return path
