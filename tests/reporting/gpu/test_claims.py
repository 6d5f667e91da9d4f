"""What is asked of a GPU: met, missed, not measured yet, each by the figure that it means."""

from typing import Any

import pytest

from sru_repro.reporting.gpu.aims import AIMS, reached, still_open
from sru_repro.reporting.gpu.claims import MET, MISSED, OPEN, Claim, claims

from .made_pages import check_of, correct, page, piece, probes, speed, timing, tune, with_graphs
from .training_pages import steps, trainings

Page = dict[str, Any]
FAST = 8.5
"""Of a tuner's page, so that its kernels reach 94.4 % of a copy."""


def judged(*pages: Page, beside: Page | None = None) -> dict[str, Claim]:
    """By what is asked."""
    return {claim.asked: claim for claim in claims(check_of(*pages, beside=beside))}


def one(found: dict[str, Claim], *words: str) -> Claim:
    """The claim that holds all the words."""
    (claim,) = [claim for asked, claim in found.items() if all(word in asked for word in words)]
    return claim


def entries(content: Page, section: str, name: str) -> list[Page]:
    """The entries of a shape, to be changed."""
    pieces = [found for found in content["pieces"] if found["name"].startswith(f"{section}/{name}/")]
    return [found["values"]["entry"] for found in pieces]


def test_nothing_is_measured_without_a_check() -> None:
    assert {claim.verdict for claim in claims(None)} == {OPEN} and len(claims(None)) == 13
    assert [claim.asked for claim in claims(None)] == list(judged(correct(), speed()))


def test_met_and_missed() -> None:
    found = judged(correct(), with_graphs(speed()), tune(pace=FAST))
    assert one(found, "Correctness").verdict == MET
    assert (
        one(found, "Correctness").measured == "7 of 9 pieces ok (280 cases), 2 skipped (devices, sanitizer)"
    )
    authors = one(found, "Kernel, forward: ")
    assert (authors.measured, authors.verdict) == ("at least 21.00×, median 21.00×, of 18 recurrences", MET)
    plain = one(found, "plain loop", "d256")
    assert (plain.measured, plain.verdict) == ("5.20× (against nn.LSTM, float16)", MET)
    graph = one(found, "graphs", "d256")
    assert (graph.measured, graph.verdict) == ("13.00× (against nn.LSTM, float16, as a graph)", MET)


@pytest.mark.parametrize(
    ("states", "planned", "verdict"),
    [
        (["ok", "ok"], 2, MET),
        (["ok", "skipped"], 2, MET),
        (["skipped"], 1, OPEN),
        (["ok"], 2, f"{MET} so far (1 of 2 run)"),
        (["ok", "failed"], 5, MISSED),
        ([], 2, OPEN),
    ],
)
def test_correctness_wants_every_piece(states: list[str], planned: int, verdict: str) -> None:
    names = [f"p{place}" for place in range(planned)]
    pieces = [piece(name, {"cases": 3}, state=state) for name, state in zip(names, states, strict=False)]
    found = judged(page("correct", pieces, names[len(states) :]))
    assert one(found, "Correctness").verdict == verdict


def test_bandwidth_is_the_kernels_and_not_the_calls() -> None:
    called = speed()  # of these calls the widest reaches 87.8 % of a copy
    assert one(judged(called), "Kernel, backward, bfloat16") == Claim(
        "Kernel, backward, bfloat16: 80% of a copy's speed from 65,536 columns on", "—", "", OPEN
    )
    found = one(judged(called, tune(pace=FAST)), "Kernel, backward, bfloat16")
    assert (found.measured, found.verdict) == ("86.7% at 65,536 columns, the lowest of 1", MET)
    slow = one(judged(called, tune()), "Kernel, backward, bfloat16")
    assert (slow.short, slow.verdict) == ("10.2%", MISSED)


