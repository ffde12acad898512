"""`python -m engines`: the verbs, their exit codes, and what they print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.__main__ import main
from tests.conftest import FAST, ROOT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_STUDIO_HOME", str(tmp_path / "home"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "kitten.png"
    path.parent.mkdir()
    with Image.open(ROOT / "assets" / "samples" / "kitten.png") as image:
        image.convert("RGB").crop((140, 60, 188, 92)).save(path)
    return path


def test_a_file_and_its_recipe(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out" / "large.png"
    assert main(["upscale", str(photo), str(out), "--model", FAST, "--scale", "2.5", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["failed"] == [] and len(facts["done"]) == 1
    done = facts["done"][0]
    assert (done["width"], done["height"], done["model"], done["device"]) == (120, 80, FAST, "CPU")
    assert {"precision", "seconds", "tile"} <= set(done)
    with Image.open(out) as image:
        assert image.size == (120, 80)
    assert main(["recipe", str(out)]) == 0
    recipe = json.loads(capsys.readouterr().out)
    assert recipe == {
        "tool": "upscale",
        "model": FAST,
        "options": {"scale": 2.5, "strength": 1.0},
        "seed": None,
        "version": "0.1.0",
    }


def test_a_folder_keeps_names_lists_failures_and_goes_on(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photo.parent
    (folder / "broken.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("left alone")
    (folder / ".hidden.png").write_text("left alone")
    with Image.open(photo) as image:
        image.save(folder / "zebra.jpg")
        image.save(folder / "kitten.gif")
    code = main(["upscale", str(folder), str(tmp_path / "out"), "--model", FAST, "--scale", "1"])
    printed = capsys.readouterr()
    assert code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["kitten-2.png", "kitten.png", "zebra.jpg"]
    assert "broken.jpg is not a picture the studio can read" in printed.err
    assert "3 done, 1 failed." in printed.out
    assert "bfloat16" in printed.out or "float32" in printed.out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["upscale", "gone.png", "out.png"], 1, "gone.png is not there"),
        (["upscale", "{photo}", "out.gif"], 1, 'does not write ".gif"'),
        (["upscale", "{photo}", "out.png", "--model", "nobody"], 1, 'There is no model "nobody"'),
        (["upscale", "{photo}", "out.png", "--scale", "9"], 1, "Scale goes from 1 to 8"),
        (["upscale", "{folder}", "out.png"], 2, "OUT has to be a folder"),
        (["upscale", "{empty}", "out"], 2, "There are no pictures"),
        (["recipe", "{photo}"], 1, "carries no recipe"),
        (["models", "--device", "abacus"], 1, 'There is no device "abacus"'),
    ],
)
def test_mistakes_get_a_sentence_and_a_code(
    arguments: list[str],
    code: int,
    sentence: str,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    places = {"photo": str(photo), "folder": str(photo.parent), "empty": str(tmp_path / "empty")}
    assert main([argument.format(**places) for argument in arguments]) == code
    printed = capsys.readouterr()
    assert sentence in printed.err and "Traceback" not in printed.err
    assert not (tmp_path / "out.png").exists()


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["realesrgan-x4plus"]["here"] and rows["realesrgan-x4plus"]["licence"] == "BSD-3-Clause"
    assert not rows["realesr-general-x4v3"]["here"]
    assert main(["models"]) == 0
    assert "downloads at first use" in capsys.readouterr().out


def test_it_runs_as_a_program(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.webp"
    command = [sys.executable, "-m", "engines", "upscale", str(photo), str(out), "--model", FAST, "--scale", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "96x64" in done.stdout and done.stderr == ""
    with Image.open(out) as image:
        assert np.asarray(image).shape == (64, 96, 3)
