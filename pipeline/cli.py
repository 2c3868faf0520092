"""The `vimpac` command: its commands, and what a user's mistake looks like."""

import io
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..datasets import StoreError
from ..tokenizer import TokenizerError
from ..trainer import TrainingError
from . import console
from .commands import model, synth, tokenizer, tokens
from .commands.demo import demo
from .commands.evaluate import evaluate
from .commands.finetune import finetune
from .commands.predict import predict
from .commands.pretrain import pretrain
from .commands.preview import preview
from .commands.tokenize import tokenize
from .errors import INTERRUPTED, USER_MISTAKE, PipelineError

USER_ERRORS = (PipelineError, StoreError, TokenizerError, TrainingError)
"""Mistakes told in one line; anything else is ours and shows its traceback."""


class Commands(TyperGroup):
    """The commands; Ctrl-C in any of them is told."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was given."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            console.fail(
                "interrupted; what is finished stays: repeat the command, a training with --resume"
            )
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (tokenize, pretrain, finetune, evaluate, predict, preview, demo):
    app.command()(command)
app.add_typer(tokens.app, name="tokens")
app.add_typer(tokenizer.app, name="tokenizer")
app.add_typer(model.app, name="model")
app.add_typer(synth.app, name="synth")


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        console.stdout.print(version("vimpac"), highlight=False)
        raise typer.Exit


@app.callback()
def vimpac(
    show: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Pre-train video models on discrete tokens: tokenize once, train many times."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        app(args=arguments, prog_name="vimpac")
    except USER_ERRORS as error:
        console.fail(str(error))
        sys.exit(USER_MISTAKE)
    except OSError as error:
        console.fail(f"{error.strerror or error}: {error.filename or 'file system'}")
        sys.exit(USER_MISTAKE)


if __name__ == "__main__":
    main()
