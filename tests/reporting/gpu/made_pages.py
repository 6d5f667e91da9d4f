"""Invented pages of the GPU check, with numbers that no GPU has measured, for all its tests."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sru_repro.records.base import parse, write
from sru_repro.records.gpu_page import GPUPage
from sru_repro.records.gpu_probes import GPUProbes
from sru_repro.reporting.gpu.pages import GPUCheck

Page = dict[str, Any]
GPU, OTHER = "Imaginary G100", "Imaginary G7"
SHAPES = {  # label, L, B, d, both directions, paper's figure
    "figure-256": ("paper's figure, L32 B32 d256", 32, 32, 256, False),
    "figure-512": ("paper's figure, L128 B32 d512", 128, 32, 512, False),
    "sst": ("SST, L20 B32 300→128 ×2", 20, 32, 128, False),
    "reader": ("reader, L300 B32 128→128 ×4", 300, 32, 128, False),
    "reader-both": ("reader, both directions, L300 B32 128→128 ×4", 300, 32, 128, True),
    "lm-512": ("language model, L128 B32 d512 ×4", 128, 32, 512, False),
    "lm-1024": ("language model, L256 B16 d1024 ×2", 256, 16, 1024, False),
    "lm-long": ("language model, L512 B8 d1024", 512, 8, 1024, False),
    "wide": ("one wide recurrence, L64 B128 d512", 64, 128, 512, False),
    "decode": ("decoding step by step, B1 d512 ×2", 64, 1, 512, False),
}
MODELS = {  # label, seconds a token and feature, forward and backward
    "sru": ("SRU", 1.0),
    "sru-v1": ("SRU v1", 0.97),
    "qrnn": ("QRNN, fo pooling", 1.1),
    "lstm": ("nn.LSTM", 6.5),
    "gru": ("nn.GRU", 7.2),
    "conv2": ("conv1d, k=2", 0.8),
    "authors": ("sru, the authors' package", 3.1),
}
COPY = 2e12


def piece(name: str, values: Page | None = None, **changes: Any) -> Page:
    """A piece that went well, unless the changes say otherwise."""
    stamp = {
        "date": "2026-11-25T03:04:05Z",
        "revision": "0123456789ab",
        "dirty": False,
        "torch": "2.11.0+cu130",
    }
    made: Page = {"name": name, "state": "ok", "error": None, "seconds": 2.5, "measured": stamp}
    return made | {"values": values or {}} | changes


def page(
    section: str, pieces: Iterable[Page], planned: Iterable[str] = (), gpu: str = GPU, **changes: Any
) -> Page:
    """A section's page; planned is what was run, and more."""
    found = list(pieces)
    made: Page = {
        "schema": 1,
        "section": section,
        "rehearsal": False,
        "device": "cuda",
        "hardware": {"name": f"{gpu}, 100 GB; 8-core chip, 64 GB", "slug": gpu.lower(), "device": "cuda"},
        "card": {
            "name": gpu,
            "capability": "9.9",
            "multiprocessors": 100,
            "memory_bytes": 1e11,
            "devices": 1,
        },
        "packages": {"python": "3.12.3", "torch": "2.11.0+cu130"},
        "planned": [one["name"] for one in found] + list(planned),
        "running": None,
        "pieces": found,
    }
    made["hardware"]["threads"] = 8
    made["card"]["driver"] = "999.1"
    return made | changes


def timing(seconds: float) -> Page:
    """Quartiles close to the median."""
    return {"median_s": seconds, "q1_s": 0.98 * seconds, "q3_s": 1.03 * seconds, "repeats": 9}


def correct(gpu: str = GPU) -> Page:
    """Two pieces of them skipped."""
    names = ["grid/sru", "grid/sru_v1", "products", "streams", "graph", "models/sru", "large"]
    pieces = [piece(name, {"cases": 40, "note": ""}) for name in names]
    pieces.append(piece("devices", state="skipped", error="there is one GPU"))
    pieces.append(piece("sanitizer", state="skipped", error="compute-sanitizer was not found in PATH"))
    return page("correct", pieces, gpu=gpu)


