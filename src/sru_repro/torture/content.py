"""Hostile content: checkpoints and prepared data with a pickle that runs, configurations that call or read the
environment, records with markup and escape sequences, addresses of local files. Nothing of it happens.
"""

import http.server
import io
import json
import os
import pickle
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from ..core.errors import SuiteError
from ..data.store.fetch import MIRROR_VARIABLE, Remote, locate
from ..data.store.vector_cache import cached_rows
from ..data.store.vector_files import read_rows
from ._calls import Said, say, variables
from ._promise import Cut, Promise, Tally

SMALL = ("model=sru", "task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu", "trainer.max_steps=2")
SECRET, VALUE = "TORTURE_SECRET", "torture-secret-value"


class _Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


_run: dict[str, bytes] = {}
"""The files of a run, which is trained once."""


def _trained(folder: Path) -> Path:
    run = folder / "run"
    if not _run:
        said = say("train", *SMALL, "hydra.run.dir=run", folder=folder)
        if said.status:
            raise AssertionError(said.text)
        files = [path for path in run.rglob("*") if path.is_file()]
        _run.update({str(path.relative_to(run)): path.read_bytes() for path in files})
    for name, content in _run.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(content)
    return run


def _unharmed(said: Said | None, mark: Path, refused: bool = True) -> None:
    """Raises where a pickle or a call has run, or a refusal was due and none came."""
    if mark.exists():
        mark.rmdir()
        raise AssertionError("it has run")
    if said is not None and refused and said.status == 0:
        raise AssertionError(f"taken: {said.text:.200}")
    if said is not None and "usage: " in said.text:
        raise AssertionError(f"not tried: {said.text:.80}")
    if said is not None and VALUE in said.text:
        raise AssertionError("the secret was said")


def _checkpoints(mark: Path) -> Iterator[tuple[str, bytes]]:
    state: dict[str, object] = {"state_dict": {"task.x": _Runs(mark)}, "epoch": _Runs(mark)}
    saved = io.BytesIO()
    torch.save(state, saved)
    yield "an archive of torch's", saved.getvalue()
    saved = io.BytesIO()
    torch.save(state, saved, _use_new_zipfile_serialization=False)
    yield "torch's old format", saved.getvalue()
    yield "a bare pickle", pickle.dumps(_Runs(mark))


def _pickles(tally: Tally, cut: Cut) -> None:
    run, mark = _trained(cut.folder), cut.folder / "pickle-has-run"
    for what, content in list(_checkpoints(mark))[: cut.tries(3)]:
        for name in ("best", "last"):
            place = run / f"checkpoints/{name}.ckpt"
            place.write_bytes(content)
            calls: dict[str, list[tuple[str, ...]]] = {
                "best": [("evaluate", "run=run"), ("predict", "run=run", "prompt=a", "length=2")],
                "last": [("train", *SMALL, "trainer.max_steps=4", "resume=true", "hydra.run.dir=run")],
            }
            for words in calls[name]:
                with tally.trying(f"{name}.ckpt, {what}: {words[0]}"):
                    _unharmed(say(*words, folder=cut.folder), mark, refused=name == "best")
            shutil.rmtree(run)
            _trained(cut.folder)
    for number, (what, content) in enumerate(_checkpoints(mark)):
        cache = cut.folder / f"cache{number}"
        with tally.trying(f"prepared word vectors, {what}"), variables(SRU_REPRO_CACHE=str(cache)):
            (cut.folder / "v.txt").write_text("the 1 2\na 3 4\n")
            cached_rows(cut.folder / "v.txt", {"the"}, 2)
            (kept,) = cache.glob("*.pt")
            kept.write_bytes(content)
            if cached_rows(cut.folder / "v.txt", {"the"}, 2).rows["the"].tolist() != [1, 2]:
                raise AssertionError("other vectors")
            _unharmed(None, mark)
    with tally.trying("vectors in .npz"):
        place = cut.folder / "v.bin.cut.npz"
        objects = np.array([_Runs(mark)], dtype=object)
        np.savez(place, words=objects, ends=np.array([1]), rows=np.zeros((1, 2), np.float16))
        try:
            read_rows(place, {"the"}, 2)
        except SuiteError:
            _unharmed(None, mark)
        else:
            raise AssertionError("taken")
    with tally.trying("an archive that holds a pickle beside the weights"):
        place = run / "checkpoints/best.ckpt"
        with zipfile.ZipFile(place, "a") as archive:
            archive.writestr("archive/evil/data.pkl", pickle.dumps(_Runs(mark)))
        _unharmed(say("evaluate", "run=run", folder=cut.folder), mark, refused=False)


