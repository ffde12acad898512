"""Teaches a trained face generator sliders that its data hardly shows: glasses, grey hair, shut eyes, beards.

Directions can only be found for what a generator draws. So its own faces are given glasses and the rest by rule
(lessons.py), and a copy of it learns, together with one new step in W+ for each lesson, to draw the changed face from
the moved latents and the old face from the old ones. That is StyleGAN distillation (Viazovetskyi et al. 2020) put back
into the generator itself: its mapping stays, so encoder and directions found before go on meaning what they meant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from engines.core.card import ModelCard, Source
from engines.core.errors import DatasetError
from engines.core.faces import detect
from engines.faces import spectacles
from engines.models.efficientnet_lite import EfficientNetLite
from engines.models.face_encoder import FaceEncoder
from engines.models.style_generator import StyleGenerator
from engines.train import lessons, losses
from engines.train.averaged import Averaged
from engines.train.backbones import to_channels_last
from engines.train.data import Pictures, contact_sheet, load_pictures, to_bytes, to_signed
from engines.train.ema import averaged_copy, ema_beta, update_ema
from engines.train.loop import Machine
from engines.train.measure import generate
from engines.train.metrics import frechet_distance, lite2_features, psnr
from engines.train.recipes.encoder import ASSETS, load_module
from engines.train.sliders import Found, read

HELP = "sliders for glasses, grey hair, shut eyes and a beard, taught to a trained face generator"
DATA = ("faces_synthetic_256.zip",)
DARK, FAIR = ("hair_dark", 1.0), ("hair_blond", 0.8)  # sliders, and how much of their range shows where hair is


@dataclass(frozen=True)
class Options:
    """How a generator is taught.

    generator, encoder, reader: cards of the face generator, its encoder and the face reader; directions: its sliders.
    people: faces that are changed, half of them the generator's own, half the encoder's answers to pictures. unseen: of
    them, never trained on. hold_out: pictures of the first archive that the generator never saw. batch: faces a step.
    lr, step_lr: Adam's learning rates, of the generator and of the new steps. pixels, features: weights of the losses
    (mean absolute difference, distance of the reader's features at the blocks looked_at). marked: how much more a
    pixel counts that the lesson changes. ema_images: half-life of what is kept, in faces.
    """

    generator: str = str(ASSETS / "faces-128.toml")
    encoder: str = str(ASSETS / "faces-128-encoder.toml")
    reader: str = str(ASSETS / "face-attributes.toml")
    directions: str = str(ASSETS / "faces-128-directions.safetensors")
    people: int = 2500
    unseen: int = 100
    hold_out: int = 400
    batch: int = 12
    lr: float = 2e-4
    step_lr: float = 2e-3
    pixels: float = 4.0
    features: float = 2.0
    marked: float = 4.0
    looked_at: tuple[int, ...] = (2, 4, 10)
    ema_images: float = 2000.0


@dataclass(frozen=True)
class Lessons:
    """Faces and what should become of them.

    ws: (N, num_ws, w_dim). plain: uint8 (N, 3, R, R). changed: the same after each lesson but glasses, uint8
    (N, lessons - 1, 3, R, R). glasses: their colour and how much they cover, uint8 (N, 4, R, R).
    """

    ws: Tensor
    plain: Tensor
    changed: Tensor
    glasses: Tensor

    def __len__(self) -> int:
        return len(self.ws)

    def part(self, chosen: Tensor | slice) -> "Lessons":
        """Some of them."""
        return Lessons(*(tensor[chosen] for tensor in vars(self).values()))

    def wanted(self, amounts: Tensor) -> Tensor:
        """The faces with so much of each lesson, amounts (N, lessons) in [0, 1] -> (N, 3, R, R) in [-1, 1]."""
        plain = to_signed(self.plain)
        change = to_signed(self.changed.flatten(0, 1)).reshape(self.changed.shape) - plain[:, None]
        bare = plain + torch.einsum("nk,nkchw->nchw", amounts[:, 1:], change)
        cover = amounts[:, 0, None, None, None] * (self.glasses[:, 3:].float() / 255)
        worn: Tensor = bare + cover * (to_signed(self.glasses[:, :3]) - bare)
        return worn


class Pupil(nn.Module):
    """A generator and the steps that it is taught, (lessons, num_ws, w_dim). The mapping and the noise stay."""

    def __init__(self, generator: StyleGenerator, steps: Tensor) -> None:
        super().__init__()
        self.G, self.steps = generator, nn.Parameter(steps)
        self.requires_grad_(True)
        self.G.mapping.requires_grad_(False)
        for level in self.G.levels:
            level.noise_strength.requires_grad_(False)

    def forward(self, ws: Tensor, amounts: Tensor) -> Tensor:
        """ws (N, num_ws, w_dim), amounts (N, lessons) -> (N, 3, R, R)."""
        moved: Tensor = ws + torch.einsum("nk,klw->nlw", amounts, self.steps)
        return self.G.synthesis(moved)


def build(data: Sequence[Path], options: Options, machine: Machine) -> "Teach":
    """Load the networks, make the faces and their lessons."""
    teacher = load_module(Path(options.generator), StyleGenerator)
    reader = load_module(Path(options.reader), nn.Module)
    encoder = load_module(Path(options.encoder), FaceEncoder)
    if not data:
        raise DatasetError("There is nothing to train on. Name at least one zip archive of aligned faces.")
    pictures = load_pictures(list(data), resolution=teacher.options.resolution)
    training, held_out = pictures.split(options.hold_out, prefix=f"{Path(data[0]).stem}/")
    known = read(Path(options.directions))
    ws = people(teacher, encoder, training, known, count=options.people, seed=machine.seed)
    faces = lay_out(teacher, ws, known)
    trunk = getattr(reader, "trunk", None)
    assert isinstance(trunk, EfficientNetLite)
    return Teach(teacher, trunk, faces, held_out, options, machine)


@torch.no_grad()
def people(
    teacher: StyleGenerator,
    encoder: nn.Module,
    pictures: Pictures,
    known: tuple[Sequence[Found], Sequence[Tensor]],
    *,
    count: int,
    seed: int,
) -> Tensor:
    """Latents (count, num_ws, w_dim): the generator's own and the encoder's, most of them moved by known sliders."""
    rng = torch.Generator().manual_seed(seed + 5)
    w_avg, half = teacher.mapping.w_avg, count // 2
    w = teacher.mapping(torch.randn(half, teacher.options.z_dim, generator=rng))
    w = w_avg + (0.5 + 0.5 * torch.rand(half, 1, generator=rng)) * (w - w_avg)
    own = w[:, None].repeat(1, teacher.options.num_ws, 1)
    chosen = torch.randint(len(pictures), (count - half,), generator=rng)
    theirs = torch.cat([encoder(to_signed(pictures.images[part])).float() for part in torch.split(chosen, 40)])
    ws = torch.cat([own, theirs])[torch.randperm(count, generator=rng)]
    for found, step in zip(*known, strict=True):
        amount = found.low + (found.high - found.low) * torch.rand(count, generator=rng)
        amount *= torch.rand(count, generator=rng) < 0.12
        ws += amount[:, None, None] * step
    return ws


@torch.no_grad()
def lay_out(teacher: StyleGenerator, ws: Tensor, known: tuple[Sequence[Found], Sequence[Tensor]]) -> Lessons:
    """What should become of these people; those in whom dlib sees no face are left out."""
    shift = {found.name: found.high * step for found, step in zip(*known, strict=True)}
    moves = [torch.zeros_like(ws[0]), DARK[1] * shift[DARK[0]], FAIR[1] * shift[FAIR[0]]]
    rng = np.random.default_rng(0)
    kept: list[tuple[Tensor, Tensor]] = []
    for part in torch.split(ws, 20):
        plain, dark, fair = (np.moveaxis(to_unit(teacher, part + move), 1, 3) for move in moves)
        for index, face in enumerate(plain):
            found = detect(np.ascontiguousarray((face * 255).round(), np.uint8), smallest=60, rotated=False)
            if not found:
                continue
            eyes, nose, turn, side = np.array(found[0].eyes), np.array(found[0].nose), found[0].yaw, face.shape[0]
            planes = (
                face,
                lessons.grey_hair(face, dark[index], fair[index]),
                lessons.shut_eyes(face, eyes, turn),
                lessons.beard(face, eyes, nose, turn, lessons.strands_of(side, rng)),
                np.dstack(spectacles.glasses(eyes, turn, side)),
            )
            book = np.concatenate(planes, 2).clip(0, 1)  # (R, R, 3 a picture, 4 of the glasses)
            kept.append((part[index], torch.from_numpy((book * 255).round().astype(np.uint8)).permute(2, 0, 1)))
    if len(kept) < 2:
        raise DatasetError("The generator draws no faces that could be changed. Name another card.")
    latents, books = (torch.stack(column) for column in zip(*kept, strict=True))
    changed = books[:, 3:-4].reshape(len(books), len(lessons.NAMES) - 1, 3, *books.shape[2:])
    return Lessons(latents, books[:, :3].contiguous(), changed, books[:, -4:].contiguous())


def to_unit(teacher: StyleGenerator, ws: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The pictures of ws, float32 (N, 3, R, R) in [0, 1]."""
    return np.asarray(teacher.synthesis(ws).float().clamp(-1, 1).cpu().numpy() / 2 + 0.5, np.float32)


def unused_steps(ws: Tensor, count: int, *, size: float = 0.7) -> Tensor:
    """Steps (count, num_ws, w_dim) along which ws vary least, as long as `size` times their distance from the mean."""
    flat = (ws - ws.mean((0, 1))).flatten(0, 1)
    _, vectors = torch.linalg.eigh(flat.t().double() @ flat.double())
    steps = vectors[:, :count].t().float() * size * flat.norm(dim=1).mean()
    spread: Tensor = steps[:, None].repeat(1, ws.shape[1], 1)
    return spread


class Teach(Averaged[Pupil]):
    """The pupil, its optimiser and the lessons. Implements loop.Trainee."""

    def __init__(
        self,
        teacher: StyleGenerator,
        reader: EfficientNetLite,
        faces: Lessons,
        held_out: Pictures,
        options: Options,
        machine: Machine,
    ) -> None:
        self.options, self.machine, self.held_out = options, machine, held_out
        unseen = min(options.unseen, len(faces) // 2)
        self.unseen, seen = faces.part(slice(unseen)), faces.part(slice(unseen, None))
        self.faces = Lessons(*(tensor.to(machine.device) for tensor in vars(seen).values()))
        self.reader = reader.to(machine.device)
        torch.manual_seed(machine.seed)
        self.rng = torch.Generator(machine.device).manual_seed(machine.seed)
        pupil = Pupil(teacher, unused_steps(faces.ws, len(lessons.NAMES)))
        self.net = to_channels_last(pupil.to(machine.device))
        self.ema = averaged_copy(self.net)
        self.adam = torch.optim.Adam(
            [
                {"params": [p for p in self.net.G.parameters() if p.requires_grad], "lr": options.lr},
                {"params": [self.net.steps], "lr": options.step_lr},
            ],
            betas=(0.9, 0.99),
        )
        self.images = 0

    def step(self) -> Mapping[str, Tensor]:
        """One step: faces with none, some or all of each lesson."""
        o = self.options
        faces, amounts = self._batch()
        target = faces.wanted(amounts).contiguous(memory_format=torch.channels_last)
        changed = ((target - to_signed(faces.plain)).abs().mean(1, keepdim=True) > 0.04).float()
        with self.machine.autocast():
            made = self.net(faces.ws, amounts)
            with torch.no_grad():
                wanted = self.reader.features(target, blocks=o.looked_at)
            found = self.reader.features(made.clamp(-1.2, 1.2), blocks=o.looked_at)
            features = losses.perceptual(found, wanted).mean()
        away = (made.float() - target).abs()
        pixels = (away * (1 + o.marked * changed)).mean()
        loss = o.pixels * pixels + o.features * features
        self.adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.adam.step()
        self.images += o.batch
        update_ema(self.ema, self.net, beta=ema_beta(self.images, half_life=o.ema_images, batch=o.batch, rampup=0.2))
        return {"pixels": pixels.detach(), "features": features.detach()}

    def _batch(self) -> tuple[Lessons, Tensor]:
        """Some faces, and how much of each lesson they are to show: half none, a quarter all, a quarter something."""
        batch, device = self.options.batch, self.machine.device
        chosen = torch.randint(len(self.faces), (batch,), generator=self.rng, device=device)
        shape = (batch, len(lessons.NAMES))
        drawn = torch.rand(shape, generator=self.rng, device=device)
        kind = torch.rand(shape, generator=self.rng, device=device)
        amounts = torch.where(kind < 0.5, 0.0, torch.where(kind < 0.75, 1.0, drawn))
        return self.faces.part(chosen), amounts

    # What the loop asks for

    @torch.no_grad()
    def answers(self, faces: Lessons, amounts: Tensor) -> Tensor:
        """The averaged pupil's pictures, uint8 (N, 3, R, R)."""
        rows = []
        for ws, amount in zip(torch.split(faces.ws, 40), torch.split(amounts, 40), strict=True):
            with self.machine.autocast():
                rows.append(to_bytes(self.ema(ws.to(self.machine.device), amount.to(self.machine.device))).cpu())
        return torch.cat(rows)

    def measure(self) -> Mapping[str, float]:
        """PSNR of each lesson and of none on faces not trained on, and the Fréchet distance of new people (lite2)."""
        none = torch.zeros(len(self.unseen), len(lessons.NAMES))
        told = {"psnr_plain": none}
        for index, name in enumerate(lessons.NAMES):
            told[f"psnr_{name}"] = none.clone()
            told[f"psnr_{name}"][:, index] = 1
        values = {
            key: float(psnr(self.answers(self.unseen, amounts), to_bytes(self.unseen.wanted(amounts))).mean())
            for key, amounts in told.items()
        }
        if len(self.held_out) < 2:
            return values
        with self.machine.autocast():
            made = generate(self.ema.G, len(self.held_out), seed=2)
        real = lite2_features(self.held_out.images, device=self.machine.device)
        values["frechet_lite2"] = frechet_distance(lite2_features(made, device=self.machine.device), real)
        return values

    def sample(self) -> Image.Image:
        """Unseen faces: plain, then each lesson as wanted and as drawn, then all together as drawn."""
        faces = self.unseen.part(slice(12))
        none = torch.zeros(len(faces), len(lessons.NAMES))
        rows = [self.answers(faces, none)]
        for index in range(len(lessons.NAMES)):
            one = none.clone()
            one[:, index] = 1
            rows += [to_bytes(faces.wanted(one)), self.answers(faces, one)]
        return contact_sheet(torch.cat([*rows, self.answers(faces, none + 1)]), columns=len(faces))

    def result(self) -> dict[str, Tensor]:
        """The averaged generator in float16."""
        return {name: value.half() for name, value in self.ema.G.state_dict().items()}

    def card(self) -> ModelCard:
        """The card of the generator, that can now be moved along the steps."""
        shape = self.ema.G.options
        return ModelCard(
            id=f"faces-{shape.resolution}",
            engine="face_editing",
            title=f"Faces {shape.resolution}",
            about="Makes faces of people who do not exist, and was taught glasses, grey hair, shut eyes and beards.",
            architecture="style_generator",
            source=Source("own", ()),
            licence="LicenseRef-research-only",
            trained_on="pictures of its owner, and faces of its own on which glasses and the rest were drawn by rule",
            input_range=(-1.0, 1.0),
            options=asdict(shape),
        )
