"""The README.md of a model's folder: what it is, how it came to be, how good it is, and how it is used."""

from dataclasses import dataclass, field

from ..provenance import versions
from .config import ModelConfig

PAPER = "https://arxiv.org/abs/2109.14084"


@dataclass(frozen=True)
class About:
    """What a model cannot know of itself; what is left empty, its card says to be unknown."""

    trained: str = ""
    """How, in a sentence."""
    data: str = ""
    """On what."""
    metrics: dict[str, float] = field(default_factory=dict)
    license: str = ""
    """Of the weights, as the hub names it, such as ``apache-2.0``."""


UNKNOWN = About()


def model_card(config: ModelConfig, size: int, parameters: int, about: About) -> str:
    """The card as Markdown, with what the hub reads of it at its top.

    Args:
        size: numbers in a vector, D.
        parameters: numbers that were trained.
    """
    license_ = f"license: {about.license}\n" if about.license else ""
    figures = "".join(f"| {name} | {value:.4g} |\n" for name, value in about.metrics.items())
    measured = f"| metric | value |\n| --- | --- |\n{figures}" if figures else "Nothing that is noted here.\n"
    sizes = (
        f"{config.video_layers} layers for video and {config.text_layers} for text, vectors of {size} numbers, "
        f"{parameters:,} trained parameters"
    )
    version, encoder = versions()["videoclip"], config.encoder or "unknown"
    return f"""---
library_name: videoclip
{license_}tags:
- video-text-retrieval
- pytorch_model_hub_mixin
- model_hub_mixin
---

# A VideoCLIP model

Text and video in one space: the method of [VideoCLIP]({PAPER}) (Xu et al., EMNLP 2021), by videoclip {version}. It has
{sizes}. It understands features of the encoder `{encoder}`, {config.feature_size} numbers for each second.

## Use

```python
from videoclip import load_encoder, load_model

model = load_model("PLACE")  # this folder, or the model's name on the hub
features = load_encoder("{_encoder_for_people(config.encoder)}").encode_file("video.mp4")
print(model.similarity(model.encode_text("slice the onion"), model.encode_video(features)))
```

A score is a logit: where a text's score with a video is larger by 1 than another text's, it is e times as likely.

## Training

{about.trained or "How it was trained is not noted."} {about.data or "What it was trained on is not noted."}

## Metrics

{measured}
## Licence

{f"`{about.license}`." if about.license else "None is named: whoever publishes these weights says who may use them."}
"""


def _encoder_for_people(name: str) -> str:
    """What ``load_encoder`` takes, as far as a name tells; the folder of a trained encoder is its maker's."""
    return name if name == "s3d" or name.startswith(("image:", "joint:")) else "ENCODER"