def _rows(mark: Path) -> dict[str, str]:
    """Files of a foreign --config-dir: each would run something, or read the environment."""
    head = "# @package _global_\n"
    return {
        "a callback of Hydra's": f"{head}hydra:\n  callbacks:\n    x:\n      _target_: os.mkdir\n      path: {mark}\n",
        "a handler of logging": (
            f"{head}hydra:\n  job_logging:\n    version: 1\n    handlers:\n      x:\n        (): os.mkdir\n"
            f"        path: {mark}\n    root:\n      handlers: [x]\n"
        ),
        "a launcher": f"{head}hydra:\n  launcher:\n    _target_: os.mkdir\n    path: {mark}\n",
        "_target_ in a model": f"{head}model:\n  _target_: os.mkdir\n  path: {mark}\n",
        "a tag of Python's": f'{head}row: !!python/object/apply:os.mkdir ["{mark}"]\n',
        "a name of Python's": f"{head}row: !!python/name:os.mkdir\n",
        "the environment": f"{head}row: ${{oc.env:{SECRET}}}\n",
        "the environment, nested": f"{head}data_dir: ${{oc.${{profile2}}:{SECRET}}}\nprofile2: env\n",
        "the environment in a list": f"{head}logger:\n  tags: ['${{oc.env:{SECRET}}}']\n",
        "a class of Python's own": f"{head}model:\n  _class_: os.mkdir\n",
        "a thousand million of values": head
        + "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ),
    }


def _configurations(tally: Tally, cut: Cut) -> None:
    mark = cut.folder / "configuration-has-run"
    rows = cut.folder / "conf/experiment"
    rows.mkdir(parents=True)
    with variables(**{SECRET: VALUE}):
        for number, (what, text) in enumerate(_rows(mark).items()):
            if number >= 9 and cut.share < 1:
                continue  # the last takes long
            (rows / f"x{number}.yaml").write_text(text)
            words = ("--config-dir=conf", *SMALL, f"experiment=x{number}", "hydra.run.dir=out")
            with tally.trying(f"--config-dir: {what}"):
                _unharmed(say("train", *words, folder=cut.folder), mark)
                _no_secret(cut.folder / "out")
        for word in (
            f"row=${{oc.env:{SECRET}}}",
            f"data_dir=${{oc.env:{SECRET}}}",
            "+model._target_=os.mkdir",
            f"+hydra.callbacks.x={{_target_:os.mkdir,path:{mark}}}",
        ):
            with tally.trying(f"train {word}"):
                _unharmed(say("train", *SMALL, word, "hydra.run.dir=out", folder=cut.folder), mark)
                _no_secret(cut.folder / "out")
        run = _trained(cut.folder)
        record = json.loads((run / "run.json").read_text())
        for key, value in (
            ("model._target_", "os.mkdir"),
            ("model._class_", "os.mkdir"),
            ("task.kind", "../../../etc/passwd"),
            ("row", f"${{oc.env:{SECRET}}}"),
            ("model.name", "os.mkdir"),
            ("data_dir", f"${{oc.env:{SECRET}}}"),
        ):
            config = json.loads(json.dumps(record["config"]))
            group, _, name = key.rpartition(".")
            (config[group] if group else config)[name] = value
            (run / "run.json").write_text(json.dumps({**record, "config": config}))
            verbs: tuple[tuple[str, ...], ...] = (
                ("evaluate", "run=run"),
                ("predict", "run=run", "prompt=a", "length=1"),
            )
            for asked in verbs:
                with tally.trying(f"{asked[0]}: a run.json with {key}={value}"):
                    _unharmed(say(*asked, folder=cut.folder), mark, refused=key.startswith(("model", "task")))


def _no_secret(folder: Path) -> None:
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.is_file() and VALUE.encode() in path.read_bytes():
            raise AssertionError(f"the secret is in {path.name}")


