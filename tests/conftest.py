"""What every test may use: engines on the CPU with a private home, and small pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from engines import Engines

ROOT = Path(__file__).parent.parent
FAST = "realesr-animevideov3"


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """One set of engines for all tests, so that networks are loaded once."""
    yield Engines("cpu", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def kitten() -> NDArray[np.uint8]:
    """uint8 (64, 96, 3), the middle of a photograph."""
    with Image.open(ROOT / "assets" / "samples" / "kitten.png") as image:
        return np.asarray(image.convert("RGB").crop((140, 60, 236, 124)))
