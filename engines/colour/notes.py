"""What a person is told about a colouring."""

from __future__ import annotations

from engines.colour.passes import Suggestion
from engines.colour.scan import Kind

CAME_IN: dict[Kind, str] = {
    "grey": "",
    "tinted": "The picture was tinted (sepia or yellowed); its tint was taken out first.",
    "colour": "The picture was in colour; its own colours were taken out first.",
}
ONE_TINT = "The reference has one tint only, which the picture takes; choose one in full colour for more."
HARDLY = "The network found hardly any colour here. Add a hint, or raise the saturation."


def remarks(suggestion: Suggestion, *, laid_on: bool, pale: bool) -> str:
    """Sentences for the note beside a result. laid_on: its colours show at all. pale: they are hardly any."""
    said = [CAME_IN[suggestion.kind], ONE_TINT if suggestion.one_tint else ""] if laid_on else []
    return " ".join(filter(None, [*said, HARDLY if pale else ""]))
