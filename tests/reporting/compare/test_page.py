"""The page of a comparison: whole in itself, literal, and, where Chromium is installed, drawn, sorted and switched."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sru_repro.core.errors import ConfigError
from sru_repro.records.run import RunRecord
from sru_repro.reporting.compare import page
from sru_repro.reporting.compare.curves import MOST, curves_of
from sru_repro.reporting.compare.gather import Found

Factory = Callable[..., RunRecord]
HOSTILE = "</script><script>document.title='taken'</script><img src=http://a.test/x onerror=alert(1)>\"'&lt;\x1b[31m"
CLICKS = """
const heads = [...document.querySelectorAll("table.sortable")[0].tHead.rows[0].cells];
const column = heads.findIndex((head) => head.textContent === "test accuracy, %");
const order = () => [...document.querySelectorAll("table.sortable")[0].tBodies[0].rows]
  .map((row) => row.cells[column].textContent);
const seen = { before: order() };
heads[column].firstChild.click();
seen.ascending = order();
heads[column].firstChild.click();
seen.descending = order();
seen.sorted = heads[column].getAttribute("aria-sort");
const [metric, axis] = document.querySelectorAll("select");
const lines = () => document.querySelectorAll(".plot .scatterlayer .trace").length;
const title = () => document.querySelector(".plot .xtitle").textContent;
seen.lines = [lines()];
seen.titles = [title()];
for (const value of ["tokens", "wall_s"]) {
  axis.value = value;
  axis.dispatchEvent(new Event("change"));
  seen.titles.push(title());
}
metric.value = "train/loss";
metric.dispatchEvent(new Event("change"));
seen.lines.push(lines());
seen.figure = document.querySelector(".plot .ytitle").textContent;
document.querySelector(".chip").click();
seen.lines.push(lines());
seen.loaded = performance.getEntriesByType("resource").length;
seen.wide = document.documentElement.scrollWidth - innerWidth;
document.body.innerHTML = "<pre id=seen></pre>";
document.getElementById("seen").textContent = JSON.stringify(seen);
"""


class Tags(HTMLParser):
    """What a browser takes for tags, and what of them would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str | None] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.scripts += tag == "script"
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]


def found(records: list[RunRecord]) -> list[Found]:
    return [Found(Path(f"runs/{place}/run.json"), run) for place, run in enumerate(records)]


@pytest.fixture
def hostile(record: Factory) -> list[RunRecord]:
    """Two rows with three seeds, and one whose every text is markup."""
    runs = [record(row, seed, 0.8 + seed / 100) for row in ("sru2", "lstm") for seed in (1, 2, 3)]
    texts = {"error": HOSTILE, "notes": [HOSTILE], "overrides": [HOSTILE], "backend": HOSTILE}
    config = {"model": {"name": HOSTILE}, HOSTILE: HOSTILE}
    hardware, data = dict.fromkeys(("name", "slug"), HOSTILE), {"description": HOSTILE, "source": HOSTILE}
    return [*runs, record("cnn", row=HOSTILE, config=config, hardware=hardware, data=data, **texts)]


def test_nothing_in_a_page_comes_from_elsewhere_and_records_are_taken_literally(
    hostile: list[RunRecord],
) -> None:
    text = page(found(hostile))
    tags = Tags()
    tags.feed(text)
    assert tags.scripts == 3, "plotly, the page's own, the curves as JSON"
    assert tags.addresses == ["data:,"] and "img" not in tags.names and len(tags.names) > 300
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert "default-src 'none'" in own and own.count("'sha256-") == 2
    assert "\x1b" not in text and unescape(own).count(HOSTILE.replace("\x1b", "\\x1b")) > 5


def test_a_page_without_plotly_says_what_to_install(monkeypatch: pytest.MonkeyPatch, record: Factory) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ConfigError, match=r"^html: expected plotly.*pip install 'sru-repro\[dashboards\]'$"):
        page(found([record("sru2")]))


