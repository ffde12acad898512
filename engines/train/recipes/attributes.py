"""The face reader: 40 attributes and the apparent age, by fine-tuning EfficientNet-lite0 on labelled faces.

It measures what latent directions do (directions.py) and tells the age of a person's photo. Attributes come from
CelebA's labels, ages from the names of UTKFace's pictures; each step takes half its batch from each.
"""

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from engines.core.card import ModelCard, Source
from engines.core.errors import DatasetError
from engines.models.face_attributes import SIDE, YEARS, FaceAttributes
from engines.train.averaged import Averaged
from engines.train.backbones import load_backbone, to_channels_last
from engines.train.data import Pictures, contact_sheet, load_pictures, to_bytes, to_signed
from engines.train.ema import averaged_copy, ema_beta, update_ema
from engines.train.loop import Machine
from engines.train.optim import adam

HELP = "reads attributes and age off a face; the measure for latent directions"
DATA = ("faces_celeba_attributes.zip", "faces_age_112.zip")
PACKED = 128  # side at which the pictures are kept
# The aligned square of engines.core.faces inside CelebA's 89x109 pictures, after data.py has cut their middle 89x89:
# centre x, centre y, side, as parts of the 89.
CELEBA_FRAME = (0.500, 0.541, 0.876)
SPREAD = 3.0  # years: width of the distribution an age label is turned into (Gao et al. 2017)


@dataclass(frozen=True)
class Options:
    """How the face reader is trained.

    batch: pictures a step, half with attributes, half with ages. trunk_lr, head_lr: Adam's learning rates.
    ema_images: half-life of the averaged network in pictures. hold_out: pictures of each archive never trained on.
    """

    batch: int = 48
    trunk_lr: float = 2e-4
    head_lr: float = 1e-3
    ema_images: float = 4000.0
    hold_out: int = 1000


@dataclass(frozen=True)
class Labelled:
    """Pictures with attribute labels (N, A) in {0, 1}, or ages (N,) in years."""

    pictures: Pictures
    labels: Tensor

    def to(self, device: torch.device) -> "Labelled":
        """The same on a device."""
        return Labelled(self.pictures.to(device), self.labels.to(device))


