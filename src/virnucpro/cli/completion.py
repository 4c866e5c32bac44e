"""``virnucpro completion``: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from virnucpro.cli.exit_codes import ExitCode

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print a script for shell completion.

    With it, the tab key completes commands, options and file names.

    \b
    Examples:
      virnucpro completion bash > ~/.local/share/bash-completion/completions/virnucpro
      virnucpro completion zsh > "${fpath[1]}/_virnucpro"
      virnucpro completion fish > ~/.config/fish/completions/virnucpro.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "virnucpro", "_VIRNUCPRO_COMPLETE")
    click.echo(script.source_template % script.source_vars())
    return ExitCode.DONE