def entry(section: str, name: str, dtype: str, scale: float, authors: str = "") -> Page:
    """What is measured at a shape; `authors`: why their kernel does not run."""
    label, length, batch, size, both = SHAPES[name]
    places = [*SHAPES]
    made: Page = {"name": name, "label": label, "length": length, "batch": batch, "hidden_size": size}
    made |= {"bidirectional": both, "stepwise": name == "decode", "order": places.index(name), "dtype": dtype}
    made["paper_ms"] = [["lstm", 2.7, 6.5], ["sru", 0.19, 0.4]] if name == "figure-256" else []
    width = 2 if dtype == "bfloat16" else 4
    columns = batch * size * (2 if both else 1)
    moved = {"bytes_inference": 5 * width * length * columns, "bytes_training": 18 * width * length * columns}
    modes = ("inference", "training")
    rows: list[Page] = []
    if section == "recurrence":
        reached = min(0.9, 0.15 + columns / 90_000) / scale * (1.05 if dtype == "float32" else 1.0)
        for whose, slower in (("cuda", 1.0), ("authors", 4.2)):
            row = {"backend": whose, "label": whose, **moved}
            if whose == "authors" and authors:
                rows.append(row | {"error": authors})
                continue
            times = (
                moved[f"bytes_{mode}"] / (COPY * reached) * slower * (1.1 if mode == "training" else 1)
                for mode in modes
            )
            rows.append(row | {mode: timing(found) for mode, found in zip(modes, times, strict=True)})
        return made | {"rows": rows}
    for place, (contender, (text, pace)) in enumerate(MODELS.items()):
        if section == "growth" and contender not in ("sru", "lstm"):
            continue
        row = {"contender": contender, "label": text, "peak_training_bytes": 10**8}
        pace *= 1.3 if (contender, dtype) == ("lstm", "float32") else 1.0
        seconds = scale * width * pace * length * columns * 4e-11 * (1 + 0.08 * place * (columns > 9000))
        if contender == "authors" and authors:
            rows.append(row | {"error": authors})
        elif name == "decode":
            rows.append(row | {"inference": timing(seconds)})
        else:
            rows.append(row | {"inference": timing(seconds / 3), "training": timing(seconds)})
    return made | {"rows": rows}


def growth(scale: float) -> list[Page]:
    """A few sizes around one shape."""
    found = []
    for place, changes in enumerate(({}, {"length": 512}, {"batch": 128}, {"hidden_size": 1024})):
        made = entry("growth", "lm-512", "bfloat16", scale) | changes
        text = f"L{made['length']} B{made['batch']} d{made['hidden_size']}"
        found.append(made | {"name": text.replace(" ", "-"), "label": text, "order": 20 + place})
    return found


def with_graphs(content: Page) -> Page:
    """The page of speed with honest peers: LSTM in float16, too, at 0.8 of its time; all as graphs, in a quarter of the
    time, SRU in a tenth; kernels by themselves, ours in a tenth of their calls' time, theirs in half of it.
    """
    for one in content["pieces"]:
        kind, found = one["name"].partition("/")[0], one["values"].get("entry")
        if kind == "recurrence":
            for row in found["rows"]:
                for mode in ("inference", "training"):
                    if mode in row:
                        less = 0.1 if row["backend"] == "cuda" else 0.5
                        row[f"kernel_{mode}"] = timing(less * row[mode]["median_s"])
        if kind == "shapes" and not found["stepwise"]:
            (lstm,) = [row for row in found["rows"] if row["contender"] == "lstm"]
            half: Page = {"contender": "lstm", "label": "nn.LSTM, float16", "dtype": "float16"}
            half |= {mode: timing(0.8 * lstm[mode]["median_s"]) for mode in ("inference", "training")}
            found["rows"].insert(found["rows"].index(lstm) + 1, half)
            for row in found["rows"]:
                if row["contender"] in ("sru", "lstm"):
                    less = 0.1 if row["contender"] == "sru" else 0.25
                    row["graph_training"] = timing(less * row["training"]["median_s"])
    return content


