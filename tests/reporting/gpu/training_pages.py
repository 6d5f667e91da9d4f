"""Made pages of the sections that train, and of all sections together."""

import math
from typing import Any

from .made_pages import GPU, Page, correct, page, piece, speed, timing, tune


def steps(gpu: str = GPU) -> Page:
    """Two models of language and one of sentences, as they are and as graphs."""
    rows = [
        {
            "row": name,
            "label": label,
            "plain_ms": 4.0,
            "graph_ms": 1.0,
            "gpu_ms": 0.95,
            "shapes": 1,
            "replayed": 390,
        }
        for name, label in (("sru", "SRU"), ("srupp", "SRU++"))
    ]
    sentences = {
        "row": "sru2",
        "label": "SRU, 2 layers",
        "plain_ms": 2.0,
        "graph_ms": 0.4,
        "shapes": 4,
        "replayed": 380,
    }
    pieces = [piece("captures", {"cases": 4}), piece("language", {"steps": rows})]
    return page("steps", [*pieces, piece("sentences", {"steps": [sentences]})], gpu=gpu)


def run(name: str, label: str, best: float, metric: str, **changes: Any) -> Page:
    """A training of a minute."""
    higher = metric != "bpc"
    curve = [best + (-0.3 if higher else 1.2) * math.exp(-second / 12) for second in range(5, 61, 5)]
    made: Page = {
        "row": name,
        "label": label,
        "state": "finished",
        "error": None,
        "headline": f"test/{metric}",
    }
    metrics = {f"test/{metric}": best, f"val/{metric}": curve[-1], "throughput/tokens_per_s": 1.5e5}
    metrics |= {"throughput/step_ms": 6.5, "gpu/peak_bytes": 3 * 2**30}
    if metric == "f1":
        metrics |= {"test/em": best - 0.1}
    made |= {
        "higher_is_better": higher,
        "parameters": 2_345_678,
        "backend": "fused cuda",
        "precision": "bf16-mixed",
    }
    made |= {"flop_per_step": 1e10, "flop_per_s": 6e12, "metrics": metrics, "notes": []}
    points = zip(range(5, 61, 5), curve, strict=True)
    made["epochs"] = [
        {"wall_s": float(second), "step": 10 * second, f"val/{metric}": y} for second, y in points
    ]
    made["data"] = {"description": "invented text of 1,000 bytes", "comparable": False, "why_not": "invented"}
    return made | changes


def group(*runs: Page) -> Page:
    """Runs side by side."""
    return {"side_by_side": len(runs), "seconds_each": 60.0, "bfloat16_flop_per_s": 4e14, "runs": list(runs)}


def trainings(section: str, gpu: str = GPU) -> Page:
    """All models of a section."""
    if section == "train-enwik8":
        names = ("SRU, 4 layers", "SRU++", "LSTM", "GRU", "QRNN", "minGRU", "Transformer-XL")
        small = [run(f"m{place}", label, 2.0 + 0.05 * place, "bpc") for place, label in enumerate(names)]
        small[3] = {"row": "gru", "label": "GRU", "state": "failed", "error": "RuntimeError: out of <memory>"}
        alone = [("srupp-base", "SRU++ base", 1.9), ("lstm6", "LSTM, 6 layers", 2.1)]
        pieces = [piece("small", group(*small))]
        pieces += [
            piece(f"paper/{name}", group(run(name, label, best, "bpc"))) for name, label, best in alone
        ]
        pieces.append(
            piece("paper/sru6", state="failed", error="all 1 runs failed: sru6: no such file | here")
        )
        return page(section, pieces, planned=["paper/qrnn6"], gpu=gpu)
    metric, labels = {"train-sst": ("accuracy", ("CNN", "LSTM, 2 layers", "SRU, 2 layers"))}.get(
        section, ("f1", ("SRU, 3 layers", "LSTM, 3 layers"))
    )
    runs = [run(f"m{place}", label, 0.8 + 0.02 * place, metric) for place, label in enumerate(labels)]
    return page(section, [piece("table", group(*runs))], gpu=gpu)


def papers(gpu: str = GPU) -> Page:
    """Steps at two of the papers' sizes, and attention with blocks of two sizes, one of which does not run."""
    kernels = [{"kernel": "gemm | 128x256", "calls": 40.0, "ms": 60.0}]
    kernels.append({"kernel": "softmax", "calls": 20.0, "ms": 5.0})
    pieces = []
    for name, aim, share in (("srupp-base", 0.35, 0.4), ("transformer-xl", 0.25, None)):
        step: Page = {"row": name, "called": timing(0.12), "graph": timing(0.1), "tokens": 32_768}
        step |= {"flop": 1.6e13, "bfloat16_flop_per_s": share and 4e14, "share": share, "aim": aim}
        pieces.append(piece(f"step/{name}", step | {"peak_bytes": 15 * 2**30, "profile": kernels}))
    blocks = [
        {"queries": 256, "scores": 1 << 25, "time": timing(2e-3)},
        {"queries": 512, "scores": 1 << 27, "time": {"error": "OutOfMemoryError: none left"}},
    ]
    return page("papers", [*pieces, piece("blocks", {"blocks": blocks})], gpu=gpu)


def whole(gpu: str = GPU, scale: float = 1.0) -> list[Page]:
    """Every section that is carried out where none is named."""
    trained = [trainings(section, gpu) for section in ("train-sst", "train-enwik8", "train-squad")]
    return [correct(gpu), speed(scale, gpu), tune(gpu), steps(gpu), papers(gpu), *trained]