def test_a_kernel_is_judged_as_the_suite_launches_it() -> None:
    content = tune(pace=7.8)
    for found in content["pieces"]:
        found["values"]["gain"] = 1.01  # too little for the table of launch configurations
    claim = one(judged(speed(), content), "Kernel, backward, bfloat16")
    assert claim.verdict == MISSED, "nobody rounds up"
    assert claim.measured == "71.6% at 65,536 columns, the lowest of 1; its best launch configuration 79.5%"


def test_copies_are_those_of_the_tuners_process() -> None:
    content = tune(pace=FAST)
    rates = {"rates": {"copy_bytes_per_s": 4e12}}
    content["pieces"].insert(0, piece("rates", rates))
    content["planned"].insert(0, "rates")
    assert one(judged(speed(), content), "Kernel, backward, bfloat16").short == "43.3%"


def test_without_the_speed_of_a_copy_there_is_no_share() -> None:
    content = speed()
    (rates,) = [found for found in content["pieces"] if found["name"] == "rates"]
    rates["values"]["rates"]["copy_bytes_per_s"] = None
    assert one(judged(content, tune(pace=FAST)), "Kernel, backward, bfloat16").verdict == OPEN


def test_of_several_sizes_the_slowest_counts_and_the_rest_is_wanted() -> None:
    content = tune(pace=FAST)
    content["planned"].append("forward/bfloat16/262144")
    claim = one(judged(speed(), content), "Kernel, forward for training, bfloat16")
    assert claim.verdict == f"{MET} so far (2 of 3 timed)"
    slower = content["pieces"][1]
    more = slower | {"name": "forward/bfloat16/262144", "values": slower["values"] | {"columns": 262144}}
    more["values"]["moved_bytes"] //= 2
    content["pieces"].append(more)
    claim = one(judged(speed(), content), "Kernel, forward for training, bfloat16")
    assert (claim.measured, claim.verdict) == ("43.3% at 262,144 columns, the lowest of 2", MISSED)


def test_a_call_has_a_claim_of_its_own() -> None:
    content = speed()
    for dtype, ours in (("bfloat16", 2.9e-4), ("float32", 2.5e-4)):
        rows = [{"contender": "sru", "label": "SRU", "training": timing(ours)}]
        rows.append({"contender": "lstm", "label": "nn.LSTM", "training": timing(4e-4)})
        entry = {
            "name": "tiny",
            "label": "tiny",
            "length": 1,
            "batch": 1,
            "hidden_size": 8,
            "order": 30,
            "dtype": dtype,
        }
        content["pieces"].append(piece(f"overhead/tiny/{dtype}", {"entry": entry | {"rows": rows}}))
        content["planned"].append(f"overhead/tiny/{dtype}")
    claim = one(judged(content), "Call, an SRU layer")
    assert (
        claim.measured == "bfloat16 290 µs (nn.LSTM 400), float32 250 µs (nn.LSTM 400)"
        and claim.verdict == MET
    )
    content["pieces"][-1]["values"]["entry"]["rows"][0]["training"] = timing(3.1e-4)
    assert one(judged(content), "Call, an SRU layer").verdict == MISSED


def test_kernels_are_compared_with_the_authors_apart_from_their_calls() -> None:
    claim = one(judged(speed()), "Kernel, forward: ")
    told = "the kernels were not timed apart from their calls (with them at least 4.20×, median 4.20×, of 18)"
    assert (claim.measured, claim.short, claim.verdict) == (told, "", OPEN)
    content = with_graphs(speed())
    for entry in entries(content, "recurrence", "wide"):
        entry["rows"][1]["kernel_inference"] = timing(2 * entry["rows"][0]["kernel_inference"]["median_s"])
    claim = one(judged(content), "Kernel, forward: ")
    assert (claim.short, claim.verdict) == ("2.00×", MISSED)


def test_a_kernel_of_ours_that_does_not_run_has_missed() -> None:
    content = with_graphs(speed())
    (entry, *_) = entries(content, "recurrence", "reader")
    entry["rows"][0]["training"] = {"error": "RuntimeError: no kernel"}
    for shape in entries(content, "shapes", "figure-256"):
        shape["rows"][0] = {"contender": "sru", "label": "SRU", "error": "no memory"}
    found = judged(content)
    claim = one(found, "Kernel, forward+backward: ")
    assert claim.verdict == MISSED and "no kernel" in claim.measured
    claim = one(found, "plain loop", "d256")
    assert (claim.measured, claim.verdict) == ("does not run: no memory", MISSED)


