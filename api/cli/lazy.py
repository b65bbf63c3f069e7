"""Groups of commands that are imported when they are called: a list of them must not load what they need.

The tables say name, help and place; a test holds each help against what stands at its command.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group


@dataclass(frozen=True, slots=True)
class Entry:
    """A command's help, and where it is: ``module:name`` of a function or a group, or the group itself."""

    help: str
    place: str | typer.Typer

    def load(self, name: str) -> Any:
        """Import the command and return it, under the name that it has here."""
        if isinstance(self.place, typer.Typer):
            found: Any = self.place
        else:
            module, _, attribute = self.place.partition(":")
            found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return get_group(found)  # a group it is, however few its commands
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(found)
        return get_command(alone)


class LazyGroup(TyperGroup):
    """Shows its table, and imports the one command that is called."""

    entries: ClassVar[Mapping[str, Entry]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in self.entries.items():
            self.add_command(TyperCommand(name, help=entry.help))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is called, imported now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else self.entries[name].load(name), rest


def lazy(text: str, entries: Mapping[str, Entry]) -> typer.Typer:
    """Return a group with these commands."""
    made = typer.Typer(
        cls=type("_Group", (LazyGroup,), {"entries": entries}),
        help=text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    made.callback()(_nothing)
    return made


def _nothing() -> None:
    """Do nothing before a command: with this, a table of commands is a group."""
