"""The same tool for programs: gradio's API and MCP."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from engines.core.provenance import read_recipe
from tests.e2e.steps import FAST, Studio


@pytest.fixture(scope="module")
def client(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(studio.address, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))


@pytest.fixture(scope="module")
def tools(studio: Studio) -> dict:
    """What MCP clients are told, by name."""
    with urllib.request.urlopen(f"{studio.address}/gradio_api/mcp/schema") as stream:
        return {tool["name"]: tool for tool in json.load(stream)}


def test_only_tools_have_public_names(client: Client, tools: dict) -> None:
    known = client.view_api(return_format="dict")
    assert {name.lstrip("/") for name in known["named_endpoints"]} == set(tools)
    assert known["unnamed_endpoints"] == {}
    for name, tool in tools.items():
        described = [option["description"] for option in tool["inputSchema"]["properties"].values()]
        assert tool["description"] and described and all(described), name


def test_upscale_returns_a_file_and_facts(client: Client, photo: Path) -> None:
    path, facts = client.predict(
        photo=handle_file(str(photo)), scale=2.5, model=FAST, format="jpeg", api_name="/upscale"
    )
    assert Path(path).name == "cat_2.5x.jpg"
    with Image.open(path) as image:
        assert (image.format, image.size) == ("JPEG", (120, 100))
    assert (facts["model"], facts["width"], facts["height"]) == (FAST, 120, 100)
    assert facts["seconds"] > 0 and facts["device"] and facts["precision"]
    assert read_recipe(path).options["scale"] == 2.5


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "no-such-model"}, 'There is no model "no-such-model"'),
        ({"scale": 9}, "Scale goes from 1 to 8"),
        ({"strength": -1}, "Strength goes from 0 to 1"),
        ({"format": "bmp"}, "The format is png, jpeg or webp."),
    ],
)
def test_wrong_options_get_a_sentence(client: Client, photo: Path, options: dict, sentence: str) -> None:
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(str(photo)), api_name="/upscale", **{"model": FAST, **options})


@pytest.mark.parametrize("meta", [{"_type": "gradio.FileData"}, None])
def test_a_path_on_the_server_is_refused(studio: Studio, photo: Path, meta: dict | None) -> None:
    """A picture lies there, so that only the check can refuse it."""
    sent = {"path": str(photo), **({"meta": meta} if meta else {})}
    answer = call(studio, [sent, 2, FAST, 1, 0.5, "png"])
    assert "event: error" in answer and "event: complete" not in answer


def test_mcp_lists_the_tool_with_its_options(tools: dict) -> None:
    options = tools["upscale"]["inputSchema"]["properties"]
    assert set(options) == {"photo", "scale", "model", "strength", "denoise", "format"}
    assert FAST in options["model"]["description"]
    assert options["format"]["enum"] == ["png", "jpeg", "webp"]


def call(studio: Studio, data: list) -> str:
    """A call over plain HTTP, as a program without gradio's client makes it."""
    address = f"{studio.address}/gradio_api/call/upscale"
    asked = urllib.request.Request(address, json.dumps({"data": data}).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked) as stream:
        event = json.load(stream)["event_id"]
    with urllib.request.urlopen(f"{address}/{event}") as stream:
        return stream.read().decode()