def test_the_authors_kernel_may_not_run_somewhere_or_anywhere() -> None:
    content = with_graphs(speed())
    for entry in entries(content, "recurrence", "sst"):
        entry["rows"][1] = {"backend": "authors", "label": "theirs", "error": "no bfloat16"}
    found = one(judged(content), "Kernel, forward: ")
    text = "at least 21.00×, median 21.00×, of 16 recurrences; theirs does not run at 2 more: no bfloat16"
    assert (found.measured, found.verdict) == (text, MET)
    nowhere = one(judged(speed(authors="no compiler")), "Kernel, forward: ")
    assert (nowhere.measured, nowhere.verdict) == ("does not run: no compiler", OPEN)
    content["planned"].append("recurrence/larger/bfloat16")
    assert one(judged(content), "Kernel, forward: ").verdict == f"{MET} so far (18 of 19 timed)"


def test_an_lstm_that_does_not_run_leaves_it_to_those_that_do() -> None:
    content = with_graphs(speed())
    for entry in entries(content, "shapes", "figure-512"):
        for row in entry["rows"]:
            if row.get("dtype") == "float16":
                row |= {"training": {"error": "no cuDNN"}, "graph_training": {"error": "no cuDNN"}}
    found = one(judged(content), "graphs", "d512")
    assert found.measured.endswith("(against nn.LSTM, bfloat16, as a graph)") and found.verdict == MET
    for entry in entries(content, "shapes", "figure-512"):
        for row in entry["rows"]:
            if row["contender"] == "lstm":
                row |= {"training": {"error": "no cuDNN"}, "graph_training": {"error": "no cuDNN"}}
    for words in ("plain loop", "as graphs"):
        found = one(judged(content), words, "d512")
        assert (found.measured, found.verdict) == ("does not run: no cuDNN", OPEN)


def test_lstm_counts_in_every_type_whichever_entry_it_is_in() -> None:
    """In the invented pages LSTM in float32 takes 2.6 times as long as in bfloat16; here a tenth of that."""
    content = speed()
    for entry in entries(content, "shapes", "figure-256"):
        if entry["dtype"] == "float32":
            for row in entry["rows"]:
                if row["contender"] == "lstm":
                    row["training"] = timing(0.1 * row["training"]["median_s"])
    claim = one(judged(content), "plain loop", "d256")
    assert (claim.measured, claim.verdict) == ("1.69× (against nn.LSTM, float32)", MISSED)


def test_probes_stand_in_where_the_check_has_no_graphs_and_say_so() -> None:
    found = judged(speed(), beside=probes())
    claim = one(found, "as graphs", "d256")
    assert (claim.measured, claim.verdict) == (
        "3.00× (against nn.LSTM, float16, as a graph, by probes)",
        MISSED,
    )
    assert one(found, "plain loop", "d256").measured == "1.33× (against nn.LSTM, float16, by probes)"
    every = one(found, "as graphs", "reader-both")
    assert every.verdict == OPEN and every.measured.startswith("3.00 / — / —")
    own = judged(with_graphs(speed()), beside=probes())
    assert "probes" not in one(own, "as graphs", "d256").measured
    assert one(own, "as graphs", "reader-both").verdict == MISSED, "13 times everywhere, and 16 are asked"


def test_what_is_asked_next_stands_with_what_is_known_of_it() -> None:
    known = {aim.asked: aim.known(check_of(speed(), beside=probes())) for aim in AIMS}
    assert [text for asked, text in known.items() if "train`, SRU," in asked] == [
        "4.00 ms plain, 1.00 ms as a graph"
    ]
    assert [text for asked, text in known.items() if "SRU++ base" in asked] == ["10%, 500.0 ms a step"]
    assert not any(aim.known(check_of(speed())) for aim in AIMS), "without probes nothing is known"


