"""Reading a YAML file that a person wrote, with every mistake named by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError

MOST_BYTES = 2**20  # of a file that a person wrote


class _RefusedError(yaml.YAMLError):
    """YAML that is refused; the message begins with the line."""


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice, as YAML asks, and aliases.

    PyYAML would take the last of two keys and drop the first in silence. A few aliases of aliases grow to
    billions of values.
    """

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise _RefusedError(
                f"line {event.start_mark.line + 1}: *{event.anchor} is an alias; write the value out"
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                line = key.start_mark.line + 1
                raise _RefusedError(f"line {line}: {key.value!r} occurs twice; keep one")
            seen.add((key.tag, key.value))
        return node


def read_yaml(file: Path, what: str, start_from: str) -> Any:
    """Read a YAML file.

    Parameters
    ----------
    file
        The file.
    what
        What it is, as messages begin.
    start_from
        Where a person finds an example.

    Raises
    ------
    InputError
        The file is missing, no regular file, larger than 1 MiB or no YAML, a key occurs twice, or a value is
        an alias.
    """
    try:
        check_regular(file, what, f"start from {start_from}")
        if file.exists() and file.stat().st_size > MOST_BYTES:
            raise InputError(f"{what} {file} is larger than {MOST_BYTES:,} bytes; start from {start_from}")
        return _Loader(file.read_text(encoding="utf-8")).get_single_data()
    except FileNotFoundError:
        raise InputError(f"{what} {file} does not exist; start from {start_from}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{what} {file} cannot be read: {error}") from None
    except _RefusedError as error:
        raise InputError(f"{what} {file}, {error}") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place is not None else ""
        raise InputError(f"{what} {file}{where}: not valid YAML; correct the line") from None
    except RecursionError:
        raise InputError(f"{what} {file} is nested too deeply; start from {start_from}") from None
    except ValueError as error:  # of a date or number that looks like one and is none, e.g. 2024-13-45
        raise InputError(f"{what} {file}: not valid YAML ({error}); put the value in quotes") from None
