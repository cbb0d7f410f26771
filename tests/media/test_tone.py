"""High dynamic range looks like the same in ordinary range."""

from pathlib import Path

import numpy as np
import pytest

from videoclip.media.container import pictures
from videoclip.media.cutting import cut
from videoclip.media.tone import HLG, PQ, WHITE, to_sdr
from videoclip.media.video import picture_at, seconds_of

HDR = Path(__file__).parent.parent / "cases" / "25-hdr"


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of two pictures, after the mean grey of both was taken away: plain brightness says nothing."""
    a, b = a.astype(float).ravel() - 128, b.astype(float).ravel() - 128
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_seconds_pictures_and_clips_look_like_those_in_ordinary_range(tmp_path):
    hdr, sdr = (HDR / name for name in ("hdr.mp4", "sdr.mp4"))
    for one, other in zip(seconds_of(hdr, 8, 64), seconds_of(sdr, 8, 64), strict=True):
        assert cosine(one, other) > 0.95
    assert cosine(picture_at(hdr, 3.0), picture_at(sdr, 3.0)) > 0.95
    for (_, one), (_, other) in zip(pictures(hdr, 5.0, 64), pictures(sdr, 5.0, 64), strict=True):
        assert one.shape == other.shape
    cut(hdr, 2.0, 4.0, tmp_path / "clip.mp4", encode=True)
    assert cosine(picture_at(tmp_path / "clip.mp4", 1.0), picture_at(sdr, 3.0)) > 0.95


@pytest.mark.parametrize(("transfer", "white"), [(PQ, 0.5807), (HLG, 0.75)])
def test_reference_white_is_nearly_white_and_black_is_black(transfer, white):
    """Signals of reference white: ITU-R BT.2408, table 1 (58 % of PQ, 75 % of HLG)."""
    assert WHITE == 203
    signal = np.round(65535 * np.array([[0.0] * 3, [white] * 3, [1.0] * 3])).astype(np.uint16)
    black, reference, brightest = to_sdr(signal, transfer).astype(int)
    assert np.array_equal(black, [0, 0, 0])
    assert 235 <= reference.min() <= reference.max() <= 252
    assert np.array_equal(brightest, [255, 255, 255])


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_brighter_stays_brighter(transfer):
    grey = np.repeat(np.linspace(0, 65535, 500).astype(np.uint16)[:, None], 3, 1)
    assert (np.diff(to_sdr(grey, transfer).astype(int), axis=0) >= 0).all()
