"""Plots of a run as SVG text that stands inside a page."""

from io import StringIO
from typing import Any

INK, SOFT, GOOD, CHANCE = "#1f2a44", "#8a94a6", "#2f6fdb", "#c2c8d2"


def learning_curves(history: list[dict]) -> str:
    """Training loss on the left; on the right, validation figures over updates."""
    figure, (left, right) = _figure(9, 3, 2)
    _line(left, history, "loss", "training", INK)
    _line(left, history, "validation_loss", "validation", GOOD)
    left.set(title="Loss", xlabel="update")
    for name, label, colour in (
        ("zero_shot_R@10", "text→video R@10", SOFT),
        ("zero_shot_R@1", "text→video R@1", GOOD),
        ("validation_R@1", "R@1 among narrated clips", INK),
    ):
        _line(right, history, name, label, colour)
    right.set(title="On held-out videos", xlabel="update", ylim=(0, 1))
    for axes in (left, right):
        if axes.lines:
            axes.legend(frameon=False)
    return _svg(figure)


def recall_bars(retrieval: dict) -> str:
    """R@1, R@5, R@10 in both directions, with chance for R@1, and R@1 on unseen pairs."""
    names = ["R@1", "R@5", "R@10"]
    figure, (axes,) = _figure(6, 3, 1)
    for shift, key, label, colour in (
        (-0.2, "text_to_video", "text → video", GOOD),
        (0.2, "video_to_text", "video → text", SOFT),
    ):
        bars = axes.bar(
            [i + shift for i in range(3)], [retrieval[key][n] for n in names], 0.36, label=label, color=colour
        )
        axes.bar_label(bars, fmt="{:.0%}", fontsize=8)
    axes.set_xticks(range(3), names)
    if "unseen_pairs" in retrieval:
        unseen = axes.bar([3], [retrieval["unseen_pairs"]["R@1"]], 0.36, color=GOOD, hatch="//", edgecolor="white")
        axes.bar_label(unseen, fmt="{:.0%}", fontsize=8)
        axes.set_xticks(range(4), [*names, "R@1, pairs\nnever seen"])
    axes.axhline(retrieval["chance_R@1"], color=INK, lw=1, ls=":", label=f"chance R@1 {retrieval['chance_R@1']:.1%}")
    axes.set(ylim=(0, 1.08), title=f"Retrieval among {retrieval['gallery']} clips")
    axes.legend(frameon=False, loc="upper left", fontsize=8)
    return _svg(figure)


def stretches(seconds: int, shown: list[tuple[float, float, str]], labels: list[str]) -> str:
    """Which label a video shows when: (start, end, label) in seconds, a row per label."""
    figure, (axes,) = _figure(9, 0.6 + 0.3 * len(labels), 1)
    rows = {label: row for row, label in enumerate(labels)}
    for start, end, label in shown:
        axes.barh(rows[label], end - start, left=start, height=0.7, color=GOOD)
    axes.set_yticks(range(len(labels)), [label[:60] for label in labels], fontsize=8)
    axes.set(xlim=(0, seconds), ylim=(len(labels) - 0.5, -0.5), xlabel="second")
    return _svg(figure)


def heat_map(similarity: list[list[float]]) -> str:
    """Similarities of texts (rows) and clips (columns); right pairs lie on the diagonal."""
    figure, (axes,) = _figure(4.6, 4.2, 1)
    picture = axes.imshow(similarity, cmap="viridis", interpolation="nearest")
    axes.set(title="Similarity", xlabel="clip", ylabel="description")
    figure.colorbar(picture, ax=axes, shrink=0.8)
    return _svg(figure)


