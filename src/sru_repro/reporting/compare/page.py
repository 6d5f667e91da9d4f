"""A comparison as one page for a browser without a network: what was found, tables that sort, curves to look into.

What records say is escaped, and the page allows no script but its own (by their checksums) and no address at all.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from colorsys import hls_to_rgb
from hashlib import sha256
from html import escape
from importlib.resources import files

from ...core.errors import ConfigError
from ...core.palette import styles
from .curves import Point, curves_of
from .gather import Found
from .groups import Section, sections
from .judged import base_of, finding, judged
from .measures import head_of
from .overview import kinds, legend, said_of, unfinished
from .page_tables import differing, every_run, figures_of, ranking
from .tables import Look, swatch, text

_AXES = {"step": "steps", "tokens": "tokens", "wall_s": "seconds of training"}
_DASHES = {"-": "solid", "--": "dash", ":": "dot"}


def page(found: Sequence[Found], against: str = "") -> str:
    """The whole file. Raises ConfigError where plotly is missing."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise ConfigError(
            "html: expected plotly, which draws the curves, found none; pip install 'sru-repro[dashboards]'"
        ) from None
    scripts = [get_plotlyjs(), _own("page.js")]
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    kept = sections(found)
    title = f"{len(found)} run{'s' * (len(found) != 1)} compared: " + ", ".join(
        dict.fromkeys(one.task for one in kept)
    )
    first, body = 1, []
    for section in kept:
        body += list(_section(section, against, first, alone=len(kept) == 1))
        first += len(section.groups)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            f'img-src data: blob:; script-src {hashes}">',
            '<link rel="icon" href="data:,">',
            f"<title>{text(title)}</title>",
            f"<style>\n{_own('page.css')}</style>",
            "</head>",
            "<body>",
            f"<h1>{text(title)}</h1>",
            *([f"<p>{text(kinds(kept))}</p>"] if len(kept) > 1 else []),
            *body,
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>\n",
        ]
    )


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _section(section: Section, against: str, first: int, alone: bool) -> Iterator[str]:
    base = base_of(section, against)
    if not alone:
        yield f"<h2>{text(section.task)}: {text(section.head or 'no figure')}</h2>"
    yield '<div class="finding">'
    yield from (f"<p>{text(line)}</p>" for line in finding(section, base, against))
    yield "</div>"
    yield f'<p class="facts">{text(said_of(section))}</p>'
    looks = _looks(section)
    if base is not None:
        yield "<h3>Which rows differ</h3>"
        yield ranking(section, base, first, looks)
        yield "<h3>What they reached, and what it took</h3>"
        yield figures_of(section, first, looks)
        yield f'<p class="notes">{text("; ".join(legend(section, judged(section, base), first)))}</p>'
    yield from _curves(section, looks)
    runs = sum(len(group.found) for group in section.groups)
    if runs > 1:
        yield "<h3>What differs between them</h3>"
        yield differing(section, first)
    yield f"<h3>{'All runs' if runs > 1 else 'The run'}</h3>"
    yield from (f'<p class="notes">{text(line)}</p>' for line in unfinished(section, first))
    yield every_run(section)


def _looks(section: Section) -> list[Look]:
    """How each row's curves are drawn: as in every figure, but that rows of one name are told apart by colour."""
    found = styles([(group.first.row, group.first.model) for group in section.groups])
    looks = [Look(colour, _DASHES.get(str(dashes), "dashdot")) for colour, dashes in found]
    return [
        Look(_hue(place), "solid") if group.apart else look
        for place, (group, look) in enumerate(zip(section.groups, looks, strict=True))
    ]


def _hue(place: int) -> str:
    """Colours far from those before: the golden angle apart, light and dark by turns."""
    parts = hls_to_rgb(place * 0.618 % 1, (0.36, 0.5)[place % 2], 0.75)
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)


def _curves(section: Section, looks: Sequence[Look]) -> Iterator[str]:
    rows, keys = [], dict[str, None]()
    for group, look in zip(section.groups, looks, strict=True):
        runs = []
        for one in group.found:
            curves = curves_of(one)
            keys |= dict.fromkeys(curves)
            fold = "" if one.run.fold is None else f", fold {one.run.fold}"
            runs.append(
                {
                    "name": f"seed {one.run.seed}{fold}",
                    "curves": {
                        key: {
                            axis: [float(f"{value:.6g}") for value in values]
                            for axis, values in zip(Point._fields, zip(*points, strict=True), strict=True)
                        }
                        for key, points in curves.items()
                    },
                }
            )
        # Plotly reads a little markup in names.
        rows.append({"name": escape(group.name), **look._asdict(), "runs": runs})
    if not keys:
        return
    validated = next((group.first.validated for group in section.groups if group.first.validated in keys), "")
    ordered = sorted(keys, key=lambda key: (key != validated, key.startswith("optim/"), key))
    data = json.dumps({"rows": rows, "units": _AXES}, separators=(",", ":")).replace("<", "\\u003c")
    yield "<h3>How they learned</h3>"
    yield '<div class="curves"><div class="choices">'
    yield '<label>figure <select name="metric">'
    yield from (f'<option value="{text(key)}">{text(head_of(key))}</option>' for key in ordered)
    yield '</select></label><label>against <select name="axis">'
    yield from (f'<option value="{key}">{name}</option>' for key, name in _AXES.items())
    yield '</select></label></div><div class="chips">'
    for group, look in zip(section.groups, looks, strict=True):
        yield f'<button type="button" class="chip" aria-pressed="true">{swatch(look)}{text(group.name)}</button>'
    yield f'</div><div class="plot"></div><script type="application/json">{data}</script></div>'
    yield '<p class="notes">A line a run, all runs of a row in one colour; a click on a name hides its row.</p>'
