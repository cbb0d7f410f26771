import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from golden_cases import documents
from hypothesis import given
from hypothesis import strategies as st

from videoclip.corpus.rows import NarratedVideo
from videoclip.errors import CorpusError
from videoclip.media.captions import Caption
from videoclip.model.tokenizer import bert_tokenizer
from videoclip.pretrain.clips import RULES, ClipConfig, Narration, draw_batch, draw_clip

DRAWS = 20_000
LIMIT = 4.5  # standard deviations of chi-square; a wrong rule gives hundreds


def golden_sampling() -> list[tuple[dict, dict]]:
    return [(document["settings"], case) for document in documents("sampling*.json") for case in document["cases"]]


def excess(ours: Counter, theirs: dict[str, int]) -> float:
    """Two-sample chi-square of two histograms, in standard deviations above its expectation; rare values are pooled."""
    a, b, pooled = [], [], [0, 0]
    for key in sorted(set(ours) | {int(k) for k in theirs}):
        pooled = [pooled[0] + ours.get(key, 0), pooled[1] + theirs.get(str(key), 0)]
        if sum(pooled) >= 40:
            a.append(pooled[0])
            b.append(pooled[1])
            pooled = [0, 0]
    x, y = np.array(a, float), np.array(b, float)
    freedom = max(len(x) - 1, 1)
    return (((x - y) ** 2 / (x + y)).sum() - freedom) / np.sqrt(2 * freedom)


@pytest.mark.parametrize(("settings", "case"), golden_sampling(), ids=lambda c: c.get("label", ""))
def test_golden_sampling_of_the_official_rule_has_the_published_codes_distributions(settings, case):
    narration = Narration(case["starts"], case["ends"], case["tokens_per_caption"])
    rng = random.Random(case["seed"])
    config = ClipConfig(
        min_seconds=settings["sampled_video_min_len"],
        max_seconds=settings["sampled_video_max_len"],
        min_text_tokens=settings["sampled_min_len"],
        max_text_tokens=settings["sampled_max_len"],
        max_span=settings["max_text_span_seconds"],
    )
    clips = [draw_clip(narration, case["video_seconds"], config, rng) for _ in range(DRAWS)]
    tokens = [min(sum(narration.tokens[c.first : c.last]), settings["max_text_tokens"]) for c in clips]
    ours = {
        "text_start": [c.first for c in clips],
        "text_end": [c.last for c in clips],
        "video_start": [c.start for c in clips],
        "video_end": [c.end for c in clips],
        "video_length": [c.end - c.start for c in clips],
        "captions_in_text_clip": [c.last - c.first for c in clips],
        "text_tokens_after_truncation": tokens,
    }
    for name, values in ours.items():
        assert excess(Counter(values), case["histograms"][name]) < LIMIT, name
    if "fraction_with_positive_time_overlap" in case:
        overlapping = np.mean([overlap(c, narration) > 0 for c in clips])
        assert abs(overlapping - case["fraction_with_positive_time_overlap"]) < 0.02


def overlap(clip, narration) -> float:
    end = max(narration.ends[clip.first : clip.last])
    return min(clip.end, end) - max(clip.start, narration.starts[clip.first])


@st.composite
def narrations(draw):
    gaps = draw(st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 10), st.integers(1, 32)), min_size=1, max_size=12))
    starts, ends, now = [], [], 0.0
    for gap, length, _ in gaps:
        starts.append(now + gap)
        ends.append(now + gap + length)
        now += gap + length
    return Narration(starts, ends, [tokens for *_, tokens in gaps])


@given(narrations(), st.integers(1, 400), st.integers(0, 2**32), st.sampled_from([*RULES]))
def test_every_clip_lies_within_its_video_and_its_narration(narration, seconds, seed, rule):
    clip = draw_clip(narration, seconds, ClipConfig(rule=rule), random.Random(seed))
    assert 0 <= clip.start < clip.end <= seconds
    assert 0 <= clip.first < clip.last <= len(narration.starts)
    assert clip.end - clip.start <= 32
    if rule in ("official", "overlapped"):
        assert clip.end - clip.start >= min(3, seconds)


