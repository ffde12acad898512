"""What is where in a portrait: background, hair, skin, clothes; learnt without a mask that anybody drew.

Generated people come with masks (cutouts.py) and are set before photographs. Portraits come without: there the averaged
network's confident answers to a picture are what the network has to answer to a spoilt copy of it (Sohn et al. 2020,
FixMatch, with the mean teacher of Tarvainen & Valpola 2017), so that it gets to know hats, hands and crowds.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from engines.core.card import ModelCard, Source
from engines.core.errors import DatasetError
from engines.models.face_parts import PARTS, SIDE, FaceParts
from engines.models.style_generator import StyleGenerator
from engines.train.averaged import Averaged
from engines.train.backbones import load_backbone, to_channels_last
from engines.train.cutouts import RULES, UNKNOWN, people
from engines.train.data import Pictures, cache_folder, contact_sheet, load_sets, to_bytes, to_signed
from engines.train.depthwise import quicken
from engines.train.ema import averaged_copy, ema_beta, update_ema
from engines.train.loop import Machine
from engines.train.optim import adam
from engines.train.recipes.attributes import CELEBA_FRAME, read_attributes, view
from engines.train.recipes.encoder import ASSETS, load_module
from engines.train.settings import People, composed, spoil
from engines.train.sliders import read

HELP = "background, hair, skin and clothes of a portrait"
DATA = (
    "faces_synthetic_256.zip",
    "faces_celeba_128.zip",
    "faces_celeba_attributes.zip",
    "photos_288.zip",
    "scenes_100.zip",
    "textures_256.zip",
)
LABELLED = "faces_celeba_attributes"  # only measures
FACES = "faces_"
SIDES = {LABELLED: 128}
HAIR = PARTS.index("hair")
PALETTE = ((0, 0, 0), (200, 120, 0), (255, 200, 170), (60, 90, 200))


@dataclass(frozen=True)
class Options:
    """How the network is trained.

    generator, directions: card and sliders of the generator whose people have masks; drawn: how many of them. batch:
    pictures a step, half of them such people, half portraits. trunk_lr, head_lr: Adam's learning rates. alone: pictures
    shown before portraits count. sure: how sure the averaged network has to be of a place. ema_images: half-life of the
    averaged network in pictures. hold_out: pictures of each archive never trained on.
    """

    generator: str = str(ASSETS / "faces-256.toml")
    directions: str = str(ASSETS / "faces-256-directions.safetensors")
    drawn: int = 1600
    batch: int = 16
    trunk_lr: float = 2e-4
    head_lr: float = 1e-3
    alone: int = 4000
    sure: float = 0.9
    ema_images: float = 3000.0
    hold_out: int = 100


def build(data: Sequence[Path], options: Options, machine: Machine) -> "FacePartsTraining":
    """Read the archives: portraits are those named faces_…, all others are backgrounds. Draw the people."""
    training, held_out = load_sets(data, sides=SIDES, side=SIDE, hold_out=options.hold_out)
    names = list(training)
    portraits = [training[name].images for name in names if name.startswith(FACES) and name != LABELLED]
    scenes = [training[name].images for name in names if not name.startswith(FACES)]
    if not portraits or not scenes:
        raise DatasetError("Name at least one archive faces_… of aligned faces, and one of other pictures.")
    others = [part.images for name, part in zip(names, held_out, strict=True) if not name.startswith(FACES)]
    faces = [
        part.images for name, part in zip(names, held_out, strict=True) if name.startswith(FACES) and name != LABELLED
    ]
    labelled = training[LABELLED].subset(range(min(2000, len(training[LABELLED])))) if LABELLED in training else None
    net = FaceParts()
    known = load_backbone("lite0").state_dict()
    net.trunk.load_state_dict({name: known[name] for name in net.trunk.state_dict()})
    archive = next((Path(path) for path in data if Path(path).stem == LABELLED), None)
    colours = labels_of(archive, labelled) if archive and labelled else None
    return FacePartsTraining(
        net,
        (drawn_people(options, options.drawn, machine, seed=0), drawn_people(options, 200, machine, seed=1)),
        portraits,
        (scenes, torch.cat(others)),
        torch.cat([part[:12] for part in faces]),
        colours,
        options,
        machine,
    )


def drawn_people(options: Options, count: int, machine: Machine, *, seed: int) -> People:
    """The generator's people with their masks, drawn once and kept beside the packed data sets."""
    parts = (Path(options.generator).read_text(), Path(options.directions).stat().st_size, count, seed, SIDE, RULES)
    name = f"parts-people-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.safetensors"
    path = cache_folder() / name
    if not path.exists():
        net = load_module(Path(options.generator), StyleGenerator).to(machine.device)
        rng = torch.Generator().manual_seed(seed)
        found, steps = read(Path(options.directions))
        cut = people(net, (list(found), list(steps)), count, side=SIDE, rng=rng, autocast=machine.autocast)
        stacked = (np.stack([getattr(one, field) for one in cut]) for field in ("picture", "parts", "cover"))
        pictures, where, cover = (torch.from_numpy(array) for array in stacked)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"pictures": pictures.permute(0, 3, 1, 2).contiguous(), "parts": where, "cover": cover}, path)
    return People(**load_file(path))


