"""The inpainting network: fills holes of any shape so that nobody sees them.

First what is missing alone (absolute difference, features and their Gram matrices), then also a projected discriminator
whose patches are judged where they touch the hole. Outside the hole the picture stays, and nothing is asked there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engines.core.card import ModelCard, Source
from engines.core.weights import read_tensors
from engines.models.inpaint_unet import InpaintUNet
from engines.train import losses
from engines.train.averaged import Opposed
from engines.train.backbones import load_backbone, start_encoder
from engines.train.colour_batches import Mixture
from engines.train.data import Pictures, contact_sheet, load_sets
from engines.train.depthwise import quicken
from engines.train.discriminators import ProjectedDiscriminator
from engines.train.holes import hole, holes
from engines.train.loop import Machine
from engines.train.metrics import frechet_distance, lite2_features, perceptual_distance, psnr

HELP = "filling holes in pictures"
DATA = (
    "photos_288.zip",
    "scenes_100.zip",
    "clothing_256.zip",
    "faces_synthetic_256.zip",
    "faces_celeba_128.zip",
    "textures_256.zip",
)
SHARES = {
    "photos_288": 0.40,
    "scenes_100": 0.14,
    "clothing_256": 0.14,
    "faces_synthetic_256": 0.09,
    "faces_celeba_128": 0.09,
    "textures_256": 0.14,
}
PACKED = {"scenes_100": 112, "faces_celeba_128": 128, "faces_synthetic_256": 160}  # side at which a set is kept …
PACKED_OTHERS = 224  # … and all others
LARGE = 192  # squares of this side or more are cut from pictures kept as large as they come, …
OWN = {"scenes_100": 100, "faces_celeba_128": 128, "photos_288": 288}  # … sets of smaller ones left out, …
OWN_OTHERS = 256  # … and this is the size of all others
SIZES = ((0.1, 0.2), (0.2, 0.4), (0.4, 0.6))  # of the holes that are measured


@dataclass(frozen=True)
class Options:
    """How the inpainting network is trained.

    side: of the squares. widths, middle, blocks: of the network. batch: pictures a step. frozen: first blocks of the
    encoder that stay as they are, as do all its depthwise convolutions. decoder_lr, encoder_lr, d_lr: Adam's learning
    rates; the first two fall to a twentieth by `total` pictures. l1, perceptual, matching, style, adversarial: weights
    of the losses. adversarial_from: pictures shown before the adversarial loss begins. r1, r1_every: R1 on the
    discriminator's mixed features, every so many steps. ema_images: half-life of the average in pictures. hold_out:
    pictures of each archive never trained on. start_from: a result to start a new run from.
    """

    side: int = 128
    widths: tuple[int, ...] = (24, 40, 80, 160, 160)
    middle: str = "aot"
    blocks: int = 4
    batch: int = 16
    frozen: int = 1
    decoder_lr: float = 5e-4
    encoder_lr: float = 1e-4
    d_lr: float = 2e-4
    total: int = 100_000
    l1: float = 4.0
    perceptual: float = 6.0
    matching: float = 1.0
    style: float = 4.0
    adversarial: float = 0.2
    adversarial_from: int = 20_000
    r1: float = 0.1
    r1_every: int = 8
    ema_images: float = 3000.0
    hold_out: int = 60
    start_from: str = ""


def build(data: Sequence[Path], options: Options, machine: Machine) -> "Inpaint":
    """Read the archives, hold some of each back, make the networks."""
    if options.side < LARGE:
        training, held_out = load_sets(data, sides=PACKED, side=PACKED_OTHERS, hold_out=options.hold_out)
    else:
        data = [path for path in data if OWN.get(Path(path).stem, OWN_OTHERS) >= options.side]
        training, held_out = load_sets(data, sides=OWN, side=OWN_OTHERS, hold_out=options.hold_out)
    torch.manual_seed(machine.seed)
    net = InpaintUNet(widths=options.widths, middle=options.middle, blocks=options.blocks)
    # of the hole its first layer knows nothing at first
    start_encoder(net.encoder, lambda stem: torch.cat([stem, torch.zeros_like(stem[:, :1])], 1))
    kept_back = torch.cat([squares(pictures.images, options.side) for pictures in held_out])
    return Inpaint(net, training, kept_back, options, machine)


def squares(images: Tensor, side: int) -> Tensor:
    """uint8 (N, 3, S, S) at another side: the middle where it is larger by up to a half, else made smaller."""
    whole = images.shape[-1]
    if side < whole <= side * 3 // 2:
        start = (whole - side) // 2
        return images[..., start : start + side, start : start + side].clone()
    x = F.interpolate(images.float(), size=(side, side), mode="bilinear", align_corners=False, antialias=True)
    return x.round().clamp(0, 255).to(torch.uint8)


class Inpaint(Opposed[InpaintUNet]):
    """The network, its average, its discriminator and the data. Implements loop.Trainee."""

    def __init__(
        self,
        net: InpaintUNet,
        training: Mapping[str, Pictures],
        held_out: Tensor,
        options: Options,
        machine: Machine,
    ) -> None:
        self.options, self.machine, self.held_out = options, machine, held_out
        self.mixture = Mixture(training, SHARES, side=options.side, closest=0.5, device=machine.device)
        self.rng = torch.Generator().manual_seed(machine.seed)
        self.sets = {name: len(pictures) for name, pictures in training.items()}
        if options.start_from:
            net.load_state_dict({name: t.float() for name, t in read_tensors(Path(options.start_from)).items()})
        else:
            self._fit_taps(net)
        for part in net.encoder._blocks[: options.frozen]:
            part.requires_grad_(False)
        quicken(net.encoder)
        D = ProjectedDiscriminator(
            quicken(load_backbone("lite0")),
            size=options.side,
            blocks=(0, 2, 4, 10),
            out_channels=(32, 64, 64, 128),
            width=48,
        )
        self.oppose(net, D, machine.device)
        self.learn(self.net.encoder, encoder_lr=options.encoder_lr, decoder_lr=options.decoder_lr, d_lr=options.d_lr)

    def _fit_taps(self, net: InpaintUNet) -> None:
        """Set the scales of the encoder's maps from a batch."""
        rng = torch.Generator().manual_seed(self.machine.seed)
        images = self.mixture.draw(32, rng).cpu()  # the network comes to the device later
        with torch.no_grad():
            seen = torch.cat([images * 2 - 1, torch.zeros_like(images[:, :1])], 1)
            for tap, x in zip(net.skips, net.encoder.features(seen, blocks=net.taps), strict=True):
                tap.fit(x)  # type: ignore[operator]

    def step(self) -> Mapping[str, Tensor]:
        """One step of the network and, once the adversarial phase has begun, one of the discriminator."""
        o, device, order = self.options, self.machine.device, torch.channels_last
        self.cosine(total=o.total, batch=o.batch)
        images = self.mixture.draw(o.batch, self.rng).contiguous(memory_format=order)
        hole = holes(o.batch, o.side, self.rng).to(device)
        noise = torch.randn(hole.shape, generator=self.rng).to(device)
        adversarial = self.images >= o.adversarial_from
        with self.machine.autocast():
            filled = self.net(images, hole, noise)
            with torch.no_grad():
                truth = self.D.backbone_features(images * 2 - 1)
                real = self.D.mixed(truth)
            seen = self.D.backbone_features(filled.clamp(-0.1, 1.1) * 2 - 1)
            fake = self.D.mixed(seen)
            difference = (filled - images).abs().sum() / (3 * hole.sum())
            said = {
                "l1": difference,
                "perceptual": losses.perceptual(seen, truth).mean(),
                "matching": losses.feature_matching(fake, real),
                "style": losses.style(fake, real),
            }
            loss = o.l1 * said["l1"] + o.perceptual * said["perceptual"]
            loss = loss + o.matching * said["matching"] + o.style * said["style"]
            if adversarial:
                self.D.eval()
                said["adversarial"] = losses.hinge_generator_at(self.D.logits(fake), hole)
                loss = loss + o.adversarial * said["adversarial"]
        self.descend(loss)
        if adversarial:
            r1 = o.r1 * o.r1_every if self.images // o.batch % o.r1_every == 0 else 0.0
            said["loss_D"] = self.tell_apart(real, fake, machine=self.machine, where=hole, r1=r1)
        self.shown(o.batch, half_life=o.ema_images)
        return {name: value.detach() for name, value in said.items()}

    # What the loop asks for

    @torch.no_grad()
    def fill(self, images: Tensor, masks: Tensor) -> Tensor:
        """uint8 (N, 3, H, W), holes (N, 1, H, W) of 0 and 1 -> filled by the averaged network, uint8."""
        rng = torch.Generator().manual_seed(1)
        rows = []
        for chunk, mask in zip(torch.split(images, 30), torch.split(masks, 30), strict=True):
            noise = torch.randn(mask.shape, generator=rng)
            with self.machine.autocast():
                y = self.ema(*(t.to(self.machine.device) for t in (chunk.float() / 255, mask, noise)))
            rows.append((y.float().cpu().clamp(0, 1) * 255).round().to(torch.uint8))
        return torch.cat(rows)

    def sample(self) -> Image.Image:
        """Held-out pictures: with their holes, filled, and the truth; three rows of ten each."""
        some = self.held_out[:: max(1, len(self.held_out) // 30)][:30]
        masks = fixed_holes(len(some), self.options.side, 0.1, 0.4)
        columns = min(10, len(some))
        shown = [torch.where(masks > 0, 128, some).to(torch.uint8), self.fill(some, masks), some]
        rows = [kind[i : i + columns] for i in range(0, len(some), columns) for kind in shown]
        return contact_sheet(torch.cat(rows), columns=columns)

    def measure(self) -> Mapping[str, float]:
        """PSNR, perceptual and Fréchet distance on lite2 features at three sizes of hole."""
        figures = {}
        truth = lite2_features(self.held_out)
        for least, most in SIZES:
            ours = self.fill(self.held_out, fixed_holes(len(self.held_out), self.options.side, least, most))
            name = f"{least:.0%}_{most:.0%}".replace("%", "")
            figures[f"psnr_{name}"] = float(psnr(ours, self.held_out).mean())
            figures[f"perceptual_{name}"] = float(perceptual_distance(ours, self.held_out).mean())
            if len(ours) > 1:
                figures[f"frechet_lite2_{name}"] = frechet_distance(lite2_features(ours), truth)
        return figures

    def card(self) -> ModelCard:
        """The card of an inpainting network of this run."""
        o = self.options
        return ModelCard(
            id="inpaint",
            engine="inpainting",
            title="Fill 2026",
            about="Fills what was painted over from what is around it. Trained by this studio's own recipe.",
            architecture="inpaint_unet",
            source=Source("own", ()),
            licence="LicenseRef-research-only",
            trained_on=", ".join(f"{name} ({count:,})" for name, count in self.sets.items()),
            options={"widths": list(o.widths), "middle": o.middle, "blocks": o.blocks},
            role="photo",
        )


def fixed_holes(count: int, side: int, least: float, most: float) -> Tensor:
    """The same holes each time, (count, 1, side, side) of 0 and 1, each a part of the picture between the bounds."""
    rng = np.random.default_rng(round(1000 * least))
    masks = np.stack([hole(side, rng, least=least, most=most) for _ in range(count)])
    return torch.from_numpy(masks > 0)[:, None].float()
