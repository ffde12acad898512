"""From file to file: read, edit, write, mark. The page and the command line both go through here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from engines.core.errors import ImageError, OptionError
from engines.core.image import WRITE_SUFFIXES, Picture, Pixels, read_image, write_image
from engines.core.job import Fact, Job, take
from engines.core.provenance import Recipe

READ_SUFFIXES = (*WRITE_SUFFIXES, ".gif", ".bmp", ".avif", ".ppm", ".pgm", ".tga", ".jp2", ".mpo")


def edit_file(
    source: Path | str,
    target: Path | str,
    *,
    tool: str,
    options: Mapping[str, Fact],
    edit: Callable[[Pixels, Job], Pixels],
    name: str | None = None,
    job: Job | None = None,
) -> Picture:
    """Read `source`, let `edit` change its pixels, write `target` with all its metadata, the mark and the recipe.

    The job's facts gain width, height, file, bytes and note. Nothing is written unless everything worked. Where `edit`
    gives back the very pixels it got, nothing was made: the file is as it was, without a mark.
    """
    job, source, target = take(job), Path(source), Path(target)
    if target.suffix.lower() not in WRITE_SUFFIXES:
        raise ImageError(
            f'The studio does not write "{target.suffix or target.name}" files. Use .png, .jpg, .webp or .tif.'
        )
    job.report(0.0, "Reading the picture")
    picture = read_image(source, name)
    made = edit(picture.pixels, job.part(0.02, 0.94))
    result = picture.with_pixels(made)
    job.report(0.94, "Writing the file")
    model = str(job.facts.get("model") or "")
    target.parent.mkdir(parents=True, exist_ok=True)
    if made is not picture.pixels:
        write_image(target, result, recipe=Recipe(tool=tool, model=model, options=dict(options)), check=job.check)
    elif source.suffix.lower() != target.suffix.lower():
        write_image(target, picture, check=job.check)
    elif source.resolve() != target.resolve():
        shutil.copyfile(source, target)
    height, width = result.size
    note = " ".join(str(said) for said in (picture.note, job.facts.get("note")) if said)
    job.note(width=width, height=height, file=target.name, bytes=target.stat().st_size, note=note)
    job.report(1.0, "Done")
    return result


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, by name; hidden files and folders inside it are left alone."""
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in files if path.suffix.lower() in READ_SUFFIXES)


def plan(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Pairs of what to read and what to write for IN OUT on a command line: a file, or a folder with its names kept.

    OptionError when they do not go together.
    """
    if source.is_dir():
        if target.suffix.lower() in WRITE_SUFFIXES and not target.is_dir():
            raise OptionError(f"{source} is a folder, so OUT has to be a folder too.")
        pairs = pictures_in(source)
        if not pairs:
            raise OptionError(f"There are no pictures in {source}.")
        return list(zip(pairs, unique_names(pairs, target), strict=True))
    if target.is_dir() or not target.suffix:
        return [(source, unique_names([source], target)[0])]
    return [(source, target)]


def unique_names(sources: Iterable[Path], folder: Path) -> list[Path]:
    """Where each source goes in a folder: its own name (.png if its format is not written), no two alike."""
    taken: set[str] = set()
    out = []
    for source in sources:
        suffix = source.suffix if source.suffix.lower() in WRITE_SUFFIXES else ".png"
        name, number = source.stem + suffix, 2
        while name.lower() in taken:
            name, number = f"{source.stem}-{number}{suffix}", number + 1
        taken.add(name.lower())
        out.append(folder / name)
    return out
