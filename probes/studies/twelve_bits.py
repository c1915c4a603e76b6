"""The task of the information plane: 12 binary inputs on a sphere, and a rotation-invariant rule."""

from __future__ import annotations

from itertools import product

import numpy as np

__all__ = ["icosahedron", "twelve_bits"]


def icosahedron() -> np.ndarray:
    """Its twelve vertices on the unit sphere, float64 (12, 3)."""
    golden = (1 + 5**0.5) / 2
    corners = [(0.0, one, two * golden) for one in (1, -1) for two in (1, -1)]
    points = np.array([np.roll(corner, turn) for turn in range(3) for corner in corners])
    return points / np.linalg.norm(points[0])


def twelve_bits() -> tuple[np.ndarray, np.ndarray]:
    """All 4,096 patterns of twelve bits, and their labels.

    f(x) = sum_ij x_i x_j P_3(v_i . v_j), v the icosahedron's vertices and P_3 the third Legendre polynomial; y is 1
    where f lies above its median. f is invariant under the icosahedron's rotations and has 20 levels.

    Returns:
        x float32 (4096, 12) of zeros and ones, y int64 (4096,), 49.7 % of them 1.

    Source:
        After Shwartz-Ziv & Tishby 2017, section 3.1; the generator is ours, since theirs is not published.
    """
    points = icosahedron()
    cosines = points @ points.T
    kernel = (5 * cosines**3 - 3 * cosines) / 2
    x = np.array(list(product((0, 1), repeat=12)), dtype=np.float32)
    values = np.round(np.einsum("ni,ij,nj->n", x, kernel, x), 9)
    return x, (values > np.median(values)).astype(np.int64)
