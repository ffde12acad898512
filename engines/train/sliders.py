"""What the face tab's sliders should move, and what a direction that was found is kept as."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

POSE = ("yaw", "pitch")  # read by dlib, so without gradients
MEASURED = ("age", "exposure", "warmth", "shut")  # scores in units of their own; all others but POSE are logits


@dataclass(frozen=True)
class Slider:
    """What a direction should do. score: what it moves (a minus turns it round); COUPLES says what it may take along.

    slack: how softly the held scores are held. slip: standard deviations by which the score may fall from one point to
    the next and still count as rising, the noise of reading it: dlib's landmarks jump, and a shut mouth has no score.
    most: no range goes further, in standard deviations; chosen by eye on strips of photographs, where the measures
    still agreed and the picture no longer did: a head that turns uncovers a background that nobody has seen.
    along: scores that mixtures of axes hold at a part of this one's move, not at 0. To the reader nobody is more made
    up and not more feminine; with sex held at 0 the mixture cuts the hair off. first: layers before it stay as they
    are, those that make head and hair. taught: never looked for, since the score only resembles what is meant.
    """

    name: str
    label: str
    group: str
    low_word: str
    high_word: str
    score: str
    slack: float = 0.02
    slip: float = 0.05
    most: float = 4.0
    along: tuple[tuple[str, float], ...] = ()
    first: int = 0
    taught: bool = False

    @property
    def free(self) -> tuple[str, ...]:
        """Scores it may take along."""
        return tuple(COUPLES.get(self.name, ()))


# What a slider moves besides by nature, and why; nothing else may move half as much as what it is for.
COUPLES: Mapping[str, Mapping[str, str]] = {
    "smile": {
        "Mouth_Slightly_Open": "who smiles shows teeth",
        "Narrow_Eyes": "cheeks that rise narrow the eyes",
    },
    "mouth_open": {"Smiling": "teeth that show are read as a smile"},
    "eyes_shut": {
        "Narrow_Eyes": "an eye that shuts narrows first",
        "Eyeglasses": "eyes that do not show are half read as glasses; lids drawn by rule move it as much",
    },
    "age": {"Gray_Hair": "hair turns grey", "Heavy_Makeup": "even, young skin is read as made up"},
    "masculine": {"beard": "beards are men's", "Heavy_Makeup": "makeup is women's in all that the reader saw"},
    "beard": {"exposure": "a beard darkens half of the face", "warmth": "and takes its skin's colour away"},
    "hair_dark": {"Blond_Hair": "hair has one colour", "Gray_Hair": "hair has one colour"},
    "hair_blond": {"Black_Hair": "hair has one colour", "exposure": "fair hair beside a face is light, too"},
    "hair_grey": {"Black_Hair": "hair has one colour", "Blond_Hair": "hair has one colour"},
    "exposure": {"warmth": "brighter skin has more colour", "Pale_Skin": "brighter skin is paler"},
}
SLIDERS = (
    Slider("smile", "Smile", "Expression", "serious", "smiling", "Smiling"),
    Slider("mouth_open", "Mouth", "Expression", "closed", "open", "Mouth_Slightly_Open", 0.1, 0.1),
    Slider("eyes", "Eyes", "Expression", "narrow", "wide open", "-Narrow_Eyes"),
    Slider("eyes_shut", "Eyes shut", "Expression", "open", "shut", "shut", taught=True),
    Slider("age", "Age", "Person", "younger", "older", "age"),
    Slider("masculine", "Feminine to masculine", "Person", "feminine", "masculine", "Male"),
    Slider("glasses", "Glasses", "Person", "none", "glasses", "Eyeglasses"),
    Slider("beard", "Beard", "Person", "shaven", "bearded", "beard"),
    Slider("hair_dark", "Dark hair", "Hair", "lighter", "black", "Black_Hair"),
    Slider("hair_blond", "Blond hair", "Hair", "darker", "blond", "Blond_Hair"),
    Slider("hair_grey", "Grey hair", "Hair", "coloured", "grey", "Gray_Hair"),
    Slider("fringe", "Fringe", "Hair", "swept back", "fringe", "Bangs"),
    Slider(
        "makeup", "Makeup", "Person", "none", "made up", "Heavy_Makeup", 0.1, 0.1, along=(("Male", -0.15),), first=9
    ),
    Slider("yaw", "Turn", "Pose", "to the left", "to the right", "yaw", 0.02, 0.4, 1.5),
    Slider("pitch", "Tilt", "Pose", "up", "down", "pitch", 0.02, 0.4, 1.5),
    Slider("exposure", "Light", "Light", "darker", "brighter", "exposure", most=2.0),
    Slider("warmth", "Warmth", "Light", "cooler", "warmer", "warmth", most=3.0),
)
HELD = (
    *(
        "Smiling",
        "Mouth_Slightly_Open",
        "Narrow_Eyes",
        "age",
        "Male",
        "Eyeglasses",
        "beard",
        "Black_Hair",
        "Blond_Hair",
    ),
    *("Gray_Hair", "Bangs", "Heavy_Makeup", "yaw", "pitch", "exposure", "warmth"),
)


@dataclass(frozen=True)
class Found:
    """A direction and what was measured of it; the JSON beside the tensors. low, high: ends of its range, in its units.

    One unit is one standard deviation of the score among generated faces. monotone: part of the faces on which the
    score rises at every step from low to high. identity: median distance at the further end. others: the largest
    move of another held score over its own, both in standard deviations. layers: first and last + 1. change: of the
    score from low to high, in its own unit (logits, years, parts of the eyes' distance, light in percent).
    present: part of the faces on which the reader sees the attribute at the high end (1 where it is no attribute).
    bend: the exponent of the slider's value above 0, less than 1 where the first steps of a direction hardly show.
    """

    name: str
    label: str
    group: str
    low_word: str
    high_word: str
    attribute: str
    low: float
    high: float
    monotone: float
    identity: float
    others: float
    moves_most: str
    change: float
    layers: tuple[int, int]
    method: str
    years_per_unit: float = 0.0
    present: float = 1.0
    bend: float = 1.0


def write(path: Path, found: Sequence[Found], steps: Sequence[Tensor]) -> None:
    """Directions (K, num_ws, w_dim) in float16, their figures as JSON in the file's metadata."""
    table = json.dumps([asdict(one) for one in found])
    save_file({"directions": torch.stack(list(steps)).half()}, path, {"directions": table})


def read(path: Path) -> tuple[list[Found], list[Tensor]]:
    """What `write` wrote."""
    with safe_open(path, framework="pt") as file:
        table, tensors = json.loads(file.metadata()["directions"]), file.get_tensor("directions").float()
    return [Found(**entry | {"layers": tuple(entry["layers"])}) for entry in table], list(tensors)


def merged(
    before: tuple[Sequence[Found], Sequence[Tensor]], found: Sequence[Found], steps: Sequence[Tensor]
) -> tuple[list[Found], list[Tensor]]:
    """Old directions with new ones in their places, in the order of SLIDERS."""
    known = {one.name: (one, step) for one, step in [*zip(*before, strict=True), *zip(found, steps, strict=True)]}
    order = [known[slider.name] for slider in SLIDERS if slider.name in known]
    return [one for one, _ in order], [step for _, step in order]