def test_curves_are_finer_where_the_run_lies(record: Factory, tmp_path: Path) -> None:
    run = Found(tmp_path / "run.json", record("sru2"))
    coarse = curves_of(run)
    assert len(coarse["val/accuracy"]) == len(coarse["train/loss"]) == 8
    assert coarse["val/accuracy"][0].figure == pytest.approx(100 * run.run.epochs[0].figures["val/accuracy"])
    lines = [f"{step},{10 * step},{step / 2},{1 / step},\n" for step in range(1, 2001)]
    (tmp_path / "metrics.csv").write_text(
        "step,tokens,wall_s,train/loss,val/loss\n" + "".join(lines) + "9,9,9,,nan\n"
    )
    fine = curves_of(run)
    assert len(fine["train/loss"]) == MOST and fine["train/loss"][0] == (1, 10, 0.5, 1.0)
    assert fine["train/loss"][-1].step == 2000 and fine["val/loss"] == coarse["val/loss"]
    (tmp_path / "metrics.csv").write_text("step,tokens\nx,y,z\n\0")
    assert curves_of(run) == coarse
    assert curves_of(Found(tmp_path / "seed1.json", run.run)) == coarse


def chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    place = next(filter(None, map(shutil.which, names)), None)
    if place is None:
        pytest.skip("there is no Chromium")
    return place


def dumped(file: Path, profile: Path, *flags: str) -> tuple[str, str]:
    """What the page has become after its scripts ran, and what its console says."""
    call = [
        chromium(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1000,900",
    ]
    call += [
        f"--user-data-dir={profile}",
        "--virtual-time-budget=10000",
        "--enable-logging=stderr",
        "--v=0",
        *flags,
    ]
    done = subprocess.run([*call, file.as_uri()], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.slow
def test_a_browser_draws_it_and_takes_no_text_for_markup(hostile: list[RunRecord], tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(found(hostile)))
    dom, console = dumped(file, tmp_path / "profile", "--dump-dom")
    assert console == "" and "<title>7 runs compared: sst</title>" in dom
    assert dom.count('<g class="trace scatter') == 7, "a line a run"
    assert "<img" not in re.sub(r"<script>.*?</script>", "", dom, flags=re.DOTALL)


@pytest.mark.slow
def test_a_click_sorts_and_curves_have_three_axes(sst: list[RunRecord], tmp_path: Path) -> None:
    """At two widths. The clicks are a script of the test's, so this copy of the page has no rule against such."""
    text = re.sub(r"<meta http-equiv=.*?>", "", page(found(sst)))
    (tmp_path / "page.html").write_text(text.replace("</body>", f"<script>{CLICKS}</script></body>"))
    frames = "".join(
        f'<iframe src="page.html" style="width:{wide}px;height:800px"></iframe>' for wide in (400, 1000)
    )
    gather = (
        "[...document.querySelectorAll('iframe')]"
        ".map((frame) => frame.contentDocument.getElementById('seen').textContent)"
    )
    script = f"onload = () => {{ document.getElementById('out').textContent = `[${{{gather}}}]` }}"
    (tmp_path / "frames.html").write_text(f"<body>{frames}<pre id=out></pre><script>{script}</script>")
    dom, console = dumped(
        tmp_path / "frames.html", tmp_path / "profile", "--allow-file-access-from-files", "--dump-dom"
    )
    said = re.search(r'<pre id="out">(.*?)</pre>', dom, re.DOTALL)
    assert said and console == "", console
    for seen in json.loads(unescape(said[1])):
        assert len(seen["before"]) == 8 and seen["before"] == seen["descending"], "the best first"
        assert seen["ascending"] == sorted(seen["before"]) and seen["sorted"] == "descending"
        assert seen["lines"] == [24, 24, 21], "a line a run; a row hidden"
        assert seen["titles"] == ["steps", "tokens", "seconds of training"] and seen["figure"] == "train loss"
        assert seen["loaded"] == 0 and seen["wide"] <= 0, "nothing is fetched, nothing sticks out"
