"""`vimpac tokens`: look into token stores, check them, and share them."""

import typer

from .inspecting import info, verify

app = typer.Typer(
    help="Token stores: what they hold, if they are whole, how to share them.",
    no_args_is_help=True,
)
for command in (info, verify):
    app.command()(command)
