"""`vimpac tokens`: look into token stores, check them, and share them."""

import typer

from .cards import card
from .converting import convert
from .importing import import_codes
from .inspecting import info, verify
from .merging import merge
from .previewing import preview
from .transfer import pull, push

app = typer.Typer(
    help="Token stores: what they hold, if they are whole, how to share them.",
    no_args_is_help=True,
)
for command in (info, verify, preview, convert, merge, push, pull, card):
    app.command()(command)
app.command("import")(import_codes)
