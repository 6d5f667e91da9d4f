"""wandb as it fails in the world: no server, one that hangs or refuses, a service that dies or stops, no room."""

import gc
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sru_repro.core.errors import ConfigError
from sru_repro.records.run import RunRecord
from sru_repro.training.config import RunConfig
from sru_repro.training.dashboards import open_dashboard
from sru_repro.training.dashboards import wandb as module
from sru_repro.training.dashboards.wandb_words import require_wandb

pytest.importorskip("wandb")
Configured = Callable[..., RunConfig]
KEY = "0123456789" * 4


@pytest.fixture(autouse=True)
def _logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import wandb

    wandb.teardown()  # what it knows is from the environment before
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(module, "ONLINE_S", 1.5)
    monkeypatch.setattr(module, "LOST_S", 60.0)  # on a machine with other work
    yield
    wandb.teardown()
    for handle in gc.get_objects():  # wandb never asks for the end of a service that was killed
        if type(handle) is subprocess.Popen:
            handle.poll()


@pytest.fixture
def content() -> RunRecord:
    return RunRecord(state="running", task="sst", row="sru", profile="smoke", seed=1)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(params=["refused", "hangs", "401", "403"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that is of no use."""
    if request.param in ("refused", "hangs"):
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, answers nothing
            port = silent.getsockname()[1]
            if request.param == "refused":
                silent.close()
            yield f"http://127.0.0.1:{port}"
        return

    class Refuse(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(int(request.param))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as place:
        threading.Thread(target=place.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{place.server_port}"
        place.shutdown()


def test_a_server_of_no_use_leaves_an_offline_run_that_the_record_names(
    server: str,
    configured: Configured,
    content: RunRecord,
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", server)
    with open_dashboard(configured("sst", "logger=wandb"), tmp_path / "run", content, said.append) as watched:
        watched.log({"step": 1, "val/loss": 0.5})
        watched.finish({"test/accuracy": 0.5}, failed=False)
    (folder,) = (tmp_path / "run/wandb").glob("offline-run-*")
    assert folder.name.endswith(f"-{content.wandb_id}")
    assert said == content.notes and len(said) == 1
    assert said[0].startswith("wandb could not be reached, the dashboard is offline (CommError: ")
    assert KEY not in said[0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("when", ["on the way", "at the end"])
def test_a_service_that_dies_or_stops_costs_a_note_and_seconds(
    number: signal.Signals,
    when: str,
    configured: Configured,
    content: RunRecord,
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    watched = open_dashboard(configured("sst", "logger=wandb"), tmp_path / "run", content, said.append)
    assert isinstance(watched, module.WandbDashboard) and content.wandb_id and not said
    (service,) = module._services()
    if when == "on the way":
        os.kill(service, number)
    slowest = 0.0
    for step in range(50):
        began = time.monotonic()
        watched.log({"step": step})
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.01)
    watched._calls.left_s = min(
        watched._calls.left_s, 2.0
    )  # of a service that does not answer, all is waited
    if when == "at the end":
        os.kill(service, number)
    began = time.monotonic()
    watched.finish({}, failed=False)
    assert time.monotonic() - began < 10 and slowest < 5
    assert said == content.notes and len(said) == 1, said
    assert said[0].startswith("wandb stopped (") and said[0].endswith("curves are in metrics.csv")
    assert module._services() == []


def test_the_next_run_of_a_sweep_has_a_dashboard_again(
    configured: Configured, content: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    with open_dashboard(configured("sst", "logger=wandb"), tmp_path / "one", content, print):
        os.kill(module._services()[0], signal.SIGKILL)
    assert len(content.notes) == 1
    with open_dashboard(configured("sst", "logger=wandb"), tmp_path / "two", content, print) as watched:
        watched.log({"step": 1})
    assert len(content.notes) == 1 and list((tmp_path / "two/wandb").glob("offline-run-*"))


def test_no_room_for_its_files(
    configured: Configured, content: RunRecord, said: list[str], tmp_path: Path
) -> None:
    (tmp_path / "wandb").write_text("a file where the folder should be")
    with open_dashboard(
        configured("sst", "logger=wandb", "logger.mode=offline"), tmp_path, content, said.append
    ):
        pass
    assert said == content.notes and said[0].startswith("wandb stopped (FileExistsError")
    assert content.wandb_id is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WANDB_MODE", "on-line", "found 'on-line'"),
        ("WANDB_SILENT", "maybe", "found 'maybe'"),
        ("WANDB_BASE_URL", "wandb.example.org", "found 'wandb.example.org'"),
        ("WANDB_PROJECT", "team/sru", "found 'team/sru'"),
        ("WANDB_TAGS", "a,,b", "found 'a,,b'"),
        ("WANDB_TAGS", "x" * 65, "64 characters"),
        ("WANDB_RUN_ID", "a/b", "found 'a/b'"),
        ("WANDB_RESUME", "sometimes", "found 'sometimes'"),
        ("WANDB_INIT_TIMEOUT", "soon", "found 'soon'"),
        ("WANDB_PROJCT", "x", "did you mean WANDB_PROJECT?"),
        ("WANDB_GROUP", "x", "did you mean WANDB_RUN_GROUP?"),
        ("WANDB_SLIENT", "true", "did you mean WANDB_SILENT?"),
    ],
)
def test_a_mistyped_variable_is_refused_by_its_name(
    name: str, value: str, words: str, configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        require_wandb(configured("sst", "logger=wandb"))
    line = str(refused.value)
    assert line.startswith(f"{name}: ") and words in line and "\n" not in line
    require_wandb(configured("sst", "logger=csv"))


def test_a_folder_that_cannot_be_made_is_refused(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "file/below"))
    with pytest.raises(
        ConfigError, match=r"^WANDB_DIR: expected a folder .*: Not a directory; mend or unset it$"
    ):
        require_wandb(configured("sst", "logger=wandb"))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    require_wandb(configured("sst", "logger=wandb"))
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "new/below"))
    require_wandb(configured("sst", "logger=wandb"))


def test_a_key_is_not_repeated_and_other_packages_variables_are_not_ours(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_LOG_MODEL", "WANDB_WATCH", "WANDB_SOMETHING_ELSE"):
        monkeypatch.setenv(name, "false")
    require_wandb(configured("sst", "logger=wandb"))
    monkeypatch.setenv("WANDB_API_KEY", f" {KEY}")
    with pytest.raises(ConfigError, match=r"^WANDB_API_KEY: ") as refused:
        require_wandb(configured("sst", "logger=wandb"))
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        (f"logger.tags=[{'x' * 70}]", "logger.tags.0: expected at most 64 characters"),
        ("logger.tags=[a,'']", "logger.tags.1: expected at least 1 character"),
        ("logger.project='team/sru'", "logger.project: expected a name without / "),
        (f"logger.project={'p' * 129}", "logger.project: expected at most 128 characters"),
    ],
)
def test_what_wandb_would_refuse_is_refused_at_once(word: str, line: str, configured: Configured) -> None:
    with pytest.raises(ConfigError) as refused:
        configured("sst", "logger=wandb", word)
    assert str(refused.value).startswith(line)
