"""How records look as JSON: indented by one, except that the items of named lists take a line each."""

import json
from collections.abc import Sequence


def layout(value: object, by_line: Sequence[str] = (), *, sort_keys: bool = False, depth: int = 0) -> str:
    """The text of a value of JSON's types. An item's own lists of those names stand in lines of their own, too."""
    if not isinstance(value, dict | list | tuple) or not value:
        return json.dumps(value, ensure_ascii=False)
    margin = "\n" + " " * (depth + 1)
    if isinstance(value, dict):
        items = []
        for key in sorted(value) if sort_keys else value:
            inner = value[key]
            if key in by_line and isinstance(inner, list | tuple) and inner:
                text = _lines(inner, by_line, sort_keys, depth + 1, 1)
            else:
                text = layout(inner, by_line, sort_keys=sort_keys, depth=depth + 1)
            items.append(f"{json.dumps(key, ensure_ascii=False)}: {text}")
        return "{" + margin + ("," + margin).join(items) + "\n" + " " * depth + "}"
    items = [layout(item, by_line, sort_keys=sort_keys, depth=depth + 1) for item in value]
    return "[" + margin + ("," + margin).join(items) + "\n" + " " * depth + "]"


def _lines(items: Sequence[object], by_line: Sequence[str], sort_keys: bool, depth: int, step: int) -> str:
    margin = "\n" + " " * (depth + step)
    texts = [_flat(item, by_line, sort_keys, depth + step) for item in items]
    return "[" + margin + ("," + margin).join(texts) + "\n" + " " * depth + "]"


def _flat(value: object, by_line: Sequence[str], sort_keys: bool, depth: int) -> str:
    """On one line, but for its own named lists, whose items are indented by two."""
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=sort_keys)
    parts = []
    for key in sorted(value) if sort_keys else value:
        inner = value[key]
        opened = key in by_line and isinstance(inner, list | tuple) and inner
        text = _lines(inner, by_line, sort_keys, depth, 2) if opened else _flat(inner, (), sort_keys, depth)
        parts.append(f"{json.dumps(key, ensure_ascii=False)}: {text}")
    return "{" + ", ".join(parts) + "}"
