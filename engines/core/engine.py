"""What every capability is: an engine with typed verbs, examples that test it, and commands."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engines.core.catalogue import Catalogue
from engines.core.image import Pixels
from engines.core.job import Fact, Job
from engines.core.residency import Residency


@dataclass(frozen=True)
class Example:
    """The smallest valid call of a verb, for the contract test. shape, dtype: of the result."""

    verb: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: str = "uint8"


@dataclass(frozen=True)
class Command:
    """A verb on the command line that turns a picture into a picture, for a file or a folder.

    arguments: adds its options to a parser.  options: parsed options -> what the recipe records and `edit` takes.
    edit(pixels, options, job) does it.  model: which card the options name, for errors before any work.
    """

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    options: Callable[[argparse.Namespace], dict[str, Fact]]
    edit: Callable[[Pixels, Mapping[str, Fact], Job], Pixels]


@dataclass(frozen=True)
class Failure:
    """One file of a batch that did not work, and the sentence why."""

    file: str
    reason: str


@dataclass
class Batch:
    """What became of a batch of files."""

    done: list[dict[str, Fact]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Task:
    """A verb on the command line that is not picture in, picture out: its own arguments, its own files.

    arguments: adds all of them to a parser (--json and --device are there).  run(args, watch) does it and tells what
    became of each file; `watch(name)` gives a job that shows its progress.  It lists StudioErrors of single files as
    failures and lets those of the whole command rise.
    """

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Callable[[str], Job]], Batch]


class Engine(ABC):
    """Base of all engines. `name` is the module's name and what cards call their engine."""

    name: ClassVar[str]

    def __init__(self, catalogue: Catalogue, residency: Residency) -> None:
        self.catalogue = catalogue
        self.residency = residency

    @abstractmethod
    def examples(self) -> Iterator[Example]:
        """The smallest valid call of each verb."""

    def commands(self) -> Sequence[Command | Task]:
        """What this engine adds to the command line."""
        return []