def variants(names: list[str], figures: dict[str, list[list[float]]]) -> str:
    """A panel per figure: for each variant its mean as a bar and every seed as a dot; the first variant's mean is drawn
    through."""
    columns = min(len(figures), 5)
    rows = -(-len(figures) // columns)
    figure, axes = _figure(3.0 * columns, (0.32 * len(names) + 0.9) * rows, columns, rows)
    for i, (axis, (title, values)) in enumerate(zip(axes, figures.items(), strict=False)):
        means = [sum(row) / len(row) for row in values]
        axis.barh(range(len(names)), means, color=[GOOD, *[CHANCE] * (len(names) - 1)], height=0.7)
        for y, row in enumerate(values):
            axis.plot(row, [y] * len(row), "o", color=INK, ms=3)
        axis.axvline(means[0], color=GOOD, lw=1, ls=":")
        smallest = min(min(row) for row in values)
        axis.set(title=title, xlim=(max(0.0, smallest - 0.15), None))
        axis.set_yticks(range(len(names)), names if i % columns == 0 else [""] * len(names), fontsize=8)
        axis.invert_yaxis()
    for axis in axes[len(figures) :]:
        axis.set_visible(False)
    return _svg(figure)


def growth(sizes: list[int], variants: dict[str, dict[str, list[list[float]]]]) -> str:
    """Figures over the number of videos that were trained on, a panel each: mean and range of the seeds.

    Args:
        variants: of each, by figure, for each size the values of the seeds.
    """
    names = list(next(iter(variants.values())))
    figure, panels = _figure(3 * len(names), 3, len(names))
    for axes, name in zip(panels, names, strict=True):
        for (variant, figures), colour in zip(variants.items(), (SOFT, GOOD, INK), strict=False):
            means = [100 * sum(values) / len(values) for values in figures[name]]
            low, high = ([100 * pick(values) for values in figures[name]] for pick in (min, max))
            axes.plot(sizes, means, "o-", color=colour, label=variant, lw=1.5, ms=3)
            axes.fill_between(sizes, low, high, color=colour, alpha=0.15, lw=0)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.set(title=name, xlabel="videos to train on", ylim=(0, 102))
    panels[0].legend(frameon=False, fontsize=8)
    return _svg(figure)


def confusion_map(classes: list[str], shares: list[list[float]]) -> str:
    """What the seconds of each class (rows) were labelled as (columns), in shares of the row."""
    size = max(4.0, 0.3 * len(classes) + 2)
    figure, (axes,) = _figure(size + 1, size, 1)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    short = [name if len(name) < 28 else name[:27] + "…" for name in classes]
    axes.set_xticks(range(len(classes)), short, rotation=90, fontsize=7)
    axes.set_yticks(range(len(classes)), short, fontsize=7)
    axes.set(title="Seconds", xlabel="labelled as", ylabel="truth")
    figure.colorbar(picture, ax=axes, shrink=0.6)
    return _svg(figure)


def timelines(lines: list[dict]) -> str:
    """For each video two bars, truth over prediction; one colour per step."""
    from matplotlib import colormaps

    colours = colormaps["tab10"].colors  # type: ignore[attr-defined]
    figure, axes = _figure(9, 0.75 * len(lines) + 0.5, 1, len(lines))
    for axis, line in zip(axes, lines, strict=True):
        for y, row in ((1, line["truth"]), (0, line["prediction"])):
            for start, end, label in runs(row):
                colour = CHANCE if label < 0 else colours[label % 10]
                axis.broken_barh([(start, end - start)], (y + 0.08, 0.84), color=colour)
        axis.set_yticks([1.5, 0.5], ["truth", "found"], fontsize=7)
        axis.set(xlim=(0, len(line["truth"])), ylim=(0, 2))
        axis.set_title(line["video"], fontsize=8, loc="left", pad=2)
        axis.tick_params(length=0, labelbottom=axis is axes[-1])
    axes[-1].set_xlabel("seconds")
    return _svg(figure)


def runs(row: list[int]) -> list[tuple[int, int, int]]:
    """(start, end, value) of each stretch of equal values."""
    starts = [i for i, value in enumerate(row) if i == 0 or value != row[i - 1]]
    return [(a, b, row[a]) for a, b in zip(starts, [*starts[1:], len(row)], strict=True)]


def _figure(width: float, height: float, columns: int, rows: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _line(axes, history: list[dict], name: str, label: str, colour: str) -> None:
    points = [(line["update"], line[name]) for line in history if name in line]
    if points:
        axes.plot(*zip(*points, strict=True), label=label, color=colour, lw=1.8)


def _svg(figure) -> str:
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
