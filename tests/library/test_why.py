"""Why a moment was found, in words."""

import pytest

from videoclip.library.ranking import Hit, content_words
from videoclip.library.why import LONGEST, isolated, quoted, reasons, sentences_with
from videoclip.library.words import found_in


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("Then we chopped the ONIONS, finely.", "chopping onion", ["chopped", "ONIONS"]),
        ("Der Müller mahlt", "muller", ["Müller"]),
        ("今日は玉ねぎを切ります", "玉ねぎ", ["玉ねぎ"]),
        ("نقطع البصل الآن", "بصل", ["البصل"]),
        ("nothing of that", "onion", []),
        ("🧅🧅 an onion!", "onion", ["onion"]),
    ],
)
def test_words_are_found_where_the_search_finds_them(text, query, found):
    assert [text[a:b] for a, b in found_in(text, content_words(query))] == found


def test_a_long_passage_is_cut_around_what_was_looked_for():
    passage = f"{'so and so on it goes ' * 20}until the onion is soft {'and so on ' * 20}"
    parts = quoted(passage, ["onion"])
    text = "".join(part.text for part in parts)
    assert text.startswith("…")
    assert text.endswith("…")
    assert "until the onion is soft" in text
    assert len(text) <= LONGEST + 2
    assert [part.text for part in parts if part.found] == ["onion"]


def test_what_speaks_for_a_hit():
    seen = Hit(1, "a.mp4", 0, 4, 1.0, 0.9, None)
    assert [reason.kind for reason in reasons(seen, "onion")] == ["seen"]
    all_of_it = Hit(1, "a.mp4", 0, 4, 1.0, 0.9, 3.0, quote="an onion", written=2.0, line="ONION SOUP")
    assert [(r.kind, r.text) for r in reasons(all_of_it, "onion")] == [
        ("seen", ""), ("said", "an onion"), ("written", "ONION SOUP"),
    ]  # fmt: skip
    told = Hit(1, "a.mp4", 0, 4, 1.0, 0.1, 3.0, quote="an onion")
    assert [reason.kind for reason in reasons(told, "onion")] == ["said"]


def test_sentences_that_hold_what_is_looked_for():
    assert list(sentences_with(["an onion", "a pan", "onions again"], "the onion")) == [0, 2]
    assert not sentences_with(["an onion"], "")


def test_text_that_runs_from_right_to_left_moves_nothing_beside_it():
    assert isolated("onion") == "onion"
    assert isolated("البصل") == "\u2068البصل\u2069"
