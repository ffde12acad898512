"""The sample pictures in `assets/samples`, offered in tabs that take a picture."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from engines.core.errors import ImageError
from studio.pictures import data_url, new_file

FOLDER = Path(__file__).parent.parent / "assets" / "samples"
ENDINGS = {".webp", ".png", ".jpg", ".jpeg"}


def sample_files(folder: Path = FOLDER) -> dict[str, Path]:
    """The samples by file name, in the order to show them."""
    if not folder.is_dir():
        return {}
    return {path.name: path for path in sorted(folder.iterdir()) if path.suffix.lower() in ENDINGS}


def sample_pictures(folder: Path = FOLDER) -> list[dict[str, str]]:
    """For the page: name, title and a thumbnail that is part of the page itself."""
    shown = []
    for name, path in sample_files(folder).items():
        with Image.open(path) as image:
            thumb = data_url(image.convert("RGBA"), 240)
        title = path.stem.replace("_", " ").replace("-", " ").capitalize()
        shown.append({"name": name, "title": title, "thumb": thumb})
    return shown


def sample_path(name: str, folder: Path = FOLDER) -> Path:
    """A copy of a sample among the session's files; only names the page offers are taken."""
    source = sample_files(folder).get(name)
    if source is None:
        raise ImageError("This sample is not here any more. Drop a picture of your own.")
    return Path(shutil.copyfile(source, new_file(source.name)))
