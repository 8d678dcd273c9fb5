"""The phantom's anatomy: one patient's chest as smooth ellipses, drawn slice by slice in Hounsfield units."""

from typing import Literal

import numpy as np

Finding = Literal["opacity", "rotation"]

AIR, FAT, MUSCLE, LUNG, BLOOD, BONE = -1000.0, -90.0, 45.0, -850.0, 40.0, 450.0
NOISE = 25.0  # standard deviation, Hounsfield units
_VESSELS = 8
_RADIUS = 0.14, 0.2  # of an opacity
_CONTRAST = 1000.0  # of an opacity over lung, at visibility 1
_TURN = 0.3  # of a rotated chest beyond how its patient lies, in radians, at visibility 1


class Anatomy:
    """One patient. Lengths are in units of half the image's side; the image spans [-1, 1] in x and y.

    ``slice(height, visibility, rng)`` draws the plane at ``height`` (0 to 1, bottom to top) as float (size, size), with
    the finding where ``visibility`` is above 0: a soft round ``opacity`` in a lung, or a ``rotation`` of the chest.
    """

    def __init__(self, size: int, rng: np.random.Generator, finding: Finding = "opacity") -> None:
        self.finding = finding
        self._axis = np.linspace(-1, 1, size, dtype=np.float32)
        self._pixel = 2.0 / size
        self.shift = rng.normal(0, 0.04, 2)
        self.turn = rng.normal(0, 0.06)
        self.width, self.depth = rng.uniform(0.72, 0.88), rng.uniform(0.5, 0.66)
        self.fat = rng.uniform(0.04, 0.13)
        self.lung = rng.uniform(0.26, 0.31, 2), rng.uniform(0.36, 0.44, 2)
        self.lung_density = LUNG + rng.normal(0, 35)
        self.heart = rng.uniform(0.17, 0.25)
        self.vessels = np.column_stack([rng.uniform(-1, 1, (_VESSELS, 2)), rng.uniform(0.012, 0.026, _VESSELS)])
        self.drift = rng.normal(0, 0.35, (_VESSELS, 2))
        self.finding_side = int(rng.integers(2))
        self.finding_place = rng.uniform(-0.6, 0.6, 2)
        self.finding_radius = rng.uniform(*_RADIUS)

    def slice(self, height: float, visibility: float, rng: np.random.Generator) -> np.ndarray:
        x, y = self._plane(self.turn + _TURN * visibility if self.finding == "rotation" else self.turn)
        narrow = 1 - 0.18 * height  # the chest tapers towards the top, the heart is at the bottom
        width, depth = self.width * narrow, self.depth * (1 - 0.08 * height)
        image = np.full(x.shape, AIR, np.float32)
        self._blend(image, self._inside(x, y, 0, 0, width, depth), FAT)
        self._blend(image, self._inside(x, y, 0, 0, width - self.fat, depth - self.fat), MUSCLE)
        for side in (0, 1):
            self._lung(image, x / narrow, y, side, height, visibility if self.finding == "opacity" else 0.0)
        heart = self.heart * (1.1 - 0.7 * height)
        self._blend(image, self._inside(x, y, 0.08, -0.08, heart * 1.2, heart), BLOOD)
        self._blend(image, self._inside(x, y, 0, depth - self.fat - 0.13, 0.09, 0.09), BONE)
        self._blend(image, self._inside(x, y, -0.05, 0.18, 0.05, 0.05), BLOOD + 20)
        return image + rng.normal(0, NOISE, image.shape)

    def _lung(
        self, image: np.ndarray, x: np.ndarray, y: np.ndarray, side: int, height: float, visibility: float
    ) -> None:
        wide, deep = self.lung[0][side], self.lung[1][side] * (0.8 + 0.2 * np.sin(np.pi * height))
        middle = (0.37 if side else -0.37) * self.width / 0.8
        inside = self._inside(x, y, middle, 0, wide, deep)
        self._blend(image, inside, self.lung_density)
        for vessel in range(side, _VESSELS, 2):
            u, v, radius = self.vessels[vessel]
            u, v = u * 0.85 + height * self.drift[vessel, 0], v * 0.85 + height * self.drift[vessel, 1]
            spot = self._inside(x, y, middle + u * wide, v * deep, radius, radius)
            self._blend(image, spot * inside, BLOOD)
        if side == self.finding_side and visibility > 0:
            u, v = self.finding_place
            squared = (x - middle - u * wide) ** 2 + (y - v * deep) ** 2
            spot = np.exp(-squared / self.finding_radius**2) * (image < -200)  # vessels stay as they are
            image += inside * visibility * _CONTRAST * spot

    def _plane(self, turn: float) -> tuple[np.ndarray, np.ndarray]:
        x, y = self._axis[None, :] - self.shift[0], self._axis[:, None] - self.shift[1]
        cos, sin = np.cos(turn), np.sin(turn)
        return x * cos + y * sin, y * cos - x * sin

    def _inside(self, x: np.ndarray, y: np.ndarray, u: float, v: float, a: float, b: float) -> np.ndarray:
        """1 inside the ellipse around (u, v) with half axes a and b, 0 outside, and an edge about a pixel wide."""
        radius = np.sqrt(((x - u) / a) ** 2 + ((y - v) / b) ** 2)
        return np.clip((1 - radius) * min(a, b) / self._pixel + 0.5, 0, 1)

    @staticmethod
    def _blend(image: np.ndarray, share: np.ndarray, value: float) -> None:
        image += share * (value - image)
