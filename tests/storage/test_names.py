"""Names in any bytes survive being stored as text."""

import os

from hypothesis import given
from hypothesis import strategies as st

from videoclip.storage.names import noted, opened, shown


@given(st.binary(max_size=60))
def test_any_bytes_come_back_from_text_that_can_be_stored(content):
    name = os.fsdecode(content)
    kept = noted(name)
    kept.encode("utf-8")
    assert os.fsencode(opened(kept)) == content


@given(st.text(alphabet="a\U0010ff80\U0010ffff\U0010fefféé漢", max_size=20))
def test_letters_of_the_area_in_use_come_back_too(name):
    assert opened(noted(name)) == name


@given(st.text(max_size=30).filter(lambda t: all(c < "\ud800" for c in t)))
def test_ordinary_names_are_stored_as_they_are(name):
    assert noted(name) == opened(name) == shown(name) == name


def test_two_names_are_never_stored_alike():
    names = [os.fsdecode(b) for b in (b"a\xfc", b"a\xc3\xbc", b"a\xff", b"a\xf4\x8f\xbf\xbc", b"a\xbc")]
    assert len({noted(name) for name in names}) == len(names)


def test_a_name_is_shown_with_its_bytes():
    name = os.fsdecode(b"Entf\xfchrung.mp4")
    assert shown(name) == shown(noted(name)) == r"Entf\xfchrung.mp4"
