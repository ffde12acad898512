"""Finding, aligning and comparing faces, on a public-domain portrait (scikit-image's astronaut)."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from engines.core.faces import SAME_PERSON, TEMPLATE, Face, Photo, align, detect, identity, identity_distance


@pytest.fixture(scope="module")
def portrait() -> Photo:
    return np.ascontiguousarray(data.astronaut(), np.uint8)


def test_one_face_where_it_is(portrait: Photo) -> None:
    (face,) = detect(portrait)
    left, top, right, bottom = face.box
    assert left < 204 < 247 < right and top < 103 < bottom
    assert np.allclose(face.eyes, [(203.5, 102.5), (246.5, 104.5)], atol=3) and np.allclose(
        face.nose, (224, 135), atol=3
    )
    assert abs(face.yaw) < 0.1 and 0.6 < face.pitch < 0.8


def test_a_square_has_eyes_and_nose_where_the_template_says(portrait: Photo) -> None:
    (face,) = detect(portrait)
    for side in (128, 256):
        (again,) = detect(align(portrait, face, side))
        found = np.array([*again.eyes, again.nose]) / side
        assert np.abs(found - TEMPLATE).max() < 0.03
        assert again.size == pytest.approx(side, rel=0.06)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_lying_on_its_side_gives_the_same_square(portrait: Photo, turns: int) -> None:
    (upright,), (turned,) = detect(portrait), detect(np.ascontiguousarray(np.rot90(portrait, turns)))
    a = align(portrait, upright, 96).astype(int)
    b = align(np.ascontiguousarray(np.rot90(portrait, turns)), turned, 96).astype(int)
    assert np.abs(a - b).mean() < 2.0


@pytest.mark.parametrize("angle", [45, 75, 135, 225, 315])
def test_a_photo_at_any_angle_gives_the_same_person(portrait: Photo, angle: int) -> None:
    (upright,) = detect(portrait)
    matrix = cv2.getRotationMatrix2D((256, 256), angle, 1.0)
    matrix[:, 2] += 100
    tilted = np.asarray(cv2.warpAffine(portrait, matrix, (712, 712), borderValue=(120, 120, 120)), np.uint8)
    face = max(detect(tilted), key=lambda face: face.score)
    assert np.allclose(face.nose, matrix[:, :2] @ upright.nose + matrix[:, 2], atol=4)
    left, top, right, bottom = face.box
    assert left < face.nose[0] < right and top < face.nose[1] < bottom
    assert right - left == pytest.approx(upright.box[2] - upright.box[0], rel=0.25)
    assert identity_distance(align(portrait, upright, 128), align(tilted, face, 128)) < 0.2


def test_somebody_lying_beside_somebody_standing_is_found(portrait: Photo) -> None:
    head = portrait[:260, 90:350]
    both = np.concatenate([head, np.rot90(head)], 1)
    standing, lying = sorted(detect(np.ascontiguousarray(both)), key=lambda face: face.nose[0])
    assert standing.nose == pytest.approx((134, 135), abs=4) and lying.nose == pytest.approx((395, 125), abs=4)
    across, beside = (np.abs(np.subtract(*face.eyes)) for face in (standing, lying))
    assert across[0] > 5 * across[1] and beside[1] > 5 * beside[0]


@pytest.mark.parametrize("turns, angle", [(1, 0), (2, 0), (0, 135)])
def test_a_face_an_eighth_of_a_large_photo_is_found_at_any_angle(portrait: Photo, turns: int, angle: int) -> None:
    (upright,) = detect(portrait)
    head = cv2.resize(portrait[:300, 60:380], None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    canvas = np.full((1700, 2300, 3), 128, np.uint8)
    canvas[400:1300, 600:1560] = head
    nose = (np.array(upright.nose) - (60, 0) + 0.5) * 3 - 0.5 + (600, 400)
    matrix = cv2.getRotationMatrix2D(tuple(map(float, nose)), 90 * turns + angle, 1.0)
    turned = np.asarray(cv2.warpAffine(canvas, matrix, (2300, 1700), borderValue=(128, 128, 128)), np.uint8)
    (face,) = detect(turned)
    assert max(face.box[2] - face.box[0], 0) < 2300 / 8 and face.nose == pytest.approx(nose, abs=12)


def test_small_and_large_faces_are_found(portrait: Photo) -> None:
    small = np.ascontiguousarray(portrait[::2, ::2])  # a face of 45 pixels
    assert len(detect(small)) == 1
    canvas = np.full((1500, 2000, 3), 128, np.uint8)
    canvas[400:912, 800:1312] = portrait
    (face,) = detect(canvas)
    assert face.nose == pytest.approx((1024, 535), abs=6)
    assert detect(canvas[:300]) == []


def test_a_large_face_is_averaged_down_and_not_picked_apart() -> None:
    stripes = np.zeros((1600, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    points = [tuple(point * 1600) for point in TEMPLATE]
    face = Face((0, 0, 1600, 1600), (points[0], points[1]), points[2], 1.0)
    square = align(stripes, face, 64)
    assert np.abs(square.astype(int) - 127).max() <= 8


def test_identity_tells_one_person_from_another(portrait: Photo) -> None:
    (face,) = detect(portrait)
    square = align(portrait, face, 128)
    darker = (square * 0.7).astype(np.uint8)
    assert identity(square).shape == (128,) and identity_distance(square, square) == 0
    assert identity_distance(square, darker) < 0.35 < SAME_PERSON
    other = np.ascontiguousarray(square[:, :, ::-1] // 2 + np.roll(square, 40, 0) // 2)
    assert identity_distance(square, other) > 0.4
