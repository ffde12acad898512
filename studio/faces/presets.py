"""Ready-made edits of the Faces tab."""

from __future__ import annotations

from typing import Any

from engines.face_editing import FaceEditing

# name, what it sets, and the words it is read from where the text reader knows better than a number
PRESETS: tuple[tuple[str, str], ...] = (
    ("Friendly", "slightly smiling, wide eyes"),
    ("Laughing", "laughing"),
    ("Serious", "serious"),
    ("Grey hair", "grey hair"),
    ("Glasses", "glasses"),
    ("Evening look", "makeup, slightly warm light"),
    ("Beard", "beard"),
)
EXPRESSIONS = ("Friendly", "Laughing", "Serious")  # of them; a face makes one at a time


def presets(engine: FaceEditing) -> list[dict[str, Any]]:
    """Titles and sliders, read by the same reader as a person's own words; those no slider fits are left out."""
    said = {title: engine.describe(words) for title, words in PRESETS}
    found = {title: dict(read.sliders) for title, read in said.items() if read.sliders and not read.ignored}
    moved = {name: 0.0 for title in EXPRESSIONS for name in found.get(title, {})}
    made = [
        {"title": title, "sliders": moved | sliders if title in EXPRESSIONS else sliders}
        for title, sliders in found.items()
    ]
    now, later = (engine.describe(f"{years} years old").sliders.get("age") for years in (35, 45))
    if now is not None and later is not None:
        step = round(later - now, 2)
        made.insert(1, {"title": "Ten years on", "sliders": {"age": step}})
        made.insert(2, {"title": "Ten years ago", "sliders": {"age": -step}})
    return made
