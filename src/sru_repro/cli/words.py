"""The words of a command line: `key=value`, the value raw, whatever it holds after the first `=`."""

from collections.abc import Iterable

from ..core.errors import ConfigError


def split(words: Iterable[str], keys: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The given keys with their raw values, and the words left over, in order.

    Raises:
        ConfigError: a key stands twice.
    """
    known, found, rest = set(keys), {}, []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in known:
            if key in found:
                raise ConfigError(f"{key}: expected once, found twice")
            found[key] = value
        else:
            rest.append(word)
    return found, rest


def only(
    words: Iterable[str], keys: Iterable[str], flags: Iterable[str] = ()
) -> tuple[dict[str, str], set[str]]:
    """The values of the given keys and the given flags; anything else is refused.

    Raises:
        ConfigError: an unknown key or word, with what is allowed.
    """
    allowed = list(keys)
    found, rest = split(words, allowed)
    known = set(flags)
    for word in rest:
        if word not in known:
            names = [f"{key}=..." for key in allowed] + sorted(known)
            raise ConfigError(f"{word}: expected {', '.join(names) or 'nothing'} here")
    return found, set(rest)


def need(found: dict[str, str], key: str, example: str) -> str:
    """The value of a key that must be given and not be empty.

    Raises:
        ConfigError: it is missing.
    """
    if not found.get(key):
        raise ConfigError(f"{key}: missing; expected {key}={example}")
    return found[key]
