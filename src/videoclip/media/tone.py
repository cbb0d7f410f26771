"""High dynamic range as it looks on an ordinary screen, since models were trained on ordinary pictures.

Signals are made linear (SMPTE ST 2084 or ARIB STD-B67, as in ITU-R BT.2100), reference white becomes white (203 cd/m²,
ITU-R BT.2408), BT.2020's colours BT.709's (ITU-R BT.2087), what is brighter is compressed, and the result is sRGB.
"""

from functools import cache

import numpy as np

PQ, HLG = 16, 18
"""Transfer functions by their numbers in ITU-T H.273."""
NAMES = {PQ: "HDR (PQ)", HLG: "HDR (HLG)"}
WHITE, HLG_PEAK, HLG_GAMMA = 203.0, 1000.0, 1.2
"""cd/m² of reference white, and of HLG's screen with the gamma of its system."""
KNEE = 0.8
"""Share of white above which brightness is compressed."""
TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
LUMINANCE_2020 = np.array([0.2627, 0.678, 0.0593], np.float32)
STEPS = 4096
"""Levels of the last table."""


def is_hdr(frame) -> bool:
    """Whether a decoded frame needs tone mapping."""
    return frame.color_trc in NAMES


def to_sdr(pixels: np.ndarray, transfer: int) -> np.ndarray:
    """Pixels of a high dynamic range, (…, 3) uint16 RGB in BT.2020, as sRGB: (…, 3) uint8.

    Args:
        transfer: ``PQ`` or ``HLG``.
    """
    linear = _linear(transfer)[pixels]
    if transfer == HLG:  # scene light becomes that of a screen (BT.2100, table 5)
        scene = np.maximum(linear @ LUMINANCE_2020, 1e-6)
        linear *= (HLG_PEAK / WHITE * scene ** (HLG_GAMMA - 1))[..., None]
    linear = np.maximum(linear @ TO_709.T, 0)
    bright = linear > KNEE
    linear[bright] = KNEE + (1 - KNEE) * (1 - np.exp((KNEE - linear[bright]) / (1 - KNEE)))
    return _encoded()[np.rint(np.sqrt(linear) * (STEPS - 1)).astype(np.uint16)]


@cache
def _linear(transfer: int) -> np.ndarray:
    """Light of each signal, (65536,) float32: for PQ a multiple of reference white, for HLG that of the scene."""
    signal = np.linspace(0, 1, 65536)
    if transfer == PQ:
        root = signal ** (32 / 2523)
        light = (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305)
        return (10_000 / WHITE * light).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)


@cache
def _encoded() -> np.ndarray:
    """sRGB of the square root of light, (``STEPS``,) uint8: steps are then finer where it is dark."""
    light = np.linspace(0, 1, STEPS) ** 2
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * signal).astype(np.uint8)
