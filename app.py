"""GAN Studio: `python app.py` opens it on this machine; Hugging Face Spaces runs the same file bare."""

import argparse
import os


def arguments() -> argparse.Namespace:
    spaces = bool(os.environ.get("SPACE_ID")) or os.environ.get("SYSTEM") == "spaces"
    switch = argparse.BooleanOptionalAction
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="0.0.0.0" if spaces else "127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on")
    parser.add_argument("--share", action="store_true", help="make a public link through gradio's relay")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument("--max-upload-mb", type=int, default=100, help="largest file a person may send")
    parser.add_argument("--auth", default=os.environ.get("GAN_STUDIO_AUTH"), metavar="USER:PASSWORD")
    parser.add_argument("--own-models", action=switch, help="people may add models (default: only on this machine)")
    parser.add_argument("--mcp", action=switch, default=True, help="serve the API to MCP clients as well")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    from studio.serve import keep_tidy, launch, launch_options, login, private_folder

    auth = login(options.auth)
    keep_tidy(private_folder())
    from engines import Engines
    from studio import build_studio

    alone = options.host in ("127.0.0.1", "localhost", "::1") and not options.share
    own_models = alone if options.own_models is None else options.own_models
    page = build_studio(Engines(device=options.device, own_models=own_models))
    flags = {"share": options.share, "auth": auth, "max_upload_mb": options.max_upload_mb, "mcp": options.mcp}
    launch(page, launch_options(options.host, options.port, **flags))


if __name__ == "__main__":
    main()
