"""Drawings as signed distances: a shape is a function of places and parameters, negative inside, in pixels.

Places are pixel centres relative to the centre of the face, x to the right and y downwards; `x` is a row (1, 1, W),
`y` a column (1, H, 1) and each parameter (N, 1, 1), so that one call draws N images by broadcasting. Distances need
to be exact only near an outline, where they become coverage.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray as Array

FACE_RADIUS = 10.0
EYE_LINE, MOUTH_LINE, BELOW_CHIN, CORNER, EDGE = -2.5, 5.5, 12.7, 12.8, 12.0


def coverage(distance: Array) -> Array:
    """Share of each pixel that lies inside: the anti-aliased shape."""
    return np.asarray(np.clip(0.5 - distance, 0, 1))


def either(a: Array, b: Array) -> Array:
    """The union of two shapes."""
    return np.asarray(np.minimum(a, b))


def both(a: Array, b: Array) -> Array:
    """The intersection of two shapes."""
    return np.asarray(np.maximum(a, b))


def disc(x: Array, y: Array, radius: Array | float) -> Array:
    """A disc about the centre."""
    return np.asarray(np.sqrt(x * x + y * y) - radius)


def outline(distance: Array, thickness: Array) -> Array:
    """A line along the outline of a shape, by its half thickness."""
    return np.asarray(np.abs(distance) - thickness)


def box(x: Array, y: Array, width: Array | float, height: Array | float) -> Array:
    """A rectangle, by its half width and half height."""
    return both(np.abs(x) - width, np.abs(y) - height)


def face(x: Array, y: Array) -> Array:
    """The disc that everything else lies on."""
    return disc(x, y, FACE_RADIUS)


def beard(x: Array, y: Array, top: Array, sides: Array) -> Array:
    """The face below a line that rises by `sides` from its middle to the rim."""
    return both(face(x, y), top - sides * (x / FACE_RADIUS) ** 2 - y)


def cheeks(x: Array, y: Array, spread: Array, size: Array) -> Array:
    """Two discs beside the nose."""
    return disc(np.abs(x) - spread, y - 1.5, size)


def ears(x: Array, y: Array, size: Array) -> Array:
    """Two discs behind the face, which hides the part inside its rim."""
    return both(disc(np.abs(x) - 10.5, y + 0.5, size), -face(x, y))


def glasses(x: Array, y: Array, size: Array, thickness: Array) -> Array:
    """Two rings and the bar between them."""
    lenses = outline(disc(np.abs(x) - 4, y - EYE_LINE, size), thickness)
    return either(lenses, box(x, y - EYE_LINE, 4 - size, thickness))


def eyes(x: Array, y: Array, spread: Array, size: Array) -> Array:
    """Two discs on the line of the eyes."""
    return disc(np.abs(x) - spread, y - EYE_LINE, size)


def mouth(x: Array, y: Array, width: Array, smile: Array, thickness: Array) -> Array:
    """An arc of a parabola whose ends are `smile` pixels above its middle."""
    bend = smile * x / width**2
    arc = np.abs(y - MOUTH_LINE + bend * x) / np.sqrt(1 + 4 * bend**2)
    return both(arc - thickness, np.abs(x) - width)


def hat(x: Array, y: Array, brim: Array, width: Array, height: Array, lean: Array) -> Array:
    """A brim on the head and a crown above it, whose top is `lean` pixels to the right of its foot."""
    up = -8.5 - y
    crown = box(x - lean * up / height, up - height / 2, width, height / 2)
    return either(crown, box(x, up, brim, 0.9))


def bowtie(x: Array, y: Array, width: Array, height: Array, tilt: Array) -> Array:
    """Two wings that open from a knot to their half height; the right one is `tilt` pixels lower."""
    out = np.abs(x) / width
    return both(np.abs(x) - width, np.abs(y - BELOW_CHIN - tilt * x / width) - (height - 0.5) * out - 0.5)


def dot(x: Array, y: Array, size: Array) -> Array:
    """A disc in the top left corner."""
    return disc(x + CORNER, y + CORNER, size)


def cross(x: Array, y: Array, size: Array, angle: Array) -> Array:
    """Two crossed strokes in the top right corner."""
    u, v = _turned(x - CORNER, y + CORNER, angle)
    return either(box(u, v, size, 0.6), box(u, v, 0.6, size))


def stripe(x: Array, y: Array, length: Array, angle: Array) -> Array:
    """A thick stroke in the bottom left corner."""
    return box(*_turned(x + CORNER, y - CORNER, angle), length, 0.9)


def ring(x: Array, y: Array, size: Array, thickness: Array) -> Array:
    """A circle in the bottom right corner."""
    return outline(disc(x - CORNER, y - CORNER, size), thickness)


def bar(x: Array, y: Array, length: Array) -> Array:
    """An upright stroke along the left edge."""
    return box(x + EDGE, y, 0.7, length)


def beads(x: Array, y: Array, spacing: Array, size: Array) -> Array:
    """Three dots along the right edge."""
    return disc(x - EDGE, y - spacing * np.clip(np.round(y / spacing), -1, 1), size)


def _turned(x: Array, y: Array, angle: Array) -> tuple[Array, Array]:
    """Coordinates along and across a direction, `angle` radians from x."""
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
