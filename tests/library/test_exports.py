import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from painted import paint

from videoclip.errors import ConfigError
from videoclip.library.exports import FORMS, export_clips, in_form
from videoclip.library.ranking import Hit
from videoclip.media.video import probe, seconds_of


@pytest.fixture
def hits(tmp_path) -> list[Hit]:
    path = paint(tmp_path / "a & b\n<c>.mp4", ("white", 10), ("red", 5), ("blue", 5))
    return [
        Hit(1, str(path), 10.0, 15.0, 0.9, 0.8, None, "=HYPERLINK(0)"),
        Hit(1, str(path), 15.0, 20.0, 0.5, None, 2.0, "and \"this\""),
    ]  # fmt: skip


def test_every_form_holds_every_moment_whatever_the_name_of_the_file(hits):
    title = 'red, "then" <blue>\n& more'
    made = {form: in_form(form, hits, title) for form in FORMS}
    assert json.loads(made["json"])["hits"][0]["start"] == 10
    rows = list(csv.DictReader(io.StringIO(made["csv"])))
    assert [row["path"] for row in rows] == [hit.path for hit in hits]
    assert rows[0]["said"] == "'=HYPERLINK(0)"  # no formula
    assert made["m3u"].count("#EXTINF") == 2
    assert len(made["m3u"].splitlines()) == 2 + 4 * 2
    assert "00:00:10:00 00:00:15:00 00:00:00:00 00:00:05:00" in made["edl"]
    assert "00:00:15:00 00:00:20:00 00:00:05:00 00:00:10:00" in made["edl"]
    clips = ET.fromstring(made["fcpxml"].encode()).iter("asset-clip")
    assert [(c.get("offset"), c.get("start"), c.get("duration")) for c in clips] == [
        ("0s", "10s", "5s"),
        ("5s", "15s", "5s"),
    ]
    with pytest.raises(ConfigError, match="choose from json, csv"):
        in_form("docx", hits, "")


def test_clips_are_cut_and_what_cannot_be_is_said(hits, tmp_path):
    gone = Hit(2, str(tmp_path / "gone.mp4"), 0.0, 2.0, 0.1, 0.6, None)
    made, failed = export_clips([*hits, gone], tmp_path / "clips", encode=True)
    assert [path.suffix for path in made] == [".mp4", ".mp4"]
    assert all(path.parent == tmp_path / "clips" for path in made)
    assert list(failed) == ["003-gone-0s.mp4"]
    for path, colour in zip(made, (0, 2), strict=True):
        assert abs(probe(path).duration - 5) < 0.3
        middle = list(seconds_of(path, 2, 16))[2].reshape(-1, 3).mean(0)
        assert middle.argmax() == colour


def test_copied_clips_begin_at_the_key_frame_before_the_moment(tmp_path):
    path = paint(tmp_path / "long.mp4", ("white", 30), ("red", 5), ("white", 25))
    (made,), failed = export_clips([Hit(1, str(path), 30.0, 35.0, 1, 1, None)], tmp_path / "clips")
    assert not failed
    reds = [second.reshape(-1, 3).mean(0) for second in seconds_of(made, 2, 16)]
    assert sum(r[0] > 150 and r[1] < 100 for r in reds) >= 5
    assert len(reds) <= 40
    assert Path(made).stat().st_size > 0
