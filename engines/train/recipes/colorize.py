"""The colouring network: ab from L, alone and after hints.

First colour errors alone (a rebalanced cross-entropy and a Huber loss), then a perceptual loss, at last a short
adversarial phase against a projected discriminator: the schedule that DeOldify calls NoGAN. L itself is never touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engines.core.card import ModelCard, Source
from engines.core.lab import into_gamut, lab_to_rgb, rgb_to_lab
from engines.core.weights import read_tensors
from engines.models.colour_unet import AB, ColourUNet, soft_bins
from engines.train import losses
from engines.train.averaged import Opposed
from engines.train.backbones import load_backbone, start_encoder
from engines.train.colour_batches import Batch, Mixture, bin_weights, draw_hints, make_batch
from engines.train.data import Pictures, contact_sheet, load_sets, to_bytes
from engines.train.depthwise import quicken
from engines.train.discriminators import ProjectedDiscriminator
from engines.train.loop import Machine
from engines.train.metrics import colour_difference, colourfulness, frechet_distance, lite2_features
from engines.train.old_photos import Faults
from engines.train.spectral import normalise

HELP = "colour for greyscale photographs, alone or after hints"
DATA = (
    "photos_288.zip",
    "scenes_100.zip",
    "clothing_256.zip",
    "faces_synthetic_256.zip",
    "faces_celeba_128.zip",
    "textures_256.zip",
)
SHARES = {
    "photos_288": 0.54,
    "scenes_100": 0.16,
    "clothing_256": 0.12,
    "faces_synthetic_256": 0.05,
    "faces_celeba_128": 0.06,
    "textures_256": 0.07,
}
PACKED = {"scenes_100": 112, "faces_celeba_128": 128, "faces_synthetic_256": 144}  # side at which a set is kept …
PACKED_OTHERS = 192  # … and all others


@dataclass(frozen=True)
class Options:
    """How the colouring network is trained.

    side: of the squares. widths: of the decoder, fine to coarse. batch: pictures a step. hinted: part of them with
    hints. frozen: first blocks of the encoder that stay as they are, as do all its
    depthwise convolutions. decoder_lr, encoder_lr, d_lr: Adam's learning
    rates; the first two fall to a twentieth by `total` pictures. classes, colour, matching, adversarial: weights of
    the losses. matching_from, adversarial_from: pictures shown before the perceptual and the adversarial loss begin.
    rare: how strongly rare colours are preferred, 0 to 1. ema_images: half-life of the average in pictures.
    hold_out: pictures of each archive never trained on. start_from: a result to start a new run from.
    """

    side: int = 128
    widths: tuple[int, ...] = (32, 64, 128, 192, 256)
    batch: int = 32
    hinted: float = 0.5
    frozen: int = 5
    decoder_lr: float = 1e-3
    encoder_lr: float = 2e-4
    d_lr: float = 2e-4
    total: int = 100_000
    classes: float = 0.3
    colour: float = 8.0
    matching: float = 2.0
    adversarial: float = 0.1
    matching_from: int = 60_000
    adversarial_from: int = 80_000
    rare: float = 0.6
    ema_images: float = 4000.0
    hold_out: int = 60
    start_from: str = ""


def build(data: Sequence[Path], options: Options, machine: Machine) -> "Colorize":
    """Read the archives, hold some of each back, make the networks."""
    training, held_out = load_sets(data, sides=PACKED, side=PACKED_OTHERS, hold_out=options.hold_out)
    torch.manual_seed(machine.seed)
    net = ColourUNet(widths=options.widths)
    # it sees grey, so the three channels of its first layer are added up
    start_encoder(net.encoder, lambda stem: stem.sum(1, keepdim=True))
    return Colorize(net, training, held_out, options, machine)


class Colorize(Opposed[ColourUNet]):
    """The network, its average, its discriminator and the data. Implements loop.Trainee."""

    def __init__(
        self,
        net: ColourUNet,
        training: Mapping[str, Pictures],
        held_out: Sequence[Pictures],
        options: Options,
        machine: Machine,
    ) -> None:
        self.options, self.machine = options, machine
        self.mixture = Mixture(training, SHARES, side=options.side, device=machine.device)
        self.rng = torch.Generator().manual_seed(machine.seed)
        self.held_out = squares(held_out, options.side)
        self.sets = {name: len(pictures) for name, pictures in training.items()}
        self.weights = bin_weights(list(self.mixture.sets.values()), mix=1 - options.rare)
        self.net = net
        if options.start_from:
            net.load_state_dict({name: t.float() for name, t in read_tensors(Path(options.start_from)).items()})
        else:
            self._fit_taps()
        for part in (net.encoder._conv_stem, *net.encoder._blocks[: options.frozen]):
            part.requires_grad_(False)
        quicken(net.encoder)
        normalise(getattr(net, name) for name in ("bottom", "level16", "level8", "level4", "level2"))
        D = ProjectedDiscriminator(quicken(load_backbone("lite0")), size=options.side)
        self.oppose(net, D, machine.device)
        self.learn(self.net.encoder, encoder_lr=options.encoder_lr, decoder_lr=options.decoder_lr, d_lr=options.d_lr)

    def _fit_taps(self) -> None:
        """Set the scales of the encoder's maps from a batch."""
        batch = self._batch(self.options.batch, torch.Generator().manual_seed(self.machine.seed))
        with torch.no_grad():
            for tap, x in zip(self.net.skips, self.net.encode(batch.L.cpu()), strict=True):
                tap.fit(x)  # type: ignore[operator]

    def _batch(self, count: int, rng: torch.Generator) -> Batch:
        """A training batch on the device, where the pictures are kept."""
        rgb = self.mixture.draw(count, rng)
        batch = make_batch(rgb, rng, faults=Faults(), hinted=self.options.hinted)
        order = torch.channels_last
        L, hints, lab = (t.contiguous(memory_format=order) for t in (batch.L, batch.hints, batch.lab))
        return Batch(L, hints, lab)

    def step(self) -> Mapping[str, Tensor]:
        """One step of the colouring network and, in the last phase, one of the discriminator."""
        o = self.options
        self.cosine(total=o.total, batch=o.batch)
        batch = self._batch(o.batch, self.rng)
        with self.machine.autocast():
            ab, logits = self.net.decode(self.net.encode(batch.L), batch.hints)
        ab, logits = ab.float(), logits.float()
        said = self._colour_losses(ab, logits, batch.lab)
        loss = o.classes * said["classes"] + o.colour * said["colour"]
        adversarial = self.images >= o.adversarial_from
        if self.images >= o.matching_from:
            with self.machine.autocast():
                with torch.no_grad():
                    real = self.D.features(signed_rgb(batch.lab))
                fake = self.D.features(signed_rgb(with_ab(batch.lab, ab)))
                said["matching"] = losses.feature_matching(fake, real)
                loss = loss + o.matching * said["matching"]
                if adversarial:
                    self.D.eval()
                    said["adversarial"] = losses.hinge_generator(self.D.logits(fake))
                    loss = loss + o.adversarial * said["adversarial"]
        self.descend(loss)
        if adversarial:
            said["loss_D"] = self.tell_apart(real, fake, machine=self.machine)
        self.shown(o.batch, half_life=o.ema_images)
        return {name: value.detach() for name, value in said.items()}

    def _colour_losses(self, ab: Tensor, logits: Tensor, lab: Tensor) -> dict[str, Tensor]:
        """Cross-entropy of the distribution and Huber loss of ab, both counting rare colours more; and their spread."""
        truth = lab[:, 1:] / AB
        half = F.avg_pool2d(truth, 2)  # (N, 2, H/2, W/2)
        bins = soft_bins(truth[..., 2::4, 2::4])  # (N, BINS, H/4, W/4)
        weight = torch.einsum("nkhw,k->nhw", bins, self.weights)  # (N, H/4, W/4)
        target = F.avg_pool2d(bins * weight[:, None], 2)
        classes = -(target * torch.log_softmax(logits, 1)).sum(1).mean()
        near = F.smooth_l1_loss(ab, half, reduction="none", beta=0.04).sum(1)  # (N, H/2, W/2)
        finer = F.interpolate(weight[:, None].clamp(0.4, 3.0), scale_factor=2, mode="nearest")[:, 0]
        ratio = torch.hypot(*ab.unbind(1)).mean() / torch.hypot(*half.unbind(1)).mean()
        return {"classes": classes, "colour": (near * finer).mean(), "chroma_ratio": ratio.detach()}

    @torch.no_grad()
    def colour(self, images: Tensor, *, hints: int = 0) -> Tensor:
        """uint8 (N, 3, H, W) -> the same pictures with the averaged network's colours, uint8."""
        rng = torch.Generator().manual_seed(1)
        rows = []
        for chunk in torch.split(images, 40):
            lab = rgb_to_lab(chunk.float() / 255)
            spots = draw_hints(lab[:, 1:] / AB, torch.full((len(chunk),), hints), rng)
            with self.machine.autocast():
                ab = self.ema((lab[:, :1] / 50 - 1).to(self.machine.device), spots.to(self.machine.device))
            rows.append(to_bytes(lab_to_rgb(into_gamut(with_ab(lab, ab.float().cpu()))) * 2 - 1))
        return torch.cat(rows)

    def sample(self) -> Image.Image:
        """Held-out pictures: truth, automatic, with 10 hints, three rows of ten each."""
        some = self.held_out[:: max(1, len(self.held_out) // 30)][:30]
        columns = min(10, len(some))
        shown = [some, self.colour(some), self.colour(some, hints=10)]
        rows = [kind[i : i + columns] for i in range(0, len(some), columns) for kind in shown]
        return contact_sheet(torch.cat(rows), columns=columns)

    def measure(self) -> Mapping[str, float]:
        """CIEDE2000, colourfulness against the truth's, Fréchet on lite2 features; CIEDE2000 with ten true hints."""
        ours, hinted = self.colour(self.held_out), self.colour(self.held_out, hints=10)
        figures = {
            "ciede2000": float(colour_difference(ours, self.held_out).mean()),
            "ciede2000_10_hints": float(colour_difference(hinted, self.held_out).mean()),
            "colourfulness_ratio": float(colourfulness(ours).mean() / colourfulness(self.held_out).mean()),
        }
        if len(ours) > 1:
            figures["frechet_lite2"] = frechet_distance(lite2_features(ours), lite2_features(self.held_out))
        return figures

    def card(self) -> ModelCard:
        """The card of a colouring network of this run."""
        sets = ", ".join(f"{name} ({count:,})" for name, count in self.sets.items())
        return ModelCard(
            id="colorize",
            engine="colorization",
            title="Colour 2026",
            about="Colours greyscale photographs, alone or after hints. Trained by this studio's own recipe.",
            architecture="colour_unet",
            source=Source("own", ()),
            licence="LicenseRef-research-only",
            trained_on=sets,
            options={"widths": list(asdict(self.options)["widths"])},
            role="photo",
        )


def squares(sets: Sequence[Pictures], side: int) -> Tensor:
    """All pictures of several sets at one side, uint8 (N, 3, side, side)."""
    rows = []
    for data in sets:
        x = F.interpolate(data.images.float(), size=(side, side), mode="bilinear", align_corners=False, antialias=True)
        rows.append(x.round().clamp(0, 255).to(torch.uint8))
    return torch.cat(rows)


def with_ab(lab: Tensor, ab: Tensor) -> Tensor:
    """The L of (N, 3, H, W) with other ab, given in the network's units and at any size."""
    return torch.cat([lab[:, :1], F.interpolate(ab, size=lab.shape[-2:], mode="bilinear", align_corners=False) * AB], 1)


def signed_rgb(lab: Tensor) -> Tensor:
    """Lab -> sRGB in [-1, 1], clamped with a little slope outside so that gradients stay."""
    x = lab_to_rgb(lab.float()) * 2 - 1
    return x.clamp(-1, 1) + 0.05 * (x - x.clamp(-1, 1))