def read_attributes(archive: Path, names: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    """Attribute names, and the labels (N, A) in {0, 1} of `archive/member` names, from the archive's attributes.csv."""
    try:
        with zipfile.ZipFile(archive) as opened:
            rows = list(csv.reader(io.TextIOWrapper(opened.open("attributes.csv"), "utf-8")))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{archive.name} has no attributes.csv. Name CelebA's archive with labels first.") from error
    table = {f"{archive.stem}/{row[0]}": [int(value) > 0 for value in row[1:]] for row in rows[1:]}
    return tuple(rows[0][1:]), torch.tensor([table[name] for name in names], dtype=torch.float32)


def read_ages(names: Sequence[str]) -> Tensor:
    """Years (N,) from names like `archive/34_0_2017….webp`. DatasetError for a name without an age."""
    found = [re.match(r"(\d{1,3})_", name.rsplit("/", 1)[-1]) for name in names]
    if not all(found):
        raise DatasetError("A picture's name does not begin with an age. Name UTKFace's archive second.")
    return torch.tensor([min(int(match[1]), YEARS - 1) for match in found if match], dtype=torch.float32)


def build(data: Sequence[Path], options: Options, machine: Machine) -> "Attributes":
    """Read both archives, hold some of each back, make the network."""
    if len(data) != 2:
        raise DatasetError("Name two archives: faces with attributes.csv, then faces with ages in their names.")
    sets: list[Labelled] = []
    names: tuple[str, ...] = ()
    for path in map(Path, data):
        pictures = load_pictures([path], resolution=PACKED)
        for part in pictures.split(options.hold_out):
            if len(sets) < 2:
                names, labels = read_attributes(path, part.names)
            else:
                labels = read_ages(part.names)
            sets.append(Labelled(part, labels))
    net = FaceAttributes(names)
    net.trunk.load_state_dict(
        {key: value for key, value in load_backbone("lite0").state_dict().items() if not key.startswith("_fc")}
    )
    return Attributes(net, (sets[0], sets[2]), (sets[1], sets[3]), options, machine)


class Attributes(Averaged[FaceAttributes]):
    """The network, its optimiser and the data. Implements loop.Trainee. training, held_out: (attributes, ages)."""

    def __init__(
        self,
        net: FaceAttributes,
        training: tuple[Labelled, Labelled],
        held_out: tuple[Labelled, Labelled],
        options: Options,
        machine: Machine,
    ) -> None:
        self.options, self.machine = options, machine
        self.training = (training[0].to(machine.device), training[1].to(machine.device))
        self.held_out = held_out
        torch.manual_seed(machine.seed)
        self.rng = torch.Generator().manual_seed(machine.seed)
        for head in (net.attributes, net.years):
            nn.init.normal_(head.weight, 0.0, 0.01, generator=self.rng)
        self.net = to_channels_last(net.to(machine.device)).requires_grad_(True)
        self.ema = averaged_copy(self.net)
        self.adam = adam([(self.net.trunk, options.trunk_lr), (self.net, options.head_lr)], betas=(0.9, 0.99))
        self.images = 0

    def step(self) -> Mapping[str, Tensor]:
        """One step on half a batch of attributes and half a batch of ages, in one pass of the trunk."""
        half = self.options.batch // 2
        faces, attributes = self._draw(self.training[0], half, CELEBA_FRAME)
        crops, ages = self._draw(self.training[1], half, (0.5, 0.5, 1.0))
        with self.machine.autocast():
            pooled = self.net.trunk.pooled(torch.cat([faces, crops]))  # (B, 1280)
            logits, years = self.net.attributes(pooled[:half]).float(), self.net.years(pooled[half:]).float()
        loss_attributes = F.binary_cross_entropy_with_logits(logits, attributes)
        ladder = torch.arange(YEARS, device=ages.device)
        target = torch.softmax(-0.5 * ((ladder - ages[:, None]) / SPREAD) ** 2, 1)  # (B / 2, 101)
        mean = years.softmax(1) @ ladder.float()
        loss_age = F.cross_entropy(years, target) + 0.1 * (mean - ages).abs().mean()
        self.adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_attributes * 4 + loss_age)
        self.adam.step()
        self.images += 2 * half
        beta = ema_beta(self.images, half_life=self.options.ema_images, batch=2 * half, rampup=0.2)
        update_ema(self.ema, self.net, beta=beta)
        return {"attributes": loss_attributes.detach(), "age": loss_age.detach()}

    def _draw(self, data: Labelled, count: int, frame: tuple[float, float, float]) -> tuple[Tensor, Tensor]:
        """Random pictures, moved, recoloured and softened at random, (count, 3, 112, 112), and their labels."""
        chosen = torch.randint(len(data.pictures), (count,), generator=self.rng).to(self.machine.device)
        images = view(to_signed(data.pictures.images[chosen]), frame, jitter=self.rng)
        images = soften(recolour(images, self.rng), self.rng)
        return images.contiguous(memory_format=torch.channels_last), data.labels[chosen]

    # What the loop asks for

    @torch.no_grad()
    def _answers(self, data: Labelled, frame: tuple[float, float, float], *, tight: bool) -> Tensor:
        """Logits, or ages, of a whole set by the averaged network."""
        rows = []
        for images in torch.split(data.pictures.images, 100):
            x = view(to_signed(images.to(self.machine.device)), frame)
            pooled = self.ema.trunk.pooled(x.contiguous(memory_format=torch.channels_last))
            rows.append((self.ema.age(pooled) if tight else self.ema.attributes(pooled)).cpu())
        return torch.cat(rows)

    def measure(self) -> Mapping[str, float]:
        """Accuracy and balanced accuracy over all attributes, and the mean error of the age in years."""
        said = self._answers(self.held_out[0], CELEBA_FRAME, tight=False) > 0
        truth = self.held_out[0].labels > 0.5
        right = (said == truth).float().mean(0)  # (A,)
        present = (said & truth).sum(0) / truth.sum(0).clamp_min(1)
        absent = (~said & ~truth).sum(0) / (~truth).sum(0).clamp_min(1)
        ages = self._answers(self.held_out[1], (0.5, 0.5, 1.0), tight=True)
        error = (ages - self.held_out[1].labels).abs()
        guess = (float(self.training[1].labels.median()) - self.held_out[1].labels).abs()
        return {
            "accuracy": float(right.mean()),
            "accuracy_of_guessing": float(torch.maximum(truth.float().mean(0), 1 - truth.float().mean(0)).mean()),
            "balanced_accuracy": float(((present + absent) / 2).mean()),
            "age_error": float(error.mean()),
            "age_error_of_guessing": float(guess.mean()),
        }

    def sample(self) -> Image.Image:
        """Held-out faces: a row by age as the network sees it, and a row by how much they smile."""
        ages = self._answers(self.held_out[1], (0.5, 0.5, 1.0), tight=True)
        smiles = self._answers(self.held_out[0], CELEBA_FRAME, tight=False)[:, self.net.names.index("Smiling")]
        rows = []
        for data, scores, frame in (
            (self.held_out[1], ages, (0.5, 0.5, 1.0)),
            (self.held_out[0], smiles, CELEBA_FRAME),
        ):
            order = scores.argsort()[torch.linspace(0, len(scores) - 1, 12).long()]
            rows.append(to_bytes(view(to_signed(data.pictures.images[order]), frame)))
        return contact_sheet(torch.cat(rows), columns=12)

    def result(self) -> dict[str, Tensor]:
        """The averaged network in float16."""
        return {name: value.half() for name, value in self.ema.state_dict().items()}

    def card(self) -> ModelCard:
        """The card of a face reader of this run."""
        return ModelCard(
            id="face-attributes",
            engine="face_editing",
            title="Face reader",
            about="Reads 40 attributes and the apparent age off a face, as their data sets' labellers would.",
            architecture="face_attributes",
            source=Source("own", ()),
            licence="LicenseRef-research-only",
            trained_on="9,000 pictures of CelebA (attributes), 5,165 of UTKFace (ages): both non-commercial research",
            input_range=(-1.0, 1.0),
            options={"names": list(self.net.names)},
            role="reader",
            order=800,
        )


