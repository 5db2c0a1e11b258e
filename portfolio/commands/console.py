"""What commands have in common: how they write to the terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 100
"""Most columns of a summary."""


def complain(message: str) -> None:
    """Write to stderr."""
    click.echo(message, err=True)


def _keep_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["debug"] = True


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_keep_debug, help="Show where an internal error arose."
)


def as_json_text(data: dict[str, Any]) -> str:
    """Return JSON as scripts read it."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def render(content: RenderableType) -> str:
    """Render tables as text for stdout, at most :data:`WIDTH` columns wide."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    console.width = min(WIDTH, console.width) if console.is_terminal else WIDTH
    with console.capture() as captured:
        console.print(content)
    lines = (line.rstrip() for line in captured.get().splitlines())
    return "\n".join(lines) + "\n"


PLAIN = str.maketrans({"→": ">", "−": "-", "─": "-", "≤": "<", "…": "."})
"""What to write where stdout cannot show a character."""


def say(text: str) -> None:
    """Write to stdout; a reader that has gone away (``| head``) is no error."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(PLAIN).encode(encoding, "replace").decode(encoding)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit, which would complain.
        sys.stdout = Path("/dev/null").open("w")  # noqa: SIM115
