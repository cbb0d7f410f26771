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
PE = "Bolya et al., 2025, arXiv:2504.13181"
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
        "google/siglip2-large-patch16-256", "everyday videos on a small GPU", APACHE,
        882, 3.5, "many", ONE_A_SECOND, source=SIGLIP2,
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
        "timm/PE-Core-B-16", "everyday videos in English", APACHE,
        448, 1.8, "English", ONE_A_SECOND, "open-clip", msrvtt=47.6, source=PE,
    ),
    Recommended(
        "timm/PE-Core-L-14-336", "everyday videos in English, on a GPU", APACHE,
        671, 2.7, "English", ONE_A_SECOND, "open-clip", source=PE,
    ),
    Recommended(
        "Qwen/Qwen3-VL-Embedding-2B", "long descriptions in many languages, on a GPU", APACHE,
        2127, 4.3, "many", ONE_A_SECOND, "embed", msrvtt=55.6, youcook2=30.2, source="its model card",
    ),
    Recommended(
        "microsoft/xclip-base-patch32", "a small model of videos", "MIT",
        197, 0.8, "English", "8 of a window", source="Ni et al., 2022, arXiv:2208.02816",
    ),
    Recommended(
        "openai/clip-vit-base-patch32", "comparisons with what is published, since all compare with it", "MIT",
        151, 0.6, "English", ONE_A_SECOND, source="Radford et al., 2021, arXiv:2103.00020",
    ),
    Recommended(
        "mil-nce", "narrated cooking and crafts; S3D's own text side (videoclip download mil-nce)", APACHE,
        31, 0.13, "English", "30 a second", source="Miech et al., 2020, arXiv:1912.06430",
    ),
)  # fmt: skip
"""VideoCLIP as published is in docs/published-weights.md, since it has to be converted first: 10.4 on MSR-VTT, 22.4 on
YouCook2."""
ON_CPU, ON_GPU = "google/siglip2-base-patch32-256", "google/siglip2-so400m-patch14-384"
"""What is taken where no model is named: both know many languages, and need nothing more installed.

On a CPU the one with large patches, which looks at a frame in a quarter of the time; a GPU has time for details.
"""


def default_model() -> Recommended:
    """The model for this machine, where none is named."""
    wanted = ON_CPU if device_of().type == "cpu" else ON_GPU
    return next(row for row in CATALOGUE if row.name == wanted)


def is_here(name: str) -> bool:
    """Whether a model's files are in the hub's cache, so that nothing is downloaded."""
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(name, mark), str) for mark in ("config.json", "open_clip_config.json"))
