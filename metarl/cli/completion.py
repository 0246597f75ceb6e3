"""metarl completion: commands, tasks and options for the shell."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from metarl.cli.help import run_options
from metarl.cli.options import parse
from metarl.envs.registry import NAMES

Shell = Literal["bash", "zsh", "fish"]
WITH_TASK = ("train", "animals", "reproduce", "sweep", "tasks", "evolve")
"""Commands whose arguments are names of tasks."""


@dataclass(frozen=True, kw_only=True)
class CompletionOptions:
    """Print the completion of commands, tasks and options for a shell.

    For bash: eval "$(metarl completion bash)" in ~/.bashrc; for zsh the same with zsh
    in ~/.zshrc; for fish: metarl completion fish | source.
    """

    shell: Annotated[Shell, tyro.conf.Positional]
    """Name of the shell."""


def main(words: list[str]) -> int:
    """Print completion for a shell: metarl completion bash|zsh|fish."""
    options: CompletionOptions = parse(CompletionOptions, "completion", words)
    print(SCRIPTS[options.shell](known_words()))
    return 0


def known_words() -> dict[str, list[str]]:
    """Command -> its options, and the names of tasks where it takes them."""
    from metarl.cli.main import COMMANDS

    return {
        name: [*(NAMES if name in WITH_TASK else ()), *_flags(name)]
        for name in COMMANDS
    }


def _flags(command: str) -> list[str]:
    """Options of a command that its class of options has."""
    from metarl.cli import main as commands

    module = getattr(commands, command)
    kind = getattr(module, f"{command.capitalize()}Options", None)
    found = run_options(kind, (), {}) if kind else ()
    flags = [option.flag.split()[0] for option in found]
    return ["--help", *(flag for flag in flags if flag.startswith("--"))]


def bash(known: Mapping[str, list[str]]) -> str:
    """Completion for bash; folders where nothing is known."""
    cases = "\n".join(
        f'    {name}) words="{" ".join(words)}" ;;' for name, words in known.items()
    )
    return f"""_metarl() {{
  local words="{" ".join(known)}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "${{COMP_WORDS[1]}}" in
{cases}
    *) words="" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _metarl metarl"""


def zsh(known: Mapping[str, list[str]]) -> str:
    """Completion for zsh, by that of bash."""
    return "autoload -Uz compinit bashcompinit\ncompinit\nbashcompinit\n" + bash(known)


def fish(known: Mapping[str, list[str]]) -> str:
    """Completion for fish."""
    first = " ".join(known)
    lines = [f'complete -c metarl -n __fish_use_subcommand -a "{first}"']
    for name, words in known.items():
        seen = f'-n "__fish_seen_subcommand_from {name}"'
        plain = " ".join(word for word in words if not word.startswith("-"))
        if plain:
            lines.append(f'complete -c metarl {seen} -a "{plain}"')
        for word in words:
            if found := re.fullmatch(r"--([\w.-]+)", word):
                lines.append(f"complete -c metarl {seen} -l {found[1]}")
    return "\n".join(lines)


SCRIPTS: Mapping[str, Callable[[Mapping[str, list[str]]], str]] = {
    "bash": bash,
    "zsh": zsh,
    "fish": fish,
}
"""Shell -> makes its script."""
