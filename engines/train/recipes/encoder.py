"""The face encoder: photo -> W+ of a trained generator, so that a person's photo starts close (e4e, Tov et al. 2021).

Half of each batch are real faces, whose reconstruction has to look like them; the other half are generated, where the
true w is known as well. The generator is frozen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engines.core.card import ModelCard, Source, read_card
from engines.core.errors import DatasetError
from engines.core.network import build_module
from engines.core.weights import read_tensors
from engines.models.efficientnet_lite import EfficientNetLite
from engines.models.face_encoder import FaceEncoder
from engines.models.style_generator import StyleGenerator, stretched
from engines.train import losses
from engines.train.averaged import Averaged
from engines.train.backbones import load_backbone, to_channels_last
from engines.train.data import Pictures, contact_sheet, load_pictures, to_bytes, to_signed
from engines.train.depthwise import quicken
from engines.train.ema import averaged_copy, ema_beta, update_ema
from engines.train.loop import Machine
from engines.train.metrics import identity_distance, perceptual_distance, psnr
from engines.train.optim import adam

M = TypeVar("M", bound=torch.nn.Module)
HELP = "photo of a face -> latents of a trained face generator"
DATA = ("faces_synthetic_256.zip", "faces_celeba_128.zip")
ASSETS = Path(__file__).parents[3] / "assets" / "models"


@dataclass(frozen=True)
class Options:
    """How the encoder is trained.

    generator, reader: cards of the face generator and of the face reader (recipe attributes).
    batch: pictures a step, half of them generated. lr, trunk_lr: Adam's learning rates, of the heads and the trunk.
    pixels, colour, features, latent, close: weights of the losses (mean absolute difference at full size, the same of
    16x16 means, distance of the reader's features, of w on generated faces, size of the layers' own offsets).
    looked_at: blocks of the reader whose features have to agree. hold_out: pictures of EACH archive never trained on.
    start_from: a result to start a new run from, of a generator with the same latents.
    """

    generator: str = str(ASSETS / "faces-128.toml")
    reader: str = str(ASSETS / "face-attributes.toml")
    batch: int = 16
    width: int = 384
    lr: float = 4e-4
    trunk_lr: float = 1.5e-4
    pixels: float = 1.5
    colour: float = 2.0
    features: float = 3.0
    latent: float = 0.3
    close: float = 0.02
    looked_at: tuple[int, ...] = (2, 4, 10, 15)
    ema_images: float = 4000.0
    hold_out: int = 400
    start_from: str = ""


def build(data: Sequence[Path], options: Options, machine: Machine) -> "Encoder":
    """Read the archives, hold some of each back, load the generator and the reader."""
    generator = load_module(Path(options.generator), StyleGenerator)
    reader = load_module(Path(options.reader), torch.nn.Module)
    parts = halves(data, resolution=generator.options.resolution, hold_out=options.hold_out)
    joined = [
        Pictures(torch.cat([part[side].images for part in parts]), sum((part[side].names for part in parts), ()))
        for side in (0, 1)
    ]
    trunk = getattr(reader, "trunk", None)
    assert isinstance(trunk, EfficientNetLite)
    return Encoder(joined[0], joined[1], generator, trunk, options, machine)


def halves(data: Sequence[Path], *, resolution: int, hold_out: int) -> list[tuple[Pictures, Pictures]]:
    """Of each archive what is trained on and what is held out. DatasetError if there is none."""
    if not data:
        raise DatasetError("There is nothing to train on. Name at least one zip archive of aligned faces.")
    return [load_pictures([path], resolution=resolution).split(hold_out) for path in data]


def load_module(card_path: Path, kind: type[M]) -> M:
    """The frozen module of a card whose weights lie beside it."""
    card = read_card(card_path)
    module = build_module(card, read_tensors(card.folder / card.source.files[0].file))
    if not isinstance(module, kind):
        raise DatasetError(f"{card.title} is not the model that is needed here. Name another card.")
    return to_channels_last(module.requires_grad_(False))


class Encoder(Averaged[FaceEncoder]):
    """The encoder, its optimiser and the data. Implements loop.Trainee."""

    def __init__(
        self,
        training: Pictures,
        held_out: Pictures,
        generator: StyleGenerator,
        reader: EfficientNetLite,
        options: Options,
        machine: Machine,
        *,
        net: FaceEncoder | None = None,
    ) -> None:
        self.options, self.machine = options, machine
        self.training, self.held_out = training, held_out
        self.reals = training.images.to(machine.device)
        self.G, self.reader = generator.to(machine.device), quicken(reader).to(machine.device)
        torch.manual_seed(machine.seed)
        self.rng = torch.Generator(machine.device).manual_seed(machine.seed)
        shape = generator.options
        if net is None:
            net = FaceEncoder(shape.num_ws, shape.w_dim, width=options.width)
            weights = load_backbone("lite0").state_dict()
            net.trunk.load_state_dict({k: v for k, v in weights.items() if not k.startswith(("_fc", "_conv_head"))})
        if options.start_from:
            net.load_state_dict({name: t.float() for name, t in read_tensors(Path(options.start_from)).items()})
        net.w_avg.copy_(generator.mapping.w_avg)
        self.net = to_channels_last(net.to(machine.device)).requires_grad_(True)
        quicken(self.net.trunk)
        self.ema = averaged_copy(self.net)
        self.adam = adam([(self.net.trunk, options.trunk_lr), (self.net, options.lr)], betas=(0.9, 0.99))
        with torch.no_grad():
            z = torch.randn(1000, shape.z_dim, generator=torch.Generator().manual_seed(1)).to(machine.device)
            self.w_spread = self.G.mapping(z).std(0).mean()  # the unit in which latents are compared
        self.images = 0

    def step(self) -> Mapping[str, Tensor]:
        """One step: reconstruct half a batch of real and half a batch of generated faces."""
        o = self.options
        targets, w = self._batch()
        with self.machine.autocast():
            base, layers = self.net.offsets(self._seen(targets))
            ws = self.net.w_avg + base + layers  # (B, num_ws, w_dim)
            images = self.G.synthesis(ws)
            with torch.no_grad():
                wanted = self.reader.features(targets, blocks=o.looked_at)
            found = self.reader.features(images.clamp(-1.2, 1.2), blocks=o.looked_at)
            features = losses.perceptual(found, wanted).mean()
        pixels = (images - targets).abs().mean()
        colour = (F.adaptive_avg_pool2d(images, 16) - F.adaptive_avg_pool2d(targets, 16)).abs().mean()
        latent = ((ws[: len(w)] - w[:, None]) / self.w_spread).square().mean()
        close = (layers / self.w_spread).square().mean()
        loss = o.pixels * pixels + o.colour * colour + o.features * features + o.latent * latent + o.close * close
        self.adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.adam.step()
        self.images += o.batch
        update_ema(self.ema, self.net, beta=ema_beta(self.images, half_life=o.ema_images, batch=o.batch, rampup=0.2))
        scalars = {"pixels": pixels, "colour": colour, "features": features, "latent": latent, "close": close}
        return {name: value.detach() for name, value in scalars.items()}

    @torch.no_grad()
    def _batch(self) -> tuple[Tensor, Tensor]:
        """Targets (B, 3, R, R), generated ones first, and the w of those."""
        half, device = self.options.batch // 2, self.machine.device
        z = torch.randn(half, self.G.options.z_dim, generator=self.rng, device=device)
        chosen = torch.randint(len(self.reals), (self.options.batch - half,), generator=self.rng, device=device)
        mirrored = torch.randint(2, (len(chosen),), generator=self.rng, device=device).bool()
        with self.machine.autocast():
            w = self.G.mapping(z).float()
            made = self.G.synthesis(w, noise=self.rng).float().clamp(-1, 1)
        reals = to_signed(self.reals[chosen])
        reals = torch.where(mirrored[:, None, None, None], reals.flip(-1), reals)
        return torch.cat([made, reals]).contiguous(memory_format=torch.channels_last), w

    def _seen(self, targets: Tensor) -> Tensor:
        """What the encoder looks at: the targets, at times softened, since people's photos differ in sharpness."""
        if float(torch.rand((), generator=self.rng, device=self.rng.device)) < 0.7:
            return targets
        side = targets.shape[-1]
        small = F.interpolate(targets, size=(side // 2, side // 2), mode="area")
        return F.interpolate(small, size=(side, side), mode="bilinear").contiguous(memory_format=torch.channels_last)

    # What the loop asks for

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> Tensor:
        """uint8 (N, 3, R, R) -> the generator's answer to the averaged encoder's latents, uint8."""
        return answers(self.ema, self.G, images, self.machine)

    def measure(self) -> Mapping[str, float]:
        """`likeness` of about 200 held-out faces."""
        return likeness(self.ema, self.G, some(self.held_out.images, 200), self.machine)

    def sample(self) -> Image.Image:
        """Held-out faces above their reconstructions."""
        truth = self.held_out.images[:: max(1, len(self.held_out) // 24)][:24]
        ours = self.reconstruct(truth)
        return contact_sheet(torch.cat([truth[:12], ours[:12], truth[12:], ours[12:]]), columns=12)

    def result(self) -> dict[str, Tensor]:
        """The averaged encoder in float16."""
        return {name: value.half() for name, value in self.ema.state_dict().items()}

    def card(self) -> ModelCard:
        """The card of an encoder of this run."""
        shape = self.G.options
        return ModelCard(
            id=f"faces-{shape.resolution}-encoder",
            engine="face_editing",
            title=f"Face encoder {shape.resolution}",
            about="Finds the generated face that looks most like the one in a photo, in one pass.",
            architecture="face_encoder",
            source=Source("own", ()),
            licence="LicenseRef-research-only",
            trained_on="faces of its generator, StyleGAN-type faces and CelebA: research, non-commercial",
            input_range=(-1.0, 1.0),
            options={"num_ws": shape.num_ws, "w_dim": shape.w_dim, "width": self.options.width},
            role="encoder",
            order=810,
        )


def some(images: Tensor, count: int) -> Tensor:
    """About `count` of these pictures, evenly spread; all of fewer."""
    return images[:: max(1, len(images) // count)]


@torch.no_grad()
def answers(encoder: FaceEncoder, generator: StyleGenerator, images: Tensor, machine: Machine) -> Tensor:
    """uint8 (N, 3, S, S) -> the generator's pictures of the encoder's latents, uint8, at the same size.

    A generator that grew from the encoder's own takes lengthened latents; its larger pictures are averaged down.
    """
    rows = []
    for chunk in torch.split(images.to(machine.device), 40):
        with machine.autocast():
            ws = encoder(to_signed(chunk))
            made = generator.synthesis(ws[:, stretched(ws.shape[1], generator.options.num_ws)])
        rows.append(to_bytes(_at(made, images.shape[-1])).cpu())
    return torch.cat(rows)


def likeness(encoder: FaceEncoder, generator: StyleGenerator, truth: Tensor, machine: Machine) -> dict[str, float]:
    """Perceptual distance (lite2), PSNR in dB and median identity distance (dlib) of faces, uint8 (N, 3, S, S), and
    what the encoder and the generator make of them.

    The mean face's distances are given as well: what an encoder that knows nothing would score.
    """
    ours = answers(encoder, generator, truth, machine)
    with torch.no_grad():
        mean = to_bytes(_at(generator.synthesis(generator.mapping.w_avg[None]), truth.shape[-1])).cpu().expand_as(truth)
    return {
        "perceptual": float(perceptual_distance(ours, truth).mean()),
        "psnr": float(psnr(ours, truth).mean()),
        "identity": float(identity_distance(ours, truth).median()),
        "perceptual_of_mean_face": float(perceptual_distance(mean, truth).mean()),
        "identity_of_mean_face": float(identity_distance(mean, truth).median()),
    }


def _at(images: Tensor, side: int) -> Tensor:
    """Generated pictures at another size, (N, 3, S, S) -> (N, 3, side, side)."""
    return images if images.shape[-1] == side else F.interpolate(images.float(), size=(side, side), mode="area")
