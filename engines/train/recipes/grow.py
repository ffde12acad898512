"""The face generator at twice its resolution: levels below stay as they are, the top ones learn on windows.

Progressive growing (Karras et al. 2018) for two CPU cores. A trained generator gets one level more, and its top ones
are widened; all below are frozen, so its mapping, encoder and sliders stay valid. Where everything lies is settled
below, so what is left to learn is detail, and that is learned on windows of a quarter of the picture: features are cut
to the window before the levels that learn, and the discriminators see the same window of real pictures, without colour:
detail is in the light, and with colours to play with lips grew over teeth. A projected discriminator knows what belongs
to a face; one of patches looks at single pixels, which the other's strides pass over. A part of each batch answers real
pictures by the encoder's latents and has to match them in features, in textures (Gatys et al. 2016) and in how much
detail lies where. Seen from afar, and in colour, every picture has to stay what the smaller generator draws, and its
sliders have to change the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engines.core.card import ModelCard, Source
from engines.core.errors import DatasetError
from engines.models.face_encoder import FaceEncoder
from engines.models.style_generator import StyleGenerator
from engines.train import losses
from engines.train.augment import AugmentOptions, draw_changes
from engines.train.averaged import Opposed
from engines.train.backbones import load_backbone
from engines.train.data import Pictures, contact_sheet, load_pictures, to_bytes, to_signed
from engines.train.discriminators import PatchDiscriminator, ProjectedDiscriminator
from engines.train.ema import ema_beta, update_ema
from engines.train.growing import energies, grey, grown, lengthened, looks
from engines.train.loop import Machine
from engines.train.metrics import frechet_distance, kernel_distance
from engines.train.optim import adam
from engines.train.recipes.encoder import ASSETS, load_module
from engines.train.recipes.faces import frozen
from engines.train.runs import Parts
from engines.train.sliders import Found, read

HELP = "a trained face generator at twice its resolution"
DATA = ("faces_synthetic_256.zip",)
MARGIN = 4  # cells around a window, so that its border sees what lies beside it
MILD = AugmentOptions(brightness=0.2, saturation=0.0, contrast=0.2, translation=0.03, cutout=0.0)
STRAY = 20.0  # how much dearer it is to differ much in one place than a little everywhere: teeth turned pink without
FAR = 4  # pixels a side that are taken together where pictures are compared from afar


@dataclass(frozen=True)
class Options:
    """How a generator grows.

    generator, encoder, directions: of the smaller generator: its card, its encoder's card, its sliders. channels:
    feature maps of the top levels, the new one's last; the others are widened to theirs. window: side of what is
    trained on at once. batch: pictures a step; paired: part of it that answers real pictures; moved: part of it that is
    the rest moved by sliders, which the discriminator does not see. g_lr: Adam's learning rates of the levels that
    learn, the new one's last; d_lr: of the discriminators. adversarial, patches, matching, style, detail, in_range:
    weights of the losses. afar: weight of the mean difference from the smaller generator's picture at half of
    its side; tint: of the same at its side in colour alone; kept: of what sliders change, from what they change there.
    ema_images: half-life of what is kept, in pictures. hold_out: pictures of the first archive never trained on.
    """

    generator: str = str(ASSETS / "faces-128.toml")
    encoder: str = str(ASSETS / "faces-128-encoder.toml")
    directions: str = str(ASSETS / "faces-128-directions.safetensors")
    channels: tuple[int, ...] = (64, 32)
    window: int = 128
    batch: int = 8
    paired: float = 0.5
    moved: float = 0.25
    g_lr: tuple[float, ...] = (1e-4, 2e-4, 5e-4)
    d_lr: float = 4e-4
    adversarial: float = 0.5
    patches: float = 2.0
    matching: float = 0.3
    style: float = 1.0
    detail: float = 2.0
    in_range: float = 4.0
    afar: float = 400.0
    tint: float = 30.0
    kept: float = 20.0
    ema_images: float = 1500.0
    hold_out: int = 400


def build(data: Sequence[Path], options: Options, machine: Machine) -> "Grow":
    """Load the smaller generator, read the archives at twice its side, ask the encoder for their latents."""
    small = load_module(Path(options.generator), StyleGenerator)
    encoder = load_module(Path(options.encoder), FaceEncoder)
    if not data:
        raise DatasetError("There is nothing to train on. Name at least one zip archive of aligned faces.")
    pictures = load_pictures(list(data), resolution=2 * small.options.resolution)
    training, held_out = pictures.split(options.hold_out, prefix=f"{Path(data[0]).stem}/")
    latents = latents_of(encoder.to(machine.device), training.images, machine)
    return Grow(small, latents, training, held_out, read(Path(options.directions)), options, machine)


@torch.no_grad()
def latents_of(encoder: FaceEncoder, images: Tensor, machine: Machine) -> Tensor:
    """The encoder's answers to pictures of twice its side and to their mirror images, float16 (2, N, num_ws, w_dim)."""
    sides: list[list[Tensor]] = [[], []]
    for chunk in torch.split(images, 40):
        seen = F.avg_pool2d(to_signed(chunk.to(machine.device)), 2).contiguous(memory_format=torch.channels_last)
        for answers, picture in zip(sides, (seen, seen.flip(-1)), strict=True):
            with machine.autocast():
                answers.append(encoder(picture).half())
    return torch.stack([torch.cat(answers) for answers in sides])


