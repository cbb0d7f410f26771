"""The report of a run: one HTML page that stands alone, made from ``metrics.json`` and what the run logged."""

import base64
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np

from ..errors import MediaError
from ..media.video import picture_at
from ..storage.places import write_whole
from . import plots

QUERIES = 12
FOUND = 5
TIMELINES = 6
THUMBNAIL = 160
"""Width in pixels."""


def write_report(path: Path, result: dict, history: list[dict], video_file: Callable[[str], Path]) -> None:
    """Write the page.

    Args:
        result: an evaluation's result with ``retrieval``, ``items``, ``videos`` and ``similarity``, and the run's
            ``seconds``, ``config`` and ``versions``.
        history: the lines of the run's ``history.jsonl``.
        video_file: the file of a video's id, for thumbnails.
    """
    figures = {
        "curves": plots.learning_curves(history),
        "recall": plots.recall_bars(result["retrieval"]),
        "heat_map": plots.heat_map(result["similarity"]),
        "timelines": plots.timelines(result["videos"][:TIMELINES]),
    }
    shown = [_card(item, video_file) for item in chosen(result["items"])]
    text = template("report.html.j2").render(
        result=result, figures=figures, queries=shown, config=json.dumps(result["config"], indent=1)
    )
    write_whole(path, text)


def template(name: str):
    """A page's template, in which all text is escaped."""
    import jinja2

    loader = jinja2.PackageLoader("videoclip.report", "")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template(name)


def chosen(items: list[dict], count: int = QUERIES) -> list[dict]:
    """A fair dozen: evenly spaced over all queries, whatever came out."""
    step = max(len(items) / count, 1)
    return [items[int(i * step)] for i in range(min(count, len(items)))]


def _card(item: dict, video_file: Callable[[str], Path]) -> dict:
    found = []
    for hit in item["found"][:FOUND]:
        action, thing, colour = hit["what"]
        picture = thumbnail(video_file(hit["video"]), (hit["start"] + hit["end"]) / 2)
        found.append(hit | {"picture": picture, "shown": f"{action} {colour} {thing}"})
    return item | {"found": found}


def thumbnail(path: Path, second: float) -> str:
    """The picture at ``second`` as a data URL, or an empty string where the file cannot be read."""
    from PIL import Image

    try:
        picture = Image.fromarray(np.ascontiguousarray(picture_at(path, second)))
    except MediaError:
        return ""
    picture = picture.resize((THUMBNAIL, round(THUMBNAIL * picture.height / picture.width)))
    data = BytesIO()
    picture.save(data, "WEBP", quality=75)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode()
