"""Results of evaluations on the screen, and how a repeated one compares."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..benchmarks.analysis import confusion

DIFFERING = 10
"""Metrics that are shown of those that differ."""


def print_finetuned(result: dict, model: Path) -> None:
    """What training brought, by each rule for both models, and a warning where it brought nothing."""
    metric = " ".join(result["figure"]).replace("_", " ")
    for rule, figures in result["by_rule"].items():
        named = f"{metric}, rule {rule}" if rule else metric
        print(f"{named}: {100 * figures['before']:.1f} % before, {100 * figures['after']:.1f} % after")
    print(f"best epoch {result['best_epoch']} of {len(result['epochs']) - 1}; the model: {model}")
    if result["is_worse"]:
        advice = "keep the one that you started from, or train on more examples, or with a smaller optimizer.lr"
        print(f"the trained model is worse than the one before; {advice}", file=sys.stderr)


def print_scores(result: dict) -> None:
    """The figures of an evaluation, as far as there are any."""
    console = Console()
    if retrieval := result.get("retrieval"):
        table = Table(title=f"Retrieval among {retrieval['gallery']} clips (chance R@1 {retrieval['chance_R@1']:.1%})")
        for column in ("", "R@1", "R@5", "R@10", "median rank", "mean rank"):
            table.add_column(column, justify="right" if column else "left")
        for key, label in (("text_to_video", "text → video"), ("video_to_text", "video → text")):
            figures = retrieval[key]
            recalls = [f"{100 * figures[f'R@{k}']:.1f}" for k in (1, 5, 10)]
            table.add_row(label, *recalls, f"{figures['median_rank']:g}", f"{figures['mean_rank']:.1f}")
        console.print(table)
        if unseen := retrieval.get("unseen_pairs"):
            shown = f"R@1 {100 * unseen['R@1']:.1f} % of {unseen['queries']}"
            console.print(f"action–object pairs never seen together: {shown}")
    if moments := result.get("moments"):
        shown = ", ".join(f"{name} {100 * moments[name]:.1f} %" for name in ("rank_at_1", "rank_at_5", "mean_iou"))
        console.print(f"moments inside the right video: {shown} of {moments['descriptions']} descriptions")
    if sought := result.get("moment_retrieval"):
        shown = ", ".join(f"{name} {100 * sought[name]:.1f} %" for name in sought if name[:1] == "R" or name[0] == "m")
        console.print(f"moments by sentence: {shown} of {sought['queries']}")
        shown = ", ".join(f"{name[7:]} {100 * sought[name]:.1f} %" for name in sought if name.startswith("chance"))
        console.print(f"  by chance: {shown}")
    if rated := result.get("highlights"):
        shown = ", ".join(f"{name} {100 * rated[name]:.1f} %" for name in ("mAP", "HIT@1"))
        console.print(f"highlights (very good): {shown} of {rated['queries']}")
    if grounded := result.get("step_grounding"):
        shown = ", ".join(f"{name} {100 * grounded[name]:.1f} %" for name in ("mAP", "mAP@0.5", "R@1"))
        console.print(f"steps of articles: {shown} of {grounded['steps']} steps in {grounded['videos']} videos")
    if answers := result.get("multiple_choice"):
        shown = f"{100 * answers['accuracy']:.1f} % of {answers['questions']} (chance {answers['chance']:.0%})"
        console.print(f"multiple choice: {shown}")
        if "accuracy_one_part_apart" in answers:
            console.print(f"  with choices one part apart: {100 * answers['accuracy_one_part_apart']:.1f} %")
    for key, label in (("segmentation", "segmentation"), ("segmentation_by_the_papers_rule", "by the paper's rule")):
        if seconds := result.get(key):
            _print_segmentation(console, label, seconds)
    if located := result.get("localization"):
        console.print(f"localisation: recall {100 * located['recall']:.1f} % in {located['videos']} videos")
    for key, label in (("alignment", "alignment"), ("alignment_near_speech", "alignment near the speech")):
        if aligned := result.get(key):
            heard = f" (times of speech {100 * aligned['spoken_recall']:.1f} %)" if "spoken_recall" in aligned else ""
            console.print(f"{label}: R@1 {100 * aligned['recall']:.1f} %{heard} of {aligned['alignable']} sentences")
            console.print(f"  alignability: AUC {aligned['auc']:.3f} over {aligned['sentences']} sentences")
    if paragraphs := result.get("paragraphs"):
        for key in ("background_removed", "background_kept"):
            shown = ", ".join(f"{measure} {100 * of['R@1']:.1f} %" for measure, of in paragraphs[key].items())
            console.print(f"video by paragraph, {key.replace('_', ' ')}: R@1 {shown} of {paragraphs['gallery']}")
    for name, (low, high) in result.get("intervals", {}).items():
        console.print(f"95 % interval of {name}: {100 * low:.1f} to {100 * high:.1f} %")
    for reason, count in result.get("left_out", {}).items():
        if count:
            console.print(f"left out: {count} {reason.replace('_', ' ')}")


def print_classes(result: dict) -> None:
    """The metrics of each class, where seconds were labelled, and of each task of a benchmark that has tasks."""
    console, table = Console(), confusion(result)
    if table:
        shown = Table(title="Seconds of each class")
        for column in ("class", "seconds", "recall", "precision", "most often mistaken for"):
            shown.add_column(column)
        for c in table.by_class():
            shown.add_row(c.name, str(c.seconds), f"{100 * c.recall:.1f}", f"{100 * c.precision:.1f}", c.mistaken_for)
        console.print(shown)
    for task, recall in result.get("localization", {}).get("by_task", {}).items():
        console.print(f"{task}: recall {100 * recall:.1f} %")


def _print_segmentation(console, label: str, figures: dict) -> None:
    names = ("frame_accuracy", "background_accuracy", "labelled_accuracy", "class_accuracy", "edit", "F1@10", "F1@50")
    shown = ", ".join(f"{name.replace('_', ' ')} {100 * figures[name]:.1f} %" for name in names)
    console.print(f"{label}: {shown}")
    if figures["one_label"]:
        console.print("  every second has the same label: this prediction says nothing")


def print_comparison(
    differing: Mapping[str, tuple[Any, Any]], compared: int, same_weights: bool, other_versions: Sequence[str]
) -> None:
    """How what was made anew differs: metrics before and now, of so many compared, weights and versions."""
    for name, (before, after) in list(differing.items())[:DIFFERING]:
        print(f"{name}: {before} before, {after} now")
    if len(differing) > DIFFERING:
        print(f"… and {len(differing) - DIFFERING} more of {compared} metrics")
    if not same_weights:
        print("the weights are others")
    if other_versions:
        print(f"made with other versions: {', '.join(other_versions)}", file=sys.stderr)
