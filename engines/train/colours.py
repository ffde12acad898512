"""Colour as the eye sees it: sRGB to CIELAB, and the CIEDE2000 difference."""

import math

import torch
from torch import Tensor

WHITE_D65 = (0.95047, 1.0, 1.08883)
SRGB_TO_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)


def rgb_to_lab(images: Tensor) -> Tensor:
    """sRGB uint8 (N, 3, H, W) -> CIELAB under D65, float64 (N, 3, H, W): L in [0, 100], a and b about [-110, 110]."""
    encoded = images.double() / 255
    linear = torch.where(encoded > 0.04045, ((encoded + 0.055) / 1.055) ** 2.4, encoded / 12.92)
    matrix = torch.tensor(SRGB_TO_XYZ, dtype=torch.float64, device=images.device)
    white = torch.tensor(WHITE_D65, dtype=torch.float64, device=images.device)
    xyz = torch.einsum("ij,njhw->nihw", matrix / white[:, None], linear)
    f = torch.where(xyz > (6 / 29) ** 3, xyz.clamp_min(1e-12) ** (1 / 3), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def ciede2000(lab_a: Tensor, lab_b: Tensor) -> Tensor:
    """The CIEDE2000 difference (CIE 142-2001, after Sharma, Wu & Dalal 2005) of (N, 3, H, W), per pixel: (N, H, W)."""
    (L1, a1, b1), (L2, a2, b2) = lab_a.double().unbind(1), lab_b.double().unbind(1)
    mean_chroma = (torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * torch.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))  # 1 + G of the standard
    a1, a2 = a1 * stretch, a2 * stretch
    C1, C2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    h1, h2 = torch.atan2(b1, a1) % math.tau, torch.atan2(b2, a2) % math.tau
    dL, dC = L2 - L1, C2 - C1
    turn = (h2 - h1 + math.pi) % math.tau - math.pi
    turn = torch.where(
        (turn == -math.pi) & (h2 > h1), turn.new_tensor(math.pi), turn
    )  # a half turn keeps h2 - h1's sign
    grey = C1 * C2 == 0
    dH = 2 * torch.sqrt(C1 * C2) * torch.sin(torch.where(grey, 0.0, turn) / 2)
    L, C = (L1 + L2) / 2, (C1 + C2) / 2
    far = (h1 - h2).abs() > math.pi
    h = torch.where(grey, h1 + h2, (h1 + h2 + torch.where(far, math.tau, 0.0)) / 2)
    weight = (
        1
        - 0.17 * torch.cos(h - math.radians(30))
        + 0.24 * torch.cos(2 * h)
        + 0.32 * torch.cos(3 * h + math.radians(6))
        - 0.20 * torch.cos(4 * h - math.radians(63))
    )
    degrees = torch.rad2deg(h % math.tau)
    S_L = 1 + 0.015 * (L - 50) ** 2 / torch.sqrt(20 + (L - 50) ** 2)
    S_C = 1 + 0.045 * C
    S_H = 1 + 0.015 * C * weight
    rotation = torch.deg2rad(60 * torch.exp(-(((degrees - 275) / 25) ** 2)))
    R_T = -2 * torch.sqrt(C**7 / (C**7 + 25.0**7)) * torch.sin(rotation)
    l_term, c_term, h_term = dL / S_L, dC / S_C, dH / S_H
    return torch.sqrt((l_term**2 + c_term**2 + h_term**2 + R_T * c_term * h_term).clamp_min(0))
