"""Recipes, one module each. `find` scans this folder; a recipe offers HELP, Options and build (see loop.Recipe)."""

import importlib
import pkgutil
from typing import cast

from engines.train.loop import Recipe


def names() -> list[str]:
    """The recipes there are, by module name."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def find(name: str) -> Recipe:
    """The recipe called `name`; ModuleNotFoundError if there is none."""
    return cast(Recipe, importlib.import_module(f"{__name__}.{name}"))