@given(narrations(), st.integers(0, 2**32), st.integers(0, 60))
def test_with_the_overlapped_rule_every_pair_overlaps_where_speech_begins_inside_the_video(narration, seed, more):
    seconds = int(narration.starts[-1]) + 1 + more
    clip = draw_clip(narration, seconds, ClipConfig(rule="overlapped"), random.Random(seed))
    assert overlap(clip, narration) > 0


def test_an_aligned_clip_is_the_span_of_its_text():
    narration = Narration([2.5, 6.0, 50.0], [5.0, 9.2, 99.0], [64, 64, 64])
    spans = {draw_clip(narration, 100, ClipConfig(rule="aligned"), random.Random(i)) for i in range(50)}
    assert {(c.start, c.end) for c in spans} == {(2, 5), (6, 10), (50, 82)}


def test_a_placed_text_grows_by_captions_that_are_shown_at_the_same_moment():
    narration = Narration([2, 2.5, 3, 8, 8.5], [6, 6.5, 5, 14, 20], [4] * 5)
    config = ClipConfig(rule="placed", min_text_tokens=1, max_text_tokens=20)
    clips = [draw_clip(narration, 30, config, random.Random(i)) for i in range(500)]
    assert {(c.first, c.last) for c in clips} == {(i, j) for i in range(3) for j in range(i + 1, 4)} | {
        (3, 4), (4, 5),  # its middle lies outside the other's span, and that one's inside its own
        (3, 5),
    }  # fmt: skip
    for clip in clips:
        assert clip.start == int(narration.starts[clip.first])
        assert clip.end == np.ceil(max(narration.ends[clip.first : clip.last]))


def test_a_batch_holds_pairs_of_each_video_in_order():
    rng = np.random.default_rng(0)
    videos = [
        NarratedVideo(str(n), np.full((n, 4), n, np.float16), [Caption(0, n, "word " * n), Caption(n, n + 1, "end")])
        for n in rng.integers(5, 40, 3)
    ]
    batch = draw_batch(videos, ClipConfig(pairs_per_video=5, rule="overlapped"), 20, random.Random(0))
    assert len(batch) == 15
    assert batch.text.lengths.max() <= 22
    for i, video in enumerate(videos):
        assert all((clip == video.seconds).all() for clip in batch.video.split()[5 * i : 5 * i + 5])


def test_chatter_comes_after_the_pairs_and_changes_none_of_them():
    features, said = np.ones((9, 4), np.float16), [Caption(0, 5, "hi"), Caption(5, 9, "take the onion")]
    videos = [NarratedVideo("a", features, said, chatter=["my friends"]), NarratedVideo("b", features, said)]
    config = ClipConfig(pairs_per_video=5, rule="overlapped")
    alone, more = (draw_batch(videos, replace(config, chatter=n), 20, random.Random(0)) for n in (0, 3))
    assert alone.chatter is None
    assert more.chatter is not None
    assert [text[1:-1].tolist() for text in more.chatter.split()] == bert_tokenizer().encode(["my friends"]) * 3
    assert torch.equal(alone.text.values, more.text.values)
    assert torch.equal(alone.shown, more.shown)


def test_a_batch_says_which_shapes_do_not_fit():
    batch = draw_batch(
        [NarratedVideo("a", np.ones((9, 4), np.float16), [Caption(0, 5, "hi")])], ClipConfig(), 8, random.Random(0)
    )
    with pytest.raises(ValueError, match=r"16 sequences"):
        replace(batch, owner=batch.owner[:3])
    with pytest.raises(ValueError, match="add up to"):
        replace(batch.video, lengths=batch.video.lengths + 1)


def test_a_video_without_captions_is_refused():
    with pytest.raises(CorpusError):
        Narration([], [], [])