def view(
    images: Tensor, frame: tuple[float, float, float], *, jitter: torch.Generator | None = None, side: int = SIDE
) -> Tensor:
    """A square part of pictures, (N, 3, H, W) -> (N, 3, side, side); with jitter moved, turned, scaled and mirrored.

    frame: centre x, centre y, side, as parts of the picture's. The edge is repeated outside. jitter: on the CPU,
    wherever the pictures are.
    """
    n = len(images)
    x, y, part = frame
    angle, scale, dx, dy = torch.zeros(n), torch.full((n,), part), torch.full((n,), x), torch.full((n,), y)
    mirror = torch.ones(n)
    if jitter is not None:
        drawn = torch.rand(n, 5, generator=jitter) * 2 - 1
        angle, scale = drawn[:, 0] * 0.10, scale * (1 + 0.07 * drawn[:, 1])
        dx, dy = dx + 0.03 * part * drawn[:, 2], dy + 0.03 * part * drawn[:, 3]
        mirror = torch.where(drawn[:, 4] > 0, 1.0, -1.0)
    rows = torch.stack(
        [
            torch.stack([mirror * scale * angle.cos(), -scale * angle.sin(), 2 * dx - 1], 1),
            torch.stack([mirror * scale * angle.sin(), scale * angle.cos(), 2 * dy - 1], 1),
        ],
        1,
    )  # (N, 2, 3)
    grid = F.affine_grid(rows.to(images.device), [n, 3, side, side], align_corners=False)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def recolour(images: Tensor, rng: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation as cameras differ, (N, 3, H, W) in [-1, 1]."""
    drawn = (torch.rand(len(images), 3, generator=rng) * 2 - 1)[:, :, None, None, None].to(images.device)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + 0.4 * drawn[:, 0])
    return (images * (1 + 0.25 * drawn[:, 1]) + 0.2 * drawn[:, 2]).clamp(-1, 1)


def soften(images: Tensor, rng: torch.Generator) -> Tensor:
    """Half of the batches lose resolution, down to 56 pixels a side, as small photos and young generators do."""
    side = images.shape[-1]
    small = int(torch.randint(side // 2, 2 * side, (1,), generator=rng))
    if small >= side:
        return images
    reduced = F.interpolate(images, size=(small, small), mode="area")
    return F.interpolate(reduced, size=(side, side), mode="bilinear", align_corners=False)
