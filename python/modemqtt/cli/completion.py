"""``modemqtt completion``: what bash, zsh and fish complete, written from the parsers of the commands."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from modemqtt.cli import COMMANDS
from modemqtt.cli._arguments import Parser, command, options_of
from modemqtt.cli._models import models
from modemqtt.cli._streams import say

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

# What is offered for a value, by its placeholder in the help.
_FILES = {"FILE", "PATH"}
_PORTS = "/dev/serial/by-id/* /dev/ttyUSB* /dev/ttyACM* /dev/ttyS* /dev/cu.*"


class _Option(NamedTuple):
    """An option of a command."""

    names: tuple[str, ...]
    value: str | None
    """The kind of value: ``file``, ``port``, or words; ``None`` if it takes none, ``""`` if nothing is known."""
    help: str


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "completion",
        "Print a script with which a shell completes the commands, options and values of modemqtt.",
        wire=False,
        examples=(
            'eval "$(modemqtt completion bash)"                     # in ~/.bashrc',
            'eval "$(modemqtt completion zsh)"                      # in ~/.zshrc, after compinit',
            "modemqtt completion fish > ~/.config/fish/completions/modemqtt.fish",
        ),
    )
    described.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="{bash,zsh,fish}", help="the shell")
    return described


def run(options: Namespace) -> int:
    """Print the script."""
    commands = {name: list(_options(import_module(f"modemqtt.cli.{name}").parser())) for name in COMMANDS}
    commands["completion"].append(_Option((), "bash zsh fish", "the shell"))
    script = {"bash": _bash, "zsh": _zsh, "fish": _fish}[options.shell](commands)
    say("\n".join(script))
    return 0


def _options(described: Parser) -> Iterator[_Option]:
    for action in options_of(described):
        if action.help == argparse.SUPPRESS or not action.option_strings:
            continue
        text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
        yield _Option(tuple(action.option_strings), _value(action), text)
    yield _Option(("--help",), None, "show the help and exit")


def _value(action: argparse.Action) -> str | None:
    if action.nargs == 0:
        return None
    if action.choices is not None:
        return " ".join(map(str, action.choices))
    if action.metavar in _FILES:
        return "file"
    known = {"modem": "port", "model": " ".join(models()), "qos": "0 1 2", "protocol_version": "mqttv31 mqttv311"}
    return known.get(action.dest, "")


def _bash(commands: dict[str, list[_Option]]) -> Iterator[str]:
    yield "_modemqtt() {"
    yield "    local cur=$2 prev=$3 words="
    yield "    COMPREPLY=()"
    yield "    if ((COMP_CWORD == 1)); then"
    yield f'        COMPREPLY=($(compgen -W "{" ".join(commands)} --help --version" -- "$cur"))'
    yield "        return"
    yield "    fi"
    yield "    case ${COMP_WORDS[1]}:$prev in"
    for name, options in commands.items():
        for option in options:
            if option.value is None or not option.names:
                continue
            pattern = "|".join(f"{name}:{each}" for each in option.names)
            yield f"    {pattern}) {_bash_value(option.value)}; return ;;"
    yield "    esac"
    yield "    case ${COMP_WORDS[1]} in"
    for name, options in commands.items():
        words = " ".join(each for option in options for each in option.names or (option.value or "",))
        yield f'    {name}) words="{words}" ;;'
    yield "    esac"
    yield '    COMPREPLY=($(compgen -W "$words" -- "$cur"))'
    yield "}"
    yield "complete -o default -F _modemqtt modemqtt"


def _bash_value(value: str) -> str:
    if value == "file":
        return 'COMPREPLY=($(compgen -f -- "$cur"))'
    if value == "port":
        return f'COMPREPLY=($(compgen -W "$(ls -d {_PORTS} 2>/dev/null)" -- "$cur"))'
    return f'COMPREPLY=($(compgen -W "{value}" -- "$cur"))' if value else "COMPREPLY=()"


def _zsh(commands: dict[str, list[_Option]]) -> Iterator[str]:
    yield "#compdef modemqtt"
    yield "_modemqtt() {"
    yield "    local -a commands"
    yield "    commands=("
    for name in commands:
        yield f"        {shlex.quote(f'{name}:{COMMANDS[name]}')}"
    yield "    )"
    yield "    if (( CURRENT == 2 )); then"
    yield "        _describe command commands"
    yield "        return"
    yield "    fi"
    yield "    local command=$words[2]"
    yield "    shift words"
    yield "    (( CURRENT-- ))"
    yield "    case $command in"
    for name, options in commands.items():
        yield f"    {name})"
        yield "        _arguments \\"
        for option in options:
            yield from (f"            {shlex.quote(each)} \\" for each in _zsh_option(option))
        yield "            && return"
        yield "        ;;"
    yield "    esac"
    yield "}"
    yield "compdef _modemqtt modemqtt"


def _zsh_option(option: _Option) -> Iterator[str]:
    text = re.sub(r"[][:'\\]", " ", option.help)
    ports = " ".join(f"{each}(N)" for each in _PORTS.split())
    action = {"file": ":file:_files", "port": f":port:{{compadd -- {ports}}}", "": ":value: "}
    value = "" if option.value is None else action.get(option.value, f":value:({option.value})")
    if not option.names:
        yield f"1{value}"
    for name in option.names:
        yield f"{name}[{text}]{value}"


def _fish(commands: dict[str, list[_Option]]) -> Iterator[str]:
    yield "complete -c modemqtt -f"
    for name in commands:
        yield f"complete -c modemqtt -n __fish_use_subcommand -a {name} -d {shlex.quote(COMMANDS[name])}"
    for name, options in commands.items():
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        for option in options:
            flags = " ".join(f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}" for each in option.names)
            text = shlex.quote(option.help.replace("\n", " "))
            yield " ".join(
                part for part in ("complete -c modemqtt", seen, flags, _fish_value(option), "-d", text) if part
            )


def _fish_value(option: _Option) -> str:
    if option.value is None:
        return ""
    if option.value == "file":
        return "-r -F"
    words = f"(ls -d {_PORTS} 2>/dev/null)" if option.value == "port" else option.value
    required = "-x " if option.names else ""
    return f"{required}-a {shlex.quote(words)}" if words else "-x"