MARKUP = "\x1b[31m\x07<script>|[a](javascript:z)\n# head\r\u202eb"


def _records(tally: Tally, cut: Cut) -> None:
    run = _trained(cut.folder)
    record = json.loads((run / "run.json").read_text())
    place = cut.folder / "results/runs/quickstart/sru/short"
    place.mkdir(parents=True)
    harmed = json.loads(json.dumps(record)) | {
        "profile": "short",
        "row": "\x1b[31m<b>|",
        "error": MARKUP,
    }
    harmed |= {"notes": [MARKUP], "overrides": [MARKUP]}
    harmed["data"] |= {key: MARKUP for key in ("description", "source", "vectors", "why_not")} | {
        "notes": [MARKUP]
    }
    for part in ("hardware", "code"):
        harmed[part] |= {key: MARKUP for key, value in record[part].items() if isinstance(value, str)}
    other = cut.folder / "other"
    other.mkdir()
    for target in (other / "run.json", place / "seed1.json"):
        target.write_text(json.dumps(harmed))
    with tally.trying("compare"):
        _literal(say("compare", "a=run", "b=other", folder=cut.folder).text)
    with tally.trying("report"):
        _literal(say("report", folder=cut.folder).text)
    for page in (cut.folder / "results").glob("*.md"):
        with tally.trying(page.name):
            text = page.read_text(encoding="utf-8")
            _literal(text)
            if "<script" in text or "](javascript" in text or "\n# head" in text:
                raise AssertionError("markup in it")


def _literal(text: str) -> None:
    if found := next((sign for sign in text if sign in "\x1b\x07\r\u202e"), ""):
        raise AssertionError(f"{found!r} in what is shown")


class _Redirects(http.server.BaseHTTPRequestHandler):
    target = ""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.target)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def _server(target: str) -> Iterator[str]:
    handler = type("Redirects", (_Redirects,), {"target": target})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _addresses(tally: Tally, cut: Cut) -> None:
    secret = cut.folder / "secret.txt"
    secret.write_text(VALUE)
    remote = Remote("https://example.org/a.txt", "sha256:" + "0" * 64)

    def fetch(what: str, mirror: str) -> None:
        with tally.trying(what), variables(**{MIRROR_VARIABLE: mirror, "NO_PROXY": "*"}):
            try:
                locate(cut.folder / "data", ["a.txt"], remote)
            except SuiteError as error:
                if VALUE in str(error) or "\n" in str(error):
                    raise AssertionError(str(error)) from None
            else:
                raise AssertionError("fetched")
            if any(path.is_file() for path in (cut.folder / "data").rglob("*")):
                raise AssertionError("something was written")

    for scheme in ("file://", "data:text/plain,", "ftp://127.0.0.1", "", "jar:file://", "http://127.0.0.1:x"):
        fetch(
            f"a mirror at {scheme}",
            f"{scheme}{cut.folder}" if scheme.startswith(("file", "jar")) else scheme or "/",
        )
    for target in (
        f"file://{secret}",
        "data:text/plain,a",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1/x",
    ):
        with _server(target) as address:
            fetch(f"a server that leads on to {target.partition(':')[0]}:", address)


PROMISES = [
    Promise(
        "pickles that run",
        "A checkpoint, prepared data or word vectors that hold a pickle with a call in it run nothing.",
        "tests/torture/test_content.py::test_pickles_that_run",
        _pickles,
        headline=True,
    ),
    Promise(
        "configurations that call",
        "A configuration, on the command line, of a foreign folder or in a record, calls nothing and carries nothing "
        "of the environment into records, logs or checkpoints.",
        "tests/torture/test_content.py::test_configurations_that_call",
        _configurations,
        headline=True,
    ),
    Promise(
        "records with markup",
        "Escape sequences, HTML and Markdown in a record reach neither the terminal nor a page.",
        "tests/torture/test_content.py::test_records_with_markup",
        _records,
    ),
    Promise(
        "addresses of local files",
        "Downloads come from http and https alone, whatever a mirror says or a server leads on to; a refusal writes "
        "nothing.",
        "tests/torture/test_content.py::test_addresses_of_local_files",
        _addresses,
    ),
]
