"""The page ``docs/cli.md``, made from the help of the commands: ``python -m portfolio.cli_reference > docs/cli.md``."""

from __future__ import annotations

import click

from portfolio.cli import HELP, main

HEADER = """# Commands

Made from `--help` by `python -m portfolio.cli_reference`; do not edit by hand.
"""


def reference() -> str:
    """Return the page as Markdown."""
    parts = [HEADER, _section("portfolio", main)]
    parts += [_section(f"portfolio {name}", command) for name, command in main.commands.items()]
    return "\n".join(parts)


def _section(name: str, command: click.Command) -> str:
    # One context of its own, so that the name is not that of whatever runs this.
    context = click.Context(command, info_name=name, terminal_width=80, help_option_names=HELP)
    return f"## {name}\n\n```\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