class Grow(Opposed[StyleGenerator]):
    """The larger generator, the discriminator of its windows and the data. Implements loop.Trainee."""

    def __init__(
        self,
        small: StyleGenerator,
        latents: Tensor,
        training: Pictures,
        held_out: Pictures,
        known: tuple[Sequence[Found], Sequence[Tensor]],
        options: Options,
        machine: Machine,
        *,
        D: ProjectedDiscriminator | None = None,
    ) -> None:
        self.options, self.machine, self.held_out = options, machine, held_out
        self.small = small.to(machine.device).requires_grad_(False)
        self.reals = training.images.to(machine.device)
        self.latents = latents.to(machine.device)
        self.moves = [(found.low, found.high, step.to(machine.device)) for found, step in zip(*known, strict=True)]
        torch.manual_seed(machine.seed)
        self.rng = torch.Generator(machine.device).manual_seed(machine.seed)
        if D is None:
            D = ProjectedDiscriminator(load_backbone("lite0"), size=options.window)
        self.learning = len(options.g_lr)
        self.oppose(grown(small, channels=options.channels, learning=self.learning), D, machine.device)
        self.patches = PatchDiscriminator(1, width=32, halvings=2).to(machine.device)
        self.adam_G = adam(list(zip(list(self.net.levels)[-self.learning :], options.g_lr, strict=True)))
        self.adam_D = adam([(self.D.heads, options.d_lr), (self.patches, options.d_lr)])
        self._held_out_features: dict[str, Tensor] | None = None

    # One step

    def step(self) -> Mapping[str, Tensor]:
        """The heads learn on windows of real and generated pictures, then the top levels do."""
        o = self.options
        pairs, shown = round(o.batch * o.paired), o.batch - round(o.batch * o.moved)
        reals, ws = self._batch(pairs, shown)
        top, left = self._corner()
        reals = grey(reals[:, :, top : top + o.window, left : left + o.window])
        change = draw_changes(shown, MILD, rng=self.rng)
        with self.machine.autocast():
            fakes, below = self.windows(ws, top, left)
            plain = grey(fakes[:shown])
            fake_features = self.D.features(change(plain))
            with torch.no_grad():
                real_features = self.D.features(change(reals))
            real_logits = self.D.logits(real_features)
            fake_logits = self.D.logits([feature.detach() for feature in fake_features])
            loss_D = losses.hinge_discriminator(real_logits, fake_logits)
            loss_P = losses.hinge_discriminator(self.patches(reals[:, :1]), self.patches(plain[:, :1].detach()))
        self.adam_D.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_D + loss_P)
        self.adam_D.step()
        with self.machine.autocast(), frozen(self.D), frozen(self.patches):
            local = losses.hinge_generator(self.patches(plain[:, :1]))
            adversarial = losses.hinge_generator(self.D.logits(fake_features))
            answers, wanted = ([f[:pairs] for f in features] for features in (fake_features, real_features))
            matching, style = losses.feature_matching(answers, wanted), losses.style(answers, wanted)
        away = F.avg_pool2d(fakes.float(), 2) - below  # (B, 3, W / 2, W / 2)
        far = F.avg_pool2d(away, FAR // 2)
        afar = far.abs().mean() + STRAY * far.square().mean()
        tint = (away - grey(away)).abs().mean()
        kept = (away[shown:] - away[2 * shown - o.batch : shown]).abs().mean()
        overshoot = losses.out_of_range(fakes)
        detail = (energies(fakes[:pairs]) - energies(reals[:pairs])).abs().mean()
        loss_G = (
            o.adversarial * adversarial
            + o.patches * local
            + o.paired * (o.matching * matching + o.style * style + o.detail * detail)
        )
        loss_G = loss_G + o.afar * afar + o.tint * tint + o.kept * kept + o.in_range * overshoot
        self.adam_G.zero_grad(set_to_none=True)
        torch.autograd.backward(loss_G)
        self.adam_G.step()
        self.images += o.batch
        update_ema(self.ema, self.net, beta=ema_beta(self.images, half_life=o.ema_images, batch=o.batch, rampup=0.2))
        scalars = {
            "loss_D": loss_D,
            "loss_P": loss_P,
            "local": local,
            "adversarial": adversarial,
            "matching": matching,
            "afar": afar,
        }
        scalars |= {"style": style, "detail": detail, "tint": tint, "kept": kept}
        return {name: value.detach() for name, value in scalars.items()}

    @torch.no_grad()
    def _batch(self, pairs: int, shown: int) -> tuple[Tensor, Tensor]:
        """Random pictures, half of them mirrored, (shown, 3, 2R, 2R), and ws (B, num_ws, w_dim).

        The first `pairs` are those pictures' own, then new people; from `shown` on the last of them moved by sliders.
        """
        batch, device = self.options.batch, self.machine.device
        chosen = torch.randint(len(self.reals), (shown,), generator=self.rng, device=device)
        mirrored = torch.randint(2, (shown,), generator=self.rng, device=device)
        reals = to_signed(self.reals[chosen])
        reals = torch.where(mirrored[:, None, None, None].bool(), reals.flip(-1), reals)
        theirs = self.latents[mirrored[:pairs], chosen[:pairs]].float()
        z = torch.randn(shown - pairs, self.small.options.z_dim, generator=self.rng, device=device)
        own = self.small.mapping(z)[:, None].repeat(1, self.small.options.num_ws, 1)
        ws = torch.cat([theirs, own])
        ws = torch.cat([ws, ws[2 * shown - batch :]])
        for low, high, step in self.moves:
            amount = low + (high - low) * torch.rand(batch - shown, generator=self.rng, device=device)
            amount = amount * (torch.rand(batch - shown, generator=self.rng, device=device) < 0.15)
            ws[shown:] += amount[:, None, None] * step
        return reals, lengthened(ws, self.net.options.num_ws)

    def _corner(self) -> tuple[int, int]:
        """Where a window lies, in whole cells of the last frozen level."""
        cell = 2**self.learning
        free = (self.net.options.resolution - self.options.window) // cell
        top, left = (torch.randint(free + 1, (2,), generator=self.rng, device=self.rng.device) * cell).tolist()
        return top, left

    def windows(self, ws: Tensor, top: int, left: int) -> tuple[Tensor, Tensor]:
        """A window of the pictures (N, 3, W, W), and of what the smaller generator draws there (N, 3, W / 2, W / 2)."""
        split = len(self.net.levels) - self.learning
        with torch.no_grad():
            x, image = self.net.climb(self.net.foot(ws), None, ws, range(split), noise=self.rng)
        seed = int(torch.randint(2**31, (), generator=self.rng, device=self.rng.device))
        made = self._rise(self.net, x, image, ws, (top, left), seed)
        with torch.no_grad():
            below = self._rise(self.small, x, image, ws, (top, left), seed)
        return made.contiguous(memory_format=torch.channels_last), below.float()

    def _rise(
        self, net: StyleGenerator, x: Tensor, image: Tensor, ws: Tensor, corner: tuple[int, int], seed: int
    ) -> Tensor:
        """The window as a generator draws it, from what the frozen levels made (maps x, picture image).

        Each level works on the window and MARGIN cells around it. The same seed gives both generators the same grain.
        """
        noise = torch.Generator(self.machine.device).manual_seed(seed)
        window, levels = self.options.window, len(self.net.levels)
        held = [0, 0]  # where what there is of the level begins
        for index in range(levels - self.learning, len(net.levels) + 1):
            cell = 2 ** (levels - index)
            margin = 0 if index == len(net.levels) else MARGIN
            starts = [max(0, at // cell - margin) for at in corner]
            ends = [min(self.net.options.resolution, at + window + margin * cell) // cell for at in corner]
            rows, columns = (slice(a - h, b - h) for a, b, h in zip(starts, ends, held, strict=True))
            x, image = x[:, :, rows, columns], image[:, :, rows, columns]
            if index < len(net.levels):
                x = x.contiguous(memory_format=torch.channels_last)
                x, image = net.climb(x, image, ws, range(index, index + 1), noise=noise)
                held = [2 * start for start in starts]
        return image

    # What the loop asks for

    def state(self) -> Parts:
        """As of every game, and the patches' discriminator."""
        return {**super().state(), "patches": self.patches.state_dict()}

    def load_state(self, parts: Parts) -> None:
        """Put a state back."""
        super().load_state(parts)
        self.patches.load_state_dict(parts["patches"])

    @torch.no_grad()
    def generate(self, count: int, *, seed: int, small: bool = False) -> Tensor:
        """New people, uint8 (count, 3, 2R, 2R); small: of the smaller generator, enlarged."""
        rng = torch.Generator(self.machine.device).manual_seed(seed)
        net = self.small if small else self.ema
        chunks = []
        for start in range(0, count, 20):
            z = torch.randn(min(20, count - start), net.options.z_dim, generator=rng, device=self.machine.device)
            noise = torch.Generator(self.machine.device).manual_seed(seed + start)
            with self.machine.autocast():
                made = net(z, noise=noise).float()
            if small:
                made = F.interpolate(made, scale_factor=2, mode="bicubic", align_corners=False)
            chunks.append(to_bytes(made).cpu())
        return torch.cat(chunks)

    def measure(self) -> Mapping[str, float]:
        """Fréchet and kernel distance on lite2 features; `…_small` of the smaller generator's pictures, enlarged.

        lite2 sees 128 pixels a side, so whole pictures tell whether faces are still faces. `…_windows` is of their
        windows, unscaled: what the larger picture is for.
        """
        o, device, count = self.options, self.machine.device, len(self.held_out)
        if count < 2:
            return {}
        if self._held_out_features is None:
            self._held_out_features = looks(self.held_out.images, o.window, device=device)
        values = {}
        for name, small in (("", False), ("_small", True)):
            ours = looks(self.generate(count, seed=2, small=small), o.window, device=device)
            for look, wanted in self._held_out_features.items():
                values[f"frechet_lite2{look}{name}"] = frechet_distance(ours[look], wanted)
                values[f"kernel_lite2{look}{name}"] = kernel_distance(ours[look], wanted)
        return values

    def sample(self) -> Image.Image:
        """New faces under those of the smaller generator, enlarged; two rows of each."""
        small, ours = self.generate(12, seed=0, small=True), self.generate(12, seed=0)
        return contact_sheet(torch.cat([small[:6], ours[:6], small[6:], ours[6:]]), columns=6)

    def card(self) -> ModelCard:
        """The card of a grown generator."""
        size = self.net.options.resolution
        return ModelCard(
            id=f"faces-{size}",
            engine="face_editing",
            title=f"Faces {size}",
            about=f"Makes {size}x{size} faces of people who do not exist, with the smaller generator's sliders.",
            architecture="style_generator",
            source=Source("own", ()),
            licence="LicenseRef-research-only",
            trained_on="pictures of its owner, above a generator that was there before",
            input_range=(-1.0, 1.0),
            options=asdict(self.net.options),
            companions={"encoder": Path(self.options.encoder).stem},
        )
