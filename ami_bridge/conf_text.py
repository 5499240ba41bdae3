"""How a value becomes text in one of Asterisk's .conf files: what can't be carried safely is refused in one sentence.

For the writers of the configuration (``asterisk_files``, ``pjsip_file``, ``queues_file``, ``dialplan``) only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path

# ';' begins a comment and '\' escapes it; a line that begins with '[' or '#' is a section or an #include; control
# characters end the line. main/config.c process_text_line() has no quoting that would carry them.
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f;\\]")
HEADER = "; Written by ivrd from its settings: changes made here are lost at the next start."

Pair = tuple[str, object]


class ConfigurationError(ValueError):
    """A value of the plan that Asterisk's files can't carry; the message is a whole sentence."""


def carried(value: object, what: str) -> str:
    """``value`` as it may stand after ``=``. Raises ConfigurationError naming ``what``; the value itself may be secret."""
    text = "yes" if value is True else "no" if value is False else str(value)
    if found := FORBIDDEN.search(text):
        raise ConfigurationError(
            f"{what} contains {found.group()!r}, which Asterisk's configuration files can't carry; choose another value."
        )
    if text != text.strip():
        raise ConfigurationError(f"{what} begins or ends with a blank, which Asterisk would drop; remove it.")
    return text


def word(value: str, what: str, pattern: str) -> str:
    """``value`` if the whole of it matches; raises ConfigurationError otherwise."""
    if not re.fullmatch(pattern, value):
        raise ConfigurationError(f"{what} must match {pattern}, and doesn't; choose another value.")
    return value


def agent_name(value: str, extension: str) -> str:
    """The name as queue members and caller IDs carry it; raises ConfigurationError naming the agent."""
    if not value.isprintable():
        raise ConfigurationError(f"the name of agent {extension} holds a character that can't be printed; write it anew.")
    return word(value, f"the name of agent {extension}", r'[^,;|"<>\[\]\\]{1,60}')


def network(value: str, what: str) -> str:
    """An address or network as Asterisk's ``match=`` and ``permit=`` take it; names are refused (a start must not wait for DNS)."""
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ConfigurationError(f"{what} is {value!r}, which is no IP address or network: {error}.") from error


def address(value: str, what: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise ConfigurationError(f"{what} is {value!r}, which is no IP address.") from error


def with_port(host: str, port: int) -> str:
    """``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def directory(value: Path, what: str) -> str:
    """An absolute path. A blank or a comma inside would end an AGI or application argument, so both are refused."""
    if not value.is_absolute():
        raise ConfigurationError(f"{what} is {str(value)!r}, which is not absolute; give the whole path.")
    if found := re.search(r"[\s,|&\"'$(){}]", str(value)):
        raise ConfigurationError(f"{what} is {str(value)!r}; {found.group()!r} in a path breaks Asterisk's arguments.")
    return carried(value, what)


def section(name: str, pairs: Iterable[Pair]) -> str:
    """One ``[name]`` with its settings, in the order given."""
    word(name, f"the section name {name!r}", r"[A-Za-z0-9_.+-]{1,79}")
    return "\n".join([f"[{name}]", *(f"{key} = {carried(value, f'[{name}] {key}')}".rstrip() for key, value in pairs)])


def file_text(*sections: str) -> str:
    return "\n\n".join([HEADER, *sections]) + "\n"