def labels_of(archive: Path, pictures: Pictures) -> tuple[Pictures, Tensor]:
    """CelebA's pictures with three labels each, (N, 3) in {0, 1}: blond hair, bald, a hat."""
    names, labels = read_attributes(archive, pictures.names)
    return pictures, labels[:, [names.index(name) for name in ("Blond_Hair", "Bald", "Wearing_Hat")]]


class FacePartsTraining(Averaged[FaceParts]):
    """The network, its optimiser and the data. Implements loop.Trainee.

    drawn: people to train on, and others to measure on. scenes: archives of backgrounds, and those held out.
    held_out: portraits never trained on. labelled: pictures and three labels each, see `labels_of`.
    """

    def __init__(
        self,
        net: FaceParts,
        drawn: tuple[People, People],
        portraits: Sequence[Tensor],
        scenes: tuple[Sequence[Tensor], Tensor],
        held_out: Tensor,
        labelled: tuple[Pictures, Tensor] | None,
        options: Options,
        machine: Machine,
    ) -> None:
        self.options, self.machine = options, machine
        device = machine.device  # where all that is trained on is kept; what only measures waits in memory
        self.drawn, self.held_out = (drawn[0].to(device), drawn[1]), held_out
        self.portraits = [some.to(device) for some in portraits]
        self.scenes = ([some.to(device) for some in scenes[0]], scenes[1])
        self.labelled = labelled
        self.side = drawn[0].pictures.shape[-1]
        torch.manual_seed(machine.seed)
        self.rng = torch.Generator().manual_seed(machine.seed)
        self.net = to_channels_last(net.to(machine.device)).requires_grad_(True)
        quicken(self.net.trunk)
        self.ema = averaged_copy(self.net)
        self.adam = adam([(self.net.trunk, options.trunk_lr), (self.net, options.head_lr)], betas=(0.9, 0.99))
        self.images = 0

    def step(self) -> Mapping[str, Tensor]:
        """One step on half a batch of drawn people and half a batch of portraits."""
        o = self.options
        half = o.batch // 2
        pictures, parts = composed(self.drawn[0], self.scenes[0], half, self.rng)
        plain = self._portraits(half)
        spoilt = spoil(plain, self.rng)
        with torch.no_grad(), self.machine.autocast():
            both = self.ema(torch.cat([plain, plain.flip(-1)]))
            said = (both[:half].softmax(1) + both[half:].flip(-1).softmax(1)) / 2
        confidence, answers = said.max(1)
        with self.machine.autocast():
            logits = self.net(torch.cat([spoil(pictures, self.rng), spoilt]))
        known = F.cross_entropy(logits[:half], parts.long(), ignore_index=UNKNOWN)
        told = F.cross_entropy(logits[half:], answers, reduction="none") * (confidence > o.sure)
        loss = known + (told.mean() if self.images >= o.alone else 0.0)
        self.adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.adam.step()
        self.images += o.batch
        update_ema(self.ema, self.net, beta=ema_beta(self.images, half_life=o.ema_images, batch=o.batch, rampup=0.2))
        return {
            "drawn": known.detach(),
            "portraits": told.mean().detach(),
            "sure": (confidence > o.sure).float().mean(),
        }

    def _portraits(self, count: int) -> Tensor:
        """Portraits without masks, moved at random, (count, 3, S, S) in [-1, 1]."""
        chosen = []
        for _ in range(count):
            some = self.portraits[int(torch.randint(len(self.portraits), (1,), generator=self.rng))]
            index = int(torch.randint(len(some), (1,), generator=self.rng))
            chosen.append(some[index : index + 1])
        return view(to_signed(torch.cat(chosen)), (0.5, 0.5, 1.0), jitter=self.rng, side=self.side)

    # What the loop asks for

    @torch.no_grad()
    def _parts(self, pictures: Tensor) -> Tensor:
        """What the averaged network says, probabilities (N, len(PARTS), S, S), of pictures in [-1, 1]."""
        rows = []
        for some in torch.split(pictures, 20):
            with self.machine.autocast():
                rows.append(self.ema(some.to(self.machine.device)).softmax(1).cpu())
        return torch.cat(rows)

    def measure(self) -> Mapping[str, float]:
        """How well parts are found (intersection over union) on people and scenes not trained on, and what hair tells.

        blond: how often blond hair is lighter, against its face, than other hair; bald, hat: how often there is less
        hair on somebody labelled so than on somebody who is not (areas under the ROC curve, CelebA).
        """
        rng = torch.Generator().manual_seed(5)
        pictures, parts = composed(self.drawn[1], [self.scenes[1]], 100, rng)
        said = self._parts(pictures).argmax(1)
        known = parts != UNKNOWN
        values = {}
        for index, name in enumerate(PARTS):
            ours, theirs = (said == index) & known, parts == index
            values[f"iou_{name}"] = float((ours & theirs).sum() / (ours | theirs).sum().clamp_min(1))
        if self.labelled is not None:
            faces = view(to_signed(self.labelled[0].images), CELEBA_FRAME, side=self.side)
            found = self._parts(faces)
            light = faces.mean(1)
            hair, skin = ((light * found[:, i]).sum((1, 2)) / (found[:, i].sum((1, 2)) + 20) for i in (HAIR, 2))
            amount = -found[:, HAIR].mean((1, 2))
            for name, score, label in zip(
                ("blond", "bald", "hat"), (hair - skin, amount, amount), self.labelled[1].unbind(1), strict=True
            ):
                values[f"auc_{name}"] = above(score[label > 0.5], score[label < 0.5])
        return values

    def sample(self) -> Image.Image:
        """Held-out portraits, and what is where in them."""
        small = view(to_signed(self.held_out), (0.5, 0.5, 1.0), side=self.side)
        where = self._parts(small).argmax(1)
        coloured = torch.tensor(PALETTE, dtype=torch.uint8)[where].permute(0, 3, 1, 2)
        pairs = torch.stack([to_bytes(small), coloured], 1).flatten(0, 1)
        return contact_sheet(pairs, columns=8)

    def result(self) -> dict[str, Tensor]:
        """The averaged network in float16."""
        return {name: value.half() for name, value in self.ema.state_dict().items()}

    def card(self) -> ModelCard:
        """The card of a network of this run."""
        return ModelCard(
            id="face-parts",
            engine="face_editing",
            title="Face parts",
            about="Tells background, hair, skin and clothes of a portrait apart. A cap is hair to it.",
            architecture="face_parts",
            source=Source("own", ()),
            licence="LicenseRef-research-only",
            trained_on="people its own generator drew, before photographs; portraits of CelebA and of StyleGAN-type "
            "generators without masks (non-commercial research)",
            input_range=(-1.0, 1.0),
            role="reader",
            order=810,
        )


def above(ones: Tensor, others: Tensor) -> float:
    """How often one of the first is greater than one of the second: the area under the ROC curve."""
    if not len(ones) or not len(others):
        return 0.5
    return float((ones[:, None] > others).float().mean() + 0.5 * (ones[:, None] == others).float().mean())
