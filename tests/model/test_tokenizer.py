import json
import random
import sys
import unicodedata
from importlib.resources import files

import pytest

from videoclip.model.tokenizer import bert_tokenizer

WORDS = "slice the ONION crème naïve cre\u0300me Ångström İstanbul ß ﬁ Ω привет שלום مرحبا 日本語 你好 한국어 ไทย हिन्दी"
SIGNS = "🍳 👩‍🍳 🇫🇷 ❤️ ½ ① … — “q” don't it's a_b #tag ##ing 1234567890 3.14 $5 e.g. http://a.b/c?d=e C++ \\n 𝔘𝔫𝔦"
SPECIAL = "[music] [MASK] [SEP] [CLS] [PAD] [UNK]"
CONTROL = "\u200b\u00a0\u3000\ufeff\x00\x07\t\n\r\u2028\ufffd\U000e0041"
PIECES = [*WORDS.split(), *SIGNS.split(), *SPECIAL.split(), "[ SEP ]", *CONTROL, "\r\n", "x" * 101, "ab" * 60, ""]


def odd_strings(count: int) -> list[str]:
    rng = random.Random(0)
    made = [" ".join(rng.choices(PIECES, k=rng.randint(1, 12))) for _ in range(count // 3)]
    made += ["".join(rng.choices(PIECES, k=rng.randint(1, 8))) for _ in range(count // 3)]
    points = [c for c in range(sys.maxunicode) if unicodedata.category(chr(c)) not in ("Cs", "Cn", "Co")]
    made += ["".join(map(chr, rng.choices(points, k=rng.randint(1, 20)))) for _ in range(count // 3)]
    made += [
        "a" * 10_000,
        "é" * 10_000,
        "日" * 10_000,
        "word " * 2_000,
        "\x00" * 10_000,
        " " * 10_000,
        "[SEP]" * 500,
        "",
    ]
    return made


def test_ids_are_those_of_hugging_faces_tokenizer_on_thousands_of_odd_strings(tmp_path):
    transformers = pytest.importorskip("transformers")
    words = files("videoclip.data").joinpath("bert-base-uncased-vocab.txt").read_text(encoding="utf-8")
    (tmp_path / "vocab.txt").write_text(words, encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    theirs = transformers.BertTokenizerFast.from_pretrained(str(tmp_path))
    texts = odd_strings(6000)
    wanted = theirs(texts, add_special_tokens=False)["input_ids"]
    got = bert_tokenizer().encode(texts)
    different = [text for text, a, b in zip(texts, got, wanted, strict=True) if a != b]
    assert not different, f"{len(different)} differ, such as {different[0][:80]!r}"


def test_halves_of_characters_do_no_harm():
    """Captions in JSON can hold half of an emoji, which no encoding has."""
    assert bert_tokenizer().encode(["stir \ud83d it", "cut"]) == bert_tokenizer().encode(["stir ? it", "cut"])


def test_texts_are_cut_at_the_number_of_tokens_asked_for():
    assert [len(ids) for ids in bert_tokenizer().encode(["stir " * 50, "stir"], 10)] == [10, 1]
