"""Ready-made models that we recommend: what each is, what it is good for, and which is taken where none is named."""

from dataclasses import dataclass

from ...hardware import device_of


@dataclass(frozen=True)
class Recommended:
    """A row of the catalogue. R@1 is text to video without training on the set, in percent, as ``source`` states it."""

    name: str
    """What ``load_model`` takes."""
    good_for: str
    licence: str
    parameters: float
    """In millions, about."""
    download: float
    """GB, about."""
    languages: str
    frames: str
    extra: str = ""
    """What has to be installed beside the package itself."""
    msrvtt: float | None = None
    didemo: float | None = None
    youcook2: float | None = None
    source: str = ""


APACHE = "Apache-2.0"
ONE_A_SECOND = "1 a second"
SIGLIP2 = "Tschannen et al., 2025, arXiv:2502.14786"
PE = "README of facebookresearch/perception_models"
PRISM = "README of google-deepmind/videoprism"
MTEB = "MTEB's results, August 2026"
CATALOGUE = (
    Recommended(
        "google/siglip2-base-patch32-256", "everyday videos on a CPU: a quarter of the work of the next", APACHE,
        377, 1.5, "many", ONE_A_SECOND, source=SIGLIP2,
    ),
    Recommended(
        "google/siglip2-base-patch16-224", "everyday videos on a CPU, small things seen better", APACHE,
        375, 1.5, "many", ONE_A_SECOND, source=SIGLIP2,
    ),
    Recommended(
        "google/siglip2-so400m-patch14-384", "everyday videos on a GPU: details, text in pictures", APACHE,
        1136, 4.5, "many", ONE_A_SECOND, source=SIGLIP2,
    ),
    Recommended(
        "google/siglip2-base-patch16-naflex", "tall and wide videos, which it does not squeeze", APACHE,
        375, 1.5, "many", ONE_A_SECOND, source=SIGLIP2,
    ),
    Recommended(
        "timm/PE-Core-S-16-384", "little memory, a small download", APACHE,
        87, 0.35, "English", ONE_A_SECOND, "open-clip", msrvtt=39.3, source=PE,
    ),
    Recommended(
        "timm/PE-Core-B-16", "everyday videos in English", APACHE,
        448, 1.8, "English", ONE_A_SECOND, "open-clip", msrvtt=47.6, source=PE,
    ),
    Recommended(
        "timm/PE-Core-L-14-336", "everyday videos in English, on a GPU", APACHE,
        671, 2.7, "English", ONE_A_SECOND, "open-clip", msrvtt=50.3, source=PE,
    ),
    Recommended(
        "google/videoprism-lvt-base-f16r288", "motion: what takes seconds to be seen", APACHE,
        248, 1.0, "English", "16 of a window", msrvtt=50.1, source=PRISM,
    ),
    Recommended(
        "Qwen/Qwen3-VL-Embedding-2B", "the best published figures, cooking too; on a GPU", APACHE,
        2127, 4.3, "over 30", ONE_A_SECOND, "embed", msrvtt=55.6, didemo=55.6, youcook2=30.2, source=MTEB,
    ),
    Recommended(
        "microsoft/xclip-large-patch14", "kinds of actions", "MIT",
        576, 2.3, "English", "8 of a window", msrvtt=26.8, didemo=20.0, youcook2=4.2, source=MTEB,
    ),
    Recommended(
        "openai/clip-vit-large-patch14", "comparisons with what is published, since all compare with it", "MIT",
        428, 1.7, "English", ONE_A_SECOND, source="Radford et al., 2021, arXiv:2103.00020",
    ),
    Recommended(
        "mil-nce", "narrated cooking and crafts; S3D's own text side (videoclip download mil-nce)", APACHE,
        31, 0.13, "English", "30 a second", msrvtt=9.9, youcook2=15.1, source="Miech et al., 2020, arXiv:1912.06430",
    ),
)  # fmt: skip
"""VideoCLIP as published is in docs/published-weights.md, since it has to be converted first: 10.4 on MSR-VTT, 22.7 on
YouCook2."""
ON_CPU, ON_GPU = "google/siglip2-base-patch32-256", "google/siglip2-so400m-patch14-384"
"""What is taken where no model is named: both know many languages, and need nothing more installed.

On a CPU the one with large patches, which looks at a frame in a quarter of the time; a GPU has time for details.
"""


def default_model() -> Recommended:
    """The model for this machine, where none is named."""
    wanted = ON_CPU if device_of().type == "cpu" else ON_GPU
    return next(row for row in CATALOGUE if row.name == wanted)