def probes(gpu: str = GPU) -> Page:
    """What a script beside the check measured: SRU and LSTM at one shape, a step, generation, the host, a run."""
    once = {name: {"median_s": seconds, "repeats": 1} for name, seconds in (("slow", 3e-3), ("quick", 1e-3))}
    rows: list[Page] = [
        {"contender": "sru", "label": "SRU", "training": once["slow"], "graph_training": once["quick"]}
    ]
    for dtype, label, scale in (
        (None, "nn.LSTM", 9.0),
        ("TF32", "nn.LSTM, TF32", 8.0),
        ("float16", "nn.LSTM, float16", 2.0),
    ):
        times = {"training": 2e-3, "graph_training": 1.5e-3}
        row: Page = {"contender": "lstm", "label": label}
        row |= {mode: {"median_s": scale * seconds, "repeats": 1} for mode, seconds in times.items()}
        rows.append(row | ({"dtype": dtype} if dtype else {}))
    layer = {
        key: value for key, value in entry("shapes", "figure-256", "bfloat16", 1.0).items() if key != "rows"
    }
    step = {"contender": "sru", "label": "SRU", "width": 512, "layers": 4, "length": 128, "batch": 32}
    spoken = {"contender": "sru-2", "label": "SRU, 2 layers", "width": 512, "streams": 1}
    trained = {
        "row": "srupp-base",
        "label": "SRU++ base",
        "parameters": 10**8,
        "step_s": 0.5,
        "tokens_per_s": 1e5,
    }
    return {
        "schema": 1,
        "gpu": gpu,
        "measured": {"date": "2026-11-25", "revision": "0123456789ab", "torch": "2.11.0+cu130"},
        "how": ["Everything was invented."],
        "layers": [layer | {"rows": rows}],
        "training": [step | {"plain_s": 4e-3, "graph_s": 1e-3, "graph_tokens_per_s": 4.1e6}],
        "generation": [spoken | {"plain_per_s": 2000.0, "graph_per_s": 30_000.0}],
        "host": [{"what": "nn.Linear", "dtype": "float32", "seconds": 3e-4}],
        "runs": [trained | {"flop_per_step": 2e13, "peak_bytes": 25 * 10**9}],
    }


def decode() -> Page:
    """Generation by an SRU and an LSTM, after two contexts."""
    rows = []
    for name, label, seconds in (("sru-2", "SRU, 2 layers", 1e-4), ("lstm", "nn.LSTM", 2e-4)):
        for context in (16, 1024):
            row = {"contender": name, "label": label, "layers": 2, "width": 512, "attends": False, "batch": 1}
            rows.append(
                {**row, "parameters": 10**6, "context": context, "state_bytes": 4096, **timing(seconds)}
            )
    groups = [{"name": "width", "label": "Width 512 each", "rows": rows}]
    return {"contexts": [16, 1024], "batches": [1], "groups": groups}


def speed(scale: float = 1.0, gpu: str = GPU, authors: str = "") -> Page:
    """All of it, as its pieces were run: not in the order of the tables."""
    rates = {
        "copy_bytes_per_s": COPY,
        "float32_flop_per_s": 5e13,
        "bfloat16_flop_per_s": None if scale > 1 else 4e14,
    }
    pieces = [piece("check", {"cases": 208}), piece("rates", {"rates": rates})]
    for name in reversed(SHAPES):
        for dtype in ("float32", "bfloat16"):
            sections = ["recurrence"] * (name != "decode") + ["shapes"] * (name != "wide")
            for section in sections:
                made = entry(section, name, dtype, scale, authors)
                pieces.append(piece(f"{section}/{name}/{dtype}", {"entry": made}))
    pieces += [piece(f"growth/{made['name']}/bfloat16", {"entry": made}) for made in growth(scale)]
    return page("speed", [*pieces, piece("decode", {"decode": decode()})], gpu=gpu)


def tune(gpu: str = GPU, pace: float = 1.0) -> Page:
    """Two passes at two sizes, one of whose cuts does not run; `pace`: times as fast as a tenth of a copy."""
    pieces = []
    for kernel in ("forward", "backward"):
        for number in (1024, 65536):
            variants = [
                {"tiling": [1, 8, 32], **timing(1e-5 * number / 1024 / pace)},
                {"tiling": [2, 4, 64], **timing(0.9e-5 * number / 1024 / pace)},
                {"tiling": [8, 4, 64], "error": "CUDAError: too many resources"},
            ]
            row: Page = {
                "kernel": kernel,
                "dtype": "bfloat16",
                "cell": "sru",
                "columns": number,
                "step_bytes": 14,
            }
            row |= {"length": 128, "batch": number // 1024, "size": 1024, "moved_bytes": 128 * 14 * number}
            row |= {"heuristic": [1, 8, 32], "best": [2, 4, 64], "gain": 1 / 0.9, "variants": variants}
            pieces.append(piece(f"{kernel}/bfloat16/{number}", row))
    return page("tune", pieces, gpu=gpu)


def check_of(*pages: Page, beside: Page | None = None) -> GPUCheck:
    """All that one GPU has shown; `beside`: probes."""
    found = {content["section"]: parse(GPUPage, content, "a page") for content in pages}
    return GPUCheck(found, probes=parse(GPUProbes, beside, "probes") if beside else None)


def put(results: Path, folder: str, pages: Iterable[Page]) -> Path:
    """As `gpu-check` leaves them; the folder."""
    for content in pages:
        write(parse(GPUPage, content, folder), results / "cuda" / folder / f"{content['section']}.json")
    return results / "cuda" / folder
