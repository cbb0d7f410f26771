"""What commands print, line by line: what was skipped, moments, segments, sentences, and what a run would take."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import clock

if TYPE_CHECKING:
    from ..encoders.ready_made.catalogue import Recommended
    from ..library.index import Indexed
    from ..library.search import Found
    from ..media.inspection import Inspection
    from ..media.inventory import Inventory
    from ..media.speech.writing import Written
    from ..pretrain.estimate import Estimate
    from ..storage.places import Place
    from ..tasks.one_video import Aligned, Segment

SHOWN = 20
"""Files that are named on the screen of those set aside."""


def print_set_aside(set_aside: Mapping[str, str], listed: "str | Place", warnings: Sequence[str] = ()) -> None:
    """The first files that were set aside, with the reasons, and the first warnings.

    Args:
        listed: the file in which all of them are.
    """
    for name, reason in list(set_aside.items())[:SHOWN]:
        complain(f"set aside: {reason if name in reason else f'{name}: {reason}'}")
    if len(set_aside) > SHOWN:
        complain(f"… and {len(set_aside) - SHOWN} more, listed in {listed}")
    for warning in warnings[:SHOWN]:
        complain(f"warning: {warning}")


def print_inventory(inventory: "Inventory") -> None:
    """What is there now, and why the rest is not, a line each."""
    rows = [("videos", inventory.videos), ("hours", f"{inventory.seconds / 3600:.2f}")]
    rows += [("captions beside", inventory.beside), ("captions inside", inventory.inside)]
    rows += [("captions heard", inventory.heard), ("silent", inventory.none)]
    for name, count in rows:
        print(f"  {name:<16} {count:>8}")
    for reason, count in inventory.set_aside.items():
        print(f"  {'set aside':<16} {count:>8}  {reason}")


def print_indexed(result: "Indexed", library: "Place", option: str = "") -> None:
    """What an indexing did, and what to do next.

    Args:
        option: what other commands must be given to find the library.
    """
    print_set_aside(result.set_aside, library / "progress.json", result.warnings)
    for path, reason in list(result.unseen.items())[:SHOWN]:
        complain(f"{path}: found by what is said alone: {reason}")
    for path, reason in list(result.unheard.items())[:SHOWN]:
        complain(f"not heard: {reason if path in reason else f'{path}: {reason}'}")
    for path, reason in list(result.unread.items())[:SHOWN]:
        complain(f"not read: {reason if path in reason else f'{path}: {reason}'}")
    if result.missing:
        complain(f"{len(result.missing)} files are gone, such as {result.missing[0]}; --prune removes them")
    print(f"{library}: {result}", flush=True)
    print_inventory(result.inventory)
    if result.added:
        print(f'next: videoclip search{option} "what you look for", or videoclip serve{option}', flush=True)


def print_transcribed(written: "Written", out: Path) -> None:
    """What was heard of some files, and what could not be."""
    for path, reason in list(written.unheard.items())[:SHOWN]:
        complain(f"not heard: {reason if path in reason else f'{path}: {reason}'}")
    for path, transcript in written.heard.items():
        about = [f"{len(transcript.utterances):,} sentences"]
        about += [f"in {transcript.language}"] if transcript.language else []
        print(f"{_shortest(path)}: {' '.join(about) if transcript.utterances else 'nothing is said'}")
    print(f"{out}: {len(written.heard)} heard, {written.present} were there, by {written.model}", flush=True)


def print_inspection(seen: "Inspection") -> None:
    """What the program sees in a file, a line each."""
    print(f"{seen.path}: {seen.container or 'not a file of pictures or sound that can be read'}")
    if seen.container:
        counted = f", {seen.pictures:,} pictures" if seen.pictures else ""
        declared = f" (its header says {seen.declared:g} s)" if abs(seen.declared - seen.seconds) > 0.5 else ""
        print(f"  length    {seen.seconds:g} s{counted}{declared}")
        print(f"  recorded  {seen.recorded or 'not known'}")
    for track in seen.tracks:
        named = " ".join(part for part in (track.kind, track.codec, track.language) if part)
        print(f"  {'reads' if track.used else 'holds':<9} {', '.join([named, *track.details])}")
    spoken = f"{seen.sentences:,} sentences{f' in {seen.language}' if seen.language else ''}, from {seen.captions}"
    print(f"  captions  {spoken if seen.sentences else 'none'}")
    if seen.problem:
        print(f"  PROBLEM   {seen.problem}")


def print_hits(found: "Found", query: str = "") -> None:
    """Moments, best first, with why they were found and what is said meanwhile."""
    from ..library.why import isolated, reasons

    if found.missing:
        complain(found.missing)
    if not found.hits:
        print(found.note.replace("'everything'", "--everything"))
    for number, hit in enumerate(found.hits, 1):
        when = f"{clock(hit.start)}–{clock(hit.end)}"
        first, *more = reasons(hit, query)
        share = None if hit.sure is None else f"{100 * hit.sure:.0f} %" if hit.sure >= 0.005 else "< 1 %"
        sure = share if share and first.kind == "seen" else first.kind.split()[0]
        print(f"{number:3}. {when:>13} {sure:>7}  {_shortest(hit.path)}")
        for reason in [first, *more]:
            if reason.text:
                print(f"{'':26} {reason.kind} “{isolated(reason.text)}”")
        if hit.said and not hit.quote:
            print(f"{'':26}“{isolated(hit.said[:90])}{'…' if len(hit.said) > 90 else ''}”")


def _shortest(path: str) -> str:
    """A path as it is, or from the working folder on, if it lies there."""
    return str(Path(path).relative_to(Path.cwd())) if Path(path).is_relative_to(Path.cwd()) else path


def print_segments(found: "Sequence[Segment]", seconds: int) -> None:
    """Stretches with their labels, and how much of the video they are."""
    for part in found:
        print(f"{clock(part.start):>8}–{clock(part.end):<8} {part.label}")
    labelled = sum(part.end - part.start for part in found)
    print(f"{len(found)} segments; {100 * labelled / max(seconds, 1):.0f} % of {clock(seconds)} are labelled")


def print_aligned(sentences: "Sequence[Aligned]") -> None:
    """When each sentence is spoken, and when what it says is shown."""
    for sentence in sentences:
        start, end = sentence.shown
        mark = f"{start:7.1f} to {end:.1f} s" if sentence.kept else "      not shown"
        print(f"{sentence.spoken[0]:7.1f} s  {mark:<22} {sentence.confidence:.2f}  {sentence.text}")
    kept = sum(sentence.kept for sentence in sentences)
    print(f"{kept} of {len(sentences)} sentences describe something that is seen")


def print_estimate(e: "Estimate") -> None:
    """What a run would take."""
    gigabytes = "{:.2f} GB".format
    towers = ", ".join(f"{name} {count:,}" for name, count in e.parameters.items())
    rounds = (
        f" ({' and '.join(str(r.epochs) for r in (e, *e.further))} of {1 + len(e.further)} rounds)" if e.further else ""
    )
    lines = {
        "corpus": f"{e.corpus}: {e.videos:,} videos to train on, {e.held_out:,} held out",
        "parameters": f"{sum(e.parameters.values()):,} trained ({towers}); "
        f"{e.published_parameters:,} in the published layout, with those that nothing uses",
        "pairs": f"{e.pairs_per_update:,} per update, {e.pairs_per_epoch:,} per epoch",
        "updates": f"{e.updates_per_epoch:,} per epoch, {e.updates:,} in {e.epochs_in_all} epochs{rounds}",
        "memory": f"{gigabytes(e.memory / 1e9)} per process: weights {gigabytes(e.weights / 1e9)}, gradients "
        f"{gigabytes(e.gradients / 1e9)}, optimiser state {gigabytes(e.optimizer_state / 1e9)}, activations "
        f"{gigabytes(e.activations / 1e9)}{_beside(e)}",
        "time": f"{clock(e.seconds)} on this machine in one process ({e.device}, {e.precision}): "
        f"{e.seconds_per_update:.3g} s per update, {clock(e.seconds_for_vectors)} per epoch for video vectors, without "
        f"reading{', the placing of narration between rounds' if e.further else ''} and validation",
        "measured": e.measured + (f"; torchrun shares the work among {e.devices} GPUs" if e.devices > 1 else ""),
    }
    for name, text in lines.items():
        print(f"{name:<11}{text}")


def _beside(e: "Estimate") -> str:
    """What of a run's memory the GPU has, and what to do where that is too little."""
    if not e.device_memory:
        return ""
    there = f"; the GPU has {e.device_memory / 1e9:.0f} GB"
    if e.memory < 0.9 * e.device_memory:  # the rest is the library's and what is broken into pieces
        return there
    return f"{there}, which is too little: lower batches.videos and raise batches.per_update in turn"


def complain(text: str) -> None:
    """A line for who watches, beside the result."""
    print(text, file=sys.stderr, flush=True)


def print_models(catalogue: Sequence["Recommended"], default: str, rates: Mapping[str, float]) -> None:
    """Models that are recommended, a few lines each; the default one is marked."""
    for row in catalogue:
        print(f"{row.name}{'  (default here)' if row.name == default else ''}")
        print(f"    {row.good_for}")
        facts = [
            f"{row.download:g} GB",
            f"{row.parameters:,g} M parameters",
            row.licence,
            f"languages: {row.languages}",
        ]
        facts += [f"frames: {row.frames}"] + [f"needs videoclip[{row.extra}]"] * bool(row.extra)
        print(f"    {', '.join(facts)}")
        published = {"MSR-VTT": row.msrvtt, "DiDeMo": row.didemo, "YouCook2": row.youcook2}
        reached = ", ".join(f"{name} {value:g}" for name, value in published.items() if value is not None)
        print(f"    {f'R@1 without training: {reached} ' if reached else ''}({row.source})")
        if row.name in rates:
            print(f"    {rates[row.name]:.3g} s of video a second on this machine, decoding included")
