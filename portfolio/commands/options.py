"""Options that several commands have."""

from __future__ import annotations

import click

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="Use a value in place of the case's: section.key=V, table.column=V, table.column[KEY]=V, or *= and a factor. "
    "May be repeated.",
)
