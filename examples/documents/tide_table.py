"""Tide predictions for the landing at Skerry Light from harmonic constituents."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Constituent:
    """One periodic part of the tide: amplitude in metres, speed in degrees per hour, phase in degrees."""

    name: str
    amplitude: float
    speed: float
    phase: float


SKERRY_LIGHT = (
    Constituent("M2", 1.42, 28.984104, 312.0),
    Constituent("S2", 0.51, 30.0, 351.0),
    Constituent("N2", 0.29, 28.43973, 290.0),
    Constituent("K1", 0.11, 15.041069, 168.0),
)
MEAN_SEA_LEVEL = 2.08


def height_at(hours: float, constituents: tuple[Constituent, ...] = SKERRY_LIGHT) -> float:
    """Return the height above chart datum in metres, `hours` after the epoch of the constituents."""
    return MEAN_SEA_LEVEL + sum(c.amplitude * math.cos(math.radians(c.speed * hours - c.phase)) for c in constituents)


def landing_is_covered(hours: float, ledge: float = 3.1) -> bool:
    """The lower ledge of the landing stands 3.1 m above datum; above that boats use the upper steps."""
    return height_at(hours) > ledge


def next_high_water(after: float, step: float = 0.05) -> float:
    """Return the first maximum after `after`, found by walking up the curve."""
    t = after
    while not (height_at(t - step) < height_at(t) >= height_at(t + step)):
        t += step
    return t
