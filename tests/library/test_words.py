"""Words in any language are found as they are said."""

import unicodedata

import pytest

from videoclip.library.ranking import content_words, is_about
from videoclip.library.search import Library
from videoclip.library.store.about import read_about
from videoclip.library.store.rows import speech_schema
from videoclip.library.store.writing import Writer
from videoclip.library.words import indexed_words, words
from videoclip.media.captions import Caption

SAID = [
    "先把洋葱切成丝",
    "然后把土豆削皮",
    "玉ねぎを切ります",
    "バターを溶かす",
    "หั่นหัวหอมแล้วผัดกับไข่",
    "ຕັດຜັກບົ່ວ",
    "កាត់ខ្ទឹមបារាំង",
    "ကြက်သွန်နီကိုလှီးပါ",
    "양파를 썰어 주세요",
    "on émince l'oignon et on le fait suer",
    unicodedata.normalize("NFD", "ajoutez la crème fraîche"),
    "to be or not to be that is the question",
    "now he cuts slices of bread",
    "soğanı İNCE kıyalım",
    "die Straße überqueren",
    "هٰذَا بَصَلٌ كَبِيرٌ",
    "חוֹתְכִים אֶת הַבָּצָל",
    "प्याज को बारीक काटें",
    "ＡＢＣ ﬁlter Smørrebrød",
    "сейчас ещё нарежем лук",
    "用Photoshop打开图片",
    "the who play live",
    "Herr Müller says dont stop, don't ever",
    "क़लम और हिंदी",
    "བོད་ཡིག་",
]
LOOKED_FOR = {
    "洋葱": 0, "切成丝": 0, "皮": 1, "玉ねぎ": 2, "ﾊﾞﾀｰ": 3, "หัวหอม": 4, "ຜັກບົ່ວ": 5, "បារាំង": 6, "ကြက်သွန်": 7,
    "양파": 8, "emince": 9, "ÉMINCE oignon": 9, "crème fraîche": 10, "creme fraiche": 10, "to be or not to be": 11,
    "slice": 12, "ince kıyalım": 13, "İnce": 13, "strasse": 14, "Straße": 14, "بصل": 15, "בצל הבצל": 16, "प्याज": 17,
    "البصل": 15, "בצל": 16, "mueller": 22, "dont ever": 22, "don't ever": 22, "कलम": 23, "हिन्दी": 23, "བོད": 24,
    "abc filter": 18, "smorrebrod": 18, "ЕЩЕ": 19, "photoshop": 20, "打开photoshop": 20,
}  # fmt: skip


@pytest.fixture
def spoken(library):
    """The painted library, of which one video says all of these."""
    video = library.videos[0]
    writer = Writer(library.store)
    writer.replace_speech(video, [Caption(20.0 * i, 20.0 * i + 5, text) for i, text in enumerate(SAID)])
    writer.optimize()
    return Library(library.store.folder, library.model)


def found(library: Library, text: str) -> int:
    """The place in ``SAID`` of the best hit."""
    hits = library.search(text, mode="speech").hits
    return round(hits[0].start / 20) if hits else -1


def test_what_is_said_is_found_in_any_language(spoken):
    assert {text: found(spoken, text) for text in LOOKED_FOR} == LOOKED_FOR
    for text in ("西红柿", "トマト", "มะเขือเทศ", "토마토", "tomate", "not to do"):
        assert found(spoken, text) == -1, text


def test_a_library_of_an_earlier_version_is_searched_and_renewed(library, indexed):
    tables = library.store.tables
    rows = tables["speech"].to_arrow().drop_columns(["words"])
    tables._database.drop_table("speech")
    old = tables._database.create_table("speech", schema=speech_schema().remove(5))
    old.add(rows)
    from lancedb.index import FTS

    old.create_index("text", config=FTS(stem=True, remove_stop_words=True))
    for _ in range(2):
        fresh = Library(library.store.folder, library.model)
        assert fresh.search("sharpening a chisel", mode="speech").hits
        indexed()
    names = {index.name for index in Library(library.store.folder).store.tables["speech"].list_indices()}
    assert "words_idx" in names
    assert "text_idx" not in names
    assert read_about(library.store.folder) == library.store.about


def test_whoever_looks_for_a_part_of_a_text_looks_for_its_words():
    for text in SAID:
        assert set(words(text)) <= set(indexed_words(text))
        assert words(text) == words(text.upper().lower()) or "ß" in text or "İ" in text
        assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))
        assert is_about(text, content_words(text))