def test_what_a_piece_measures_is_a_claim_and_asked_no_more() -> None:
    assert reached(check_of(speed())) == reached(None) == [] and still_open([check_of(speed())]) == list(AIMS)
    check = check_of(steps())
    found = {claim.asked: claim for claim in reached(check)}
    train = one(found, "train`, SRU,")
    assert (train.measured, train.verdict) == ("1.00 ms, of which the GPU needs 0.95 (95%); plain 4.00", MET)
    sst = one(found, "SST, SRU of 2 layers")
    assert (sst.measured, sst.verdict) == ("2,500 a second", MET)
    assert len(found) == 3 and {aim.asked for aim in still_open([check])} == {
        aim.asked for aim in AIMS
    } - set(found)


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"gpu_ms": 0.7}, "(70%)"), ({"wrong": "weights end 0.1 apart"}, "but weights end 0.1 apart")],
)
def test_a_step_that_waits_or_goes_astray_has_missed(changes: Page, told: str) -> None:
    content = steps()
    content["pieces"][1]["values"]["steps"][0] |= changes
    claim = one({claim.asked: claim for claim in reached(check_of(content))}, "train`, SRU,")
    assert claim.verdict == MISSED and told in claim.measured


def test_a_row_of_the_papers_is_judged_alone_on_the_gpu_against_its_rate() -> None:
    (claim,) = reached(check_of(trainings("train-enwik8")))
    assert (claim.measured, claim.verdict) == ("2%", MISSED) and "SRU++ base: at least 35 %" in claim.asked


@pytest.mark.parametrize(
    ("deep", "lstm", "verdict"), [(26_000.0, 42_000.0, MET), (25_000.0, 42_000.0, MISSED)], ids=str
)
def test_generation_is_judged_by_steps_as_graphs(deep: float, lstm: float, verdict: str) -> None:
    paces = {"sru-2": 36_000.0, "sru-16": deep, "lstm": lstm}
    values = {"symbols_per_s": {f"{name}, float32, 1 at once": pace for name, pace in paces.items()}}
    check = check_of(page("speed", [piece("deep", values)]))
    found = {claim.asked: claim for claim in reached(check)}
    assert one(found, "2 layers d512").measured == "36,000" and one(found, "2 layers d512").verdict == MET
    claim = one(found, "16 layers")
    assert claim.verdict == verdict and claim.measured.startswith(f"{deep:,.0f}, 0.6")
    del values["symbols_per_s"]["lstm, float32, 1 at once"]
    assert len(reached(check_of(page("speed", [piece("deep", values)])))) == 1


@pytest.mark.parametrize(("share", "verdict"), [(0.36, MET), (0.34, MISSED)])
def test_a_papers_model_is_judged_by_its_step(share: float, verdict: str) -> None:
    values = {
        **{
            "row": "srupp-base",
            "called": timing(0.2),
            "graph": timing(0.1),
            "tokens": 32_768,
            "flop": 3.2e13,
        },
        **{"share": share, "aim": 0.35, "profile": []},
    }
    (claim,) = reached(check_of(page("papers", [piece("step/srupp-base", values)])))
    assert (claim.measured, claim.verdict) == (f"{share:.0%}", verdict)


@pytest.mark.parametrize(
    ("runs", "took_s", "verdict"), [(35, 200.0, MET), (35, 210.0, MISSED), (34, 200.0, "")]
)
def test_a_table_is_judged_when_all_of_it_is_there(runs: int, took_s: float, verdict: str) -> None:
    content = trainings("train-sst")
    values = content["pieces"][0]["values"]
    made = [{**values["runs"][0], "seed": seed, "took_s": took_s} for seed in range(runs)]
    table = {**values, "runs": made, "side_by_side": 8}
    found = reached(check_of(page("table1", [piece("runs", table)])))
    assert [claim.verdict for claim in found] == ([verdict] if verdict else [])
