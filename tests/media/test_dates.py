"""When something was recorded, and dates as people write them."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from videoclip.errors import ConfigError
from videoclip.media.dates import asked, recorded_at, span_of

CASES = Path(__file__).parent.parent / "cases" / "26-dates"


def local(*parts: int) -> float:
    return datetime(*parts).timestamp()


def test_a_phones_own_date_counts_with_its_zone():
    assert recorded_at(CASES / "iphone.mov") == datetime(2019, 7, 4, 14, 30, tzinfo=UTC).timestamp()


def test_matroskas_date_of_recording_counts():
    assert recorded_at(CASES / "tags.mkv") == local(2018, 3, 2)


def written(path: Path, **tags: str) -> Path:
    import av

    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"} if path.suffix == ".mp4" else {}) as file:
        file.metadata.update(tags)
        stream = file.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    "nonsense",
    [
        "1904-01-01T00:00:00Z",
        "1970-01-01",
        "2099-01-01",
        "soon",
        "2025-13-45",
        "9999-12-31",
        "0001-01-01T00:00:00Z",
        "",
    ],
)
def test_a_date_that_cannot_be_says_nothing(tmp_path, nonsense):
    path = written(tmp_path / "a.mkv", DATE_RECORDED=nonsense)
    assert recorded_at(path) == path.stat().st_mtime
    path = written(tmp_path / "b.mkv", DATE_RECORDED=nonsense, DATE_ENCODED="2020-02-03 04:05:06")
    assert recorded_at(path) == local(2020, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2019-07-04T20:03:11+0200", datetime(2019, 7, 4, 18, 3, 11, tzinfo=UTC).timestamp()),
        ("2019-07-04T20:03:11.5Z", datetime(2019, 7, 4, 20, 3, 11, tzinfo=UTC).timestamp()),
        ("2019-07-04 20:03:11 UTC", datetime(2019, 7, 4, 20, 3, 11, tzinfo=UTC).timestamp()),
        ("2019:07:04 20:03:11", local(2019, 7, 4, 20, 3, 11)),
        ("20190704T200311", local(2019, 7, 4, 20, 3, 11)),
        ("2019-07-04T20:03:11z", datetime(2019, 7, 4, 20, 3, 11, tzinfo=UTC).timestamp()),
        ("2019-07-04T20:03:11+02", datetime(2019, 7, 4, 18, 3, 11, tzinfo=UTC).timestamp()),
        ("2019-07-04T20:03", local(2019, 7, 4, 20, 3)),
    ],
)
def test_a_moment_is_a_moment_in_every_form(text, wanted):
    assert span_of(text) == (wanted, wanted)
    assert asked(text, "--before", end=True) == wanted


@pytest.mark.parametrize("text", ["2025-06-20", "20250620", "2025/06/20", "2025.06.20", "2025:06:20"])
def test_a_day_is_whole_in_every_form(text):
    noon = local(2025, 6, 20, 12)
    assert asked(text, "--after") == local(2025, 6, 20)
    assert noon < asked(text, "--before", end=True) < local(2025, 6, 21)
    assert asked(text, "--before", end=True) > local(2025, 6, 20, 23, 59, 59)


def test_months_and_years_are_whole():
    for text, begin, after in (
        ("2025-06", (2025, 6, 1), (2025, 7, 1)),
        ("2024-02", (2024, 2, 1), (2024, 3, 1)),
        ("2024-12", (2024, 12, 1), (2025, 1, 1)),
        ("2024", (2024, 1, 1), (2025, 1, 1)),
    ):
        assert span_of(text) == (local(*begin), local(*after))


@pytest.mark.parametrize(
    "text", ["yesterday", "20-06-2025", "2025-6-1", "2025-02-30", "9999", "9999-12-31", "2025-06-20T25:00", "1e9"]
)
def test_what_is_no_date_is_one_error(text):
    with pytest.raises(ConfigError, match=r"--after '.*': write a date"):
        asked(text, "--after")
    assert asked(" ", "--after") is None


def test_a_date_of_today_counts(tmp_path):
    now = datetime.fromtimestamp(int(time.time())) - timedelta(minutes=1)
    assert recorded_at(written(tmp_path / "a.mkv", DATE_RECORDED=now.isoformat())) == now.timestamp()


def in_utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("VID_20230102_030405", local(2023, 1, 2, 3, 4, 5)),
        ("20220304_050607(0)", local(2022, 3, 4, 5, 6, 7)),
        ("PXL_20230102_030405678.TS", in_utc(2023, 1, 2, 3, 4, 5)),
        ("GMT20230102-030405_Recording_1920x1080", in_utc(2023, 1, 2, 3, 4, 5)),
        ("VID-20200101-WA0001", local(2020, 1, 1)),
        ("WhatsApp Video 2020-01-01 at 22.20.30", local(2020, 1, 1, 22, 20, 30)),
        ("Screen Recording 2022-03-04 at 5.06.07 PM", local(2022, 3, 4, 17, 6, 7)),
        ("2022-03-04 05-06-07", local(2022, 3, 4, 5, 6, 7)),
        ("signal-2022-03-04-05-06-07-123", local(2022, 3, 4, 5, 6, 7)),
        ("20220304 - Talk", local(2022, 3, 4)),
    ],
)
def test_the_name_says_when_where_tags_say_nothing(tmp_path, name, wanted):
    assert recorded_at(written(tmp_path / f"{name}.mkv", DATE_RECORDED="1904-01-01")) == wanted
    assert recorded_at(written(tmp_path / f"{name}.mkv", DATE_RECORDED="2021-05-06")) == local(2021, 5, 6)


@pytest.mark.parametrize(
    "name", ["GX010123", "IMG_1234", "123456202001019", "VID_20231345_030405", "20231102030405678"]
)
def test_a_number_is_no_date(tmp_path, name):
    path = written(tmp_path / f"{name}.mkv")
    assert recorded_at(path) == path.stat().st_mtime
