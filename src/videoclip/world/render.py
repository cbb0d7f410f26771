"""Pixels and files: a script becomes an MP4, an SRT with ASR-style rolling captions, and its part of ``truth.json``."""

import colorsys
import json
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..errors import VideoclipError
from ..media.opening import create_video
from ..processes import apart_from_main, process_pool
from ..progress import track
from ..ranges import COUNT, SEED, check
from ..storage.folders import claim
from ..storage.places import write_whole
from .script import (
    COLOURS,
    FAMILIES,
    MOST_FAMILIES,
    NARRATORS,
    OBJECTS,
    Script,
    Sentence,
    family_members,
    family_names,
    is_held_out,
    write_script,
)
from .speak import RATE as SOUND_RATE
from .speak import check_speech, spoken

WIDTH, HEIGHT, FPS = 128, 96, 8
SPRITE = 48
CENTRE = (WIDTH / 2, HEIGHT / 2)

RGB = {
    "red": (214, 30, 40), "blue": (30, 70, 220), "green": (30, 160, 60), "yellow": (240, 215, 40),
    "orange": (245, 130, 20), "purple": (140, 50, 180), "white": (245, 245, 245), "black": (25, 25, 30),
}  # fmt: skip
OUTLINES = ("disc", "square", "triangle", "star", "cross", "diamond", "half", "cog", "hook", "bar")
MARKS = ("plain", "dot", "stripe", "pair")


@dataclass(frozen=True)
class Pose:
    """Where and how the object is drawn: offset in pixels, angle in radians, scale along both axes, light."""

    x: float = 0.0
    y: float = 0.0
    angle: float = 0.0
    wide: float = 1.0
    high: float = 1.0
    light: float = 1.0


def _wave(t: float, period: float) -> float:
    return math.sin(2 * math.pi * t / period)


MOTIONS: dict[str, Callable[[float], Pose]] = {  # seconds since the step began -> pose
    "slice": lambda t: Pose(),
    "stir": lambda t: Pose(x=11 * _wave(t, 1.2), y=11 * _wave(t + 0.3, 1.2)),
    "shake": lambda t: Pose(x=9 * _wave(t, 0.5)),
    "press": lambda t: Pose(wide=1.15 + 0.2 * _wave(t, 1.0), high=0.75 - 0.3 * _wave(t, 1.0), y=4),
    "turn": lambda t: Pose(angle=2 * math.pi * t / 2.0),
    "lift": lambda t: Pose(y=24 - 48 * (t % 1.5) / 1.5),
    "drop": lambda t: Pose(y=-24 + 48 * (t % 1.5) / 1.5),
    "heat": lambda t: Pose(light=1.0),
    "wipe": lambda t: Pose(),
    "dust": lambda t: Pose(),
    "soak": lambda t: Pose(),
    "stretch": lambda t: Pose(wide=1.25 + 0.4 * _wave(t, 1.2)),
    "hammer": lambda t: Pose(y=3 if t % 0.75 < 0.2 else 0),
    "split": lambda t: Pose(),
}


# Parameters: a world is all of them.
def render_world(
    folder: Path,
    videos: int,
    seed: int,
    narrator: str = "lagging",
    families: int = len(FAMILIES),
    workers: int = 2,
    speak: bool = False,
) -> Path:
    """Render videos ``0 … videos - 1`` of the world with this seed into ``folder``; return the path of truth.json.

    An interrupted call is taken up where it stopped.

    Args:
        speak: narration is sound in the videos, and there are no captions; truth.json says what is said.

    Raises:
        VideoclipError: the folder holds another world, or something else; or there is no such narrator, or there are
            not as many families; or espeak-ng is not installed, and ``speak`` needs it.
    """
    if narrator not in NARRATORS:
        raise VideoclipError(f"no narrator '{narrator}'; choose {' or '.join(NARRATORS)}")
    if not 1 <= families <= MOST_FAMILIES:
        raise VideoclipError(f"a world of {families} families; there are from 1 to {MOST_FAMILIES}")
    check("videos", videos, COUNT, whole=True)
    check("seed", seed, SEED, whole=True)
    if speak:
        check_speech()
    made = {"seed": seed, "narrator": narrator, "families": families, "speak": speak}
    claim(folder, "world", made, {"families": len(FAMILIES), "speak": False})
    for split in ("train", "val", "test"):
        (folder / split).mkdir(exist_ok=True)
    scripts = [write_script(i, seed, NARRATORS[narrator], families) for i in range(videos)]
    whole = ".mp4" if speak else ".srt"  # what is written last, so that it marks a whole video
    missing = [s for s in scripts if not (folder / f"{s.id}{whole}").exists()]
    render = speak_script if speak else render_script
    with process_pool(workers) as pool, track("render", videos, "videos", videos - len(missing)) as advance:
        with apart_from_main():
            rendered = pool.map(render, missing, [folder] * len(missing), chunksize=4)
        for _ in rendered:
            advance()
    truth = folder / "truth.json"
    write_whole(truth, json.dumps(describe_world(scripts, seed, speak), indent=1))
    return truth


def describe_world(scripts: Iterable[Script], seed: int, speak: bool = False) -> dict:
    """What truth.json holds: for each video what happens when, and what is said of it with which lag.

    Args:
        speak: also all that is said, in ``sentences``, since there are no captions that would.
    """
    videos = {}
    for script in scripts:
        steps = []
        for step in script.steps:
            entry = asdict(step) | {"unseen_pair": is_held_out(step.action, step.object)}
            if step.narration:
                entry["narration"] = asdict(step.narration) | {"lag": step.narration.start - step.start}
            steps.append(entry)
        split = script.id.split("/")[0]
        videos[script.id] = {"split": split, "family": script.family, "duration": script.duration, "steps": steps}
        if speak:
            videos[script.id]["sentences"] = [asdict(sentence) for sentence in script.sentences]
    return {"world": 1, "seed": seed, "fps": FPS, "size": [WIDTH, HEIGHT], "videos": videos}


def render_script(script: Script, folder: Path) -> None:
    """Write ``<id>.mp4`` and ``<id>.srt``; the same script gives the same bytes."""
    write_video(folder / f"{script.id}.mp4", frames(script))
    write_whole(folder / f"{script.id}.srt", rolling_srt(script.sentences))


def speak_script(script: Script, folder: Path) -> None:
    """Write ``<id>.mp4`` with the narration as sound."""
    path = folder / f"{script.id}.mp4"
    unfinished = path.with_name(f".{path.name}")
    write_video(unfinished, frames(script), sound=spoken(script.sentences, script.duration))
    unfinished.replace(path)


def frames(script: Script) -> Iterable[np.ndarray]:
    """The pictures of a script, (HEIGHT, WIDTH, 3) uint8, ``FPS`` per second."""
    rng = random.Random(script.seed)
    noise = np.random.default_rng(script.seed).integers(-4, 5, (HEIGHT * 2, WIDTH * 2, 3), dtype=np.int16)
    scene = _scene(script, rng)
    place = {step: (rng.uniform(-12, 12), rng.uniform(-6, 6), rng.uniform(0.85, 1.15)) for step in script.steps}
    for i in range(round(script.duration * FPS)):
        now = i / FPS
        picture = scene.copy()
        step = next((s for s in script.steps if s.start <= now < s.end), None)
        if step:
            _draw_step(picture, step, now - step.start, *place[step])
        dy, dx = rng.randrange(HEIGHT), rng.randrange(WIDTH)
        light = int(6 * _wave(now, 17.0))
        pixels = np.asarray(picture, np.int16) + noise[dy : dy + HEIGHT, dx : dx + WIDTH] + light
        yield np.clip(pixels, 0, 255).astype(np.uint8)


def write_video(path: Path, pictures: Iterable[np.ndarray], fps: int = FPS, sound: np.ndarray | None = None) -> None:
    """Encode pictures as H.264 with one thread, so that the same pictures give the same file.

    Args:
        sound: (N,) int16 mono at ``speak.RATE``, as AAC beside them.
    """
    import av

    with create_video(path) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.options = {"preset": "ultrafast", "crf": "28", "g": "80"}
        stream.codec_context.thread_count = 1
        stream.pix_fmt = "yuv420p"
        voice = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound is not None else None
        for i, picture in enumerate(pictures):
            if i == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if voice is not None and sound is not None:
            for first in range(0, len(sound), SOUND_RATE):
                part = av.AudioFrame.from_ndarray(sound[None, first : first + SOUND_RATE], "s16", "mono")
                part.sample_rate, part.pts = SOUND_RATE, first
                container.mux(voice.encode(part))
            container.mux(voice.encode())


def rolling_srt(sentences: list[Sentence]) -> str:
    """Captions as speech recognition delivers them: each line repeats the last words of the line before."""
    blocks, before = [], []
    for number, sentence in enumerate(sentences, 1):
        words = sentence.text.split()
        line = " ".join(before[-4:] + words)
        blocks.append(f"{number}\n{_clock(sentence.start)} --> {_clock(sentence.end)}\n{line}\n")
        before = words
    return "\n".join(blocks)


def _clock(seconds: float) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d},{ms % 1000:03d}"


@cache
def sprite(thing: str, colour: str) -> Image.Image:
    """The picture of an object: its outline and mark say which it is."""
    index = list(OBJECTS).index(thing)
    outline, mark = OUTLINES[index % len(OUTLINES)], MARKS[index // len(OUTLINES)]
    big = 4 * SPRITE
    mask = Image.new("L", (big, big), 0)
    _draw_outline(ImageDraw.Draw(mask), outline, big)
    ink = (20, 20, 20) if sum(RGB[colour]) > 200 else (235, 235, 235)
    face = Image.new("RGB", (big, big), RGB[colour])
    draw, c = ImageDraw.Draw(face), big / 2
    if mark == "dot":
        draw.ellipse([c - 30, c - 30, c + 30, c + 30], fill=ink)
    elif mark == "stripe":
        draw.rectangle([0, c - 10, big, c + 10], fill=ink)
    elif mark == "pair":
        for x in (c - 40, c + 40):
            draw.ellipse([x - 18, c - 18, x + 18, c + 18], fill=ink)
    face.putalpha(mask)
    return face.resize((SPRITE, SPRITE), Image.Resampling.LANCZOS)


def _draw_outline(draw: ImageDraw.ImageDraw, outline: str, big: int) -> None:
    c, r = big / 2, big * 0.36

    def around(points: int, radius=lambda i: 1.0, turn: float = -math.pi / 2):
        angles = [turn + 2 * math.pi * i / points for i in range(points)]
        return [(c + r * radius(i) * math.cos(a), c + r * radius(i) * math.sin(a)) for i, a in enumerate(angles)]

    if outline == "disc":
        draw.ellipse([c - r, c - r, c + r, c + r], fill=255)
    elif outline == "cog":
        draw.polygon(around(16, lambda i: 1.2 if i % 2 == 0 else 0.8), fill=255)
    elif outline == "square":
        draw.rectangle([c - r * 0.85, c - r * 0.85, c + r * 0.85, c + r * 0.85], fill=255)
    elif outline == "triangle":
        draw.polygon(around(3, lambda i: 1.15), fill=255)
    elif outline == "star":
        draw.polygon(around(10, lambda i: 1.15 if i % 2 == 0 else 0.5), fill=255)
    elif outline == "cross":
        draw.rectangle([c - r, c - r * 0.35, c + r, c + r * 0.35], fill=255)
        draw.rectangle([c - r * 0.35, c - r, c + r * 0.35, c + r], fill=255)
    elif outline == "diamond":
        draw.polygon([(c, c - r * 1.2), (c + r * 0.7, c), (c, c + r * 1.2), (c - r * 0.7, c)], fill=255)
    elif outline == "half":
        draw.pieslice([c - r, c - r * 1.3, c + r, c + r * 0.9], 0, 180, fill=255)
    elif outline == "hook":
        draw.rectangle([c - r, c - r, c - r * 0.3, c + r], fill=255)
        draw.rectangle([c - r, c + r * 0.3, c + r, c + r], fill=255)
    elif outline == "bar":
        draw.rectangle([c - r * 1.25, c - r * 0.4, c + r * 1.25, c + r * 0.4], fill=255)


def _scene(script: Script, rng: random.Random) -> Image.Image:
    """The family's background with this video's tint, and objects that lie about and do nothing."""
    style, k = divmod(family_names(MOST_FAMILIES).index(script.family), len(FAMILIES))
    hue = (k / len(FAMILIES) + style / MOST_FAMILIES + rng.uniform(-0.02, 0.02)) % 1.0
    kind = (k + style) % 4
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    shift, pitch = rng.uniform(0, 40), 10 + k + 3 * style
    pattern = {0: x, 1: y, 2: x + y, 3: np.hypot(x - 64, y - 48)}[kind] + shift
    shade = 0.55 + 0.1 * rng.random() + 0.08 * (np.sin(2 * np.pi * pattern / pitch) > 0)
    base = np.array(colorsys.hsv_to_rgb(hue, 0.25, 1.0)) * 255
    scene = Image.fromarray((shade[..., None] * base).astype(np.uint8))
    objects = family_members(script.family)[1]
    for corner in rng.sample([(14, 14), (WIDTH - 14, 14), (14, HEIGHT - 14), (WIDTH - 14, HEIGHT - 14)], 3):
        lying = sprite(rng.choice(objects), rng.choice(list(COLOURS)))
        _paste(scene, lying, corner, Pose(wide=0.55, high=0.55, angle=rng.uniform(0, 6)))
    return scene


def _draw_step(picture: Image.Image, step, t: float, dx: float, dy: float, size: float) -> None:
    pose = MOTIONS[step.action](t)
    pose = Pose(pose.x + dx, pose.y + dy, pose.angle, pose.wide * size, pose.high * size, pose.light)
    x, y = CENTRE[0] + dx, CENTRE[1] + dy
    draw = ImageDraw.Draw(picture, "RGBA")
    thing = sprite(step.object, step.colour)
    if step.action == "split":
        apart = 5 + 5 * _wave(t, 1.2)
        half = SPRITE // 2
        for side in (-1, 1):
            part = thing.copy()
            part.paste((0, 0, 0, 0), (half, 0, SPRITE, SPRITE) if side < 0 else (0, 0, half, SPRITE))
            _paste(picture, part, (x + side * apart * 1.6, y), Pose(wide=size, high=size))
        return
    if step.action == "heat":
        glow = 20 + 5 * _wave(t, 1.0)
        draw.ellipse([x - glow, y - glow, x + glow, y + glow], fill=(255, 90, 0, int(120 + 90 * _wave(t, 1.0))))
    _paste(picture, thing, CENTRE, pose)
    _draw_tool(draw, step.action, t, x, y)


def _draw_tool(draw: ImageDraw.ImageDraw, action: str, t: float, x: float, y: float) -> None:
    if action == "slice":
        edge = y - 14 + 12 * _wave(t, 0.8)
        draw.polygon([(x - 3, edge - 30), (x + 5, edge - 30), (x + 5, edge), (x - 3, edge + 8)], fill=(190, 200, 210))
    elif action == "hammer":
        head = y - 18 if t % 0.75 < 0.2 else y - 32
        draw.rectangle([x - 12, head - 8, x + 12, head], fill=(90, 70, 60))
        draw.rectangle([x + 12, head - 5, x + 34, head - 2], fill=(150, 110, 60))
    elif action == "wipe":
        edge = x + 20 * _wave(t, 1.5)
        draw.rectangle([edge - 7, y - 14, edge + 7, y + 14], fill=(225, 225, 170))
    elif action == "dust":
        grains = random.Random(int(t * FPS))
        for _ in range(14):
            gx, gy = x + grains.uniform(-18, 18), y + grains.uniform(-30, 10)
            draw.rectangle([gx, gy, gx + 2, gy + 2], fill=(255, 250, 235))
    elif action == "soak":
        draw.rectangle([x - 4, y - 48, x + 4, y - 4], fill=(90, 170, 255, 200))
        splash = 8 + 6 * _wave(t, 0.7)
        draw.ellipse([x - splash, y - 8, x + splash, y + 2], fill=(120, 190, 255, 190))


def _paste(picture: Image.Image, thing: Image.Image, at: tuple[float, float], pose: Pose) -> None:
    """Draw a sprite with its centre at ``at`` plus the pose's offset."""
    size = SPRITE * 2
    cos, sin = math.cos(pose.angle), math.sin(pose.angle)
    a, b, d, e = cos / pose.wide, sin / pose.wide, -sin / pose.high, cos / pose.high
    left, top = round(at[0] + pose.x - size / 2), round(at[1] + pose.y - size / 2)
    fx, fy = at[0] + pose.x - left, at[1] + pose.y - top
    c, f = SPRITE / 2 - a * fx - b * fy, SPRITE / 2 - d * fx - e * fy
    moved = thing.transform((size, size), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR)
    picture.paste(moved, (left, top), moved)
