"""What is asked of the kernels: met, missed, not measured yet."""

from typing import Any

import pytest

from sru_repro.reporting.gpu.claims import MET, MISSED, OPEN, Claim, claims

from .test_pages import check_of, correct, page, piece, speed

Page = dict[str, Any]


def judged(*pages: Page) -> dict[str, Claim]:
    """By what is asked."""
    return {claim.asked: claim for claim in claims(check_of(*pages))}


def one(found: dict[str, Claim], *words: str) -> Claim:
    """The claim that holds all the words."""
    (claim,) = [claim for asked, claim in found.items() if all(word in asked for word in words)]
    return claim


def entries(content: Page, section: str, name: str) -> list[Page]:
    """The entries of a shape, to be changed."""
    pieces = [found for found in content["pieces"] if found["name"].startswith(f"{section}/{name}/")]
    return [found["values"]["entry"] for found in pieces]


def test_nothing_is_measured_without_a_check() -> None:
    assert {claim.verdict for claim in claims(None)} == {OPEN} and len(claims(None)) == 11
    assert [claim.asked for claim in claims(None)] == list(judged(correct(), speed()))


def test_met_and_missed() -> None:
    found = judged(correct(), speed())
    assert one(found, "Correctness").verdict == MET
    assert (
        one(found, "Correctness").measured == "7 of 9 pieces ok (280 cases), 2 skipped (devices, sanitizer)"
    )
    wide = one(found, "Recurrence, forward, bfloat16")
    assert (
        wide.measured == "87.8%, one wide recurrence, L64 B128 d512 (65,536 columns)" and wide.verdict == MET
    )
    both = one(found, "Recurrence, forward+backward, bfloat16")
    assert (both.short, both.verdict) == ("79.8%", MISSED), "nobody rounds up to 80"
    authors = one(found, "Recurrence, forward: ")
    assert (authors.measured, authors.verdict) == ("at least 4.20×, median 4.20×, of 18 recurrences", MET)
    assert one(found, "nn.LSTM", "bfloat16", "d256").measured == "6.50×"
    assert one(found, "nn.LSTM", "float32", "d512").verdict == MET


@pytest.mark.parametrize(
    ("states", "planned", "verdict"),
    [
        (["ok", "ok"], 2, MET),
        (["ok", "skipped"], 2, MET),
        (["skipped"], 1, OPEN),
        (["ok"], 2, OPEN),
        (["ok", "failed"], 5, MISSED),
        ([], 2, OPEN),
    ],
)
def test_correctness_wants_every_piece(states: list[str], planned: int, verdict: str) -> None:
    names = [f"p{place}" for place in range(planned)]
    pieces = [piece(name, {"cases": 3}, state=state) for name, state in zip(names, states, strict=False)]
    found = judged(page("correct", pieces, names[len(states) :]))
    assert one(found, "Correctness").verdict == verdict


def test_without_the_speed_of_a_copy_there_is_no_share() -> None:
    content = speed()
    (rates,) = [found for found in content["pieces"] if found["name"] == "rates"]
    rates["values"]["rates"]["copy_bytes_per_s"] = None
    found = judged(content)
    assert one(found, "Recurrence, forward, float32") == Claim(
        "Recurrence, forward, float32: 80% of a copy's speed from 65,536 columns on", "—", "", OPEN
    )
    assert one(found, "Recurrence, forward: ").verdict == MET


def test_of_several_wide_recurrences_the_slowest_counts() -> None:
    content = speed()
    for entry in entries(content, "recurrence", "lm-512"):
        entry["batch"] *= 8
    found = one(judged(content), "Recurrence, forward, bfloat16")
    assert found.verdict == MISSED and found.measured.startswith(
        "33.2%, language model, L128 B32 d512 ×4 (131,072 col"
    )
    assert found.measured.endswith(", the lowest of 2")


def test_a_kernel_of_ours_that_does_not_run_has_missed() -> None:
    content = speed()
    for entry in entries(content, "recurrence", "wide"):
        entry["rows"][0]["training"] = {"error": "CUDAError: misaligned address"}
    for entry in entries(content, "shapes", "figure-256"):
        entry["rows"][0] = {"contender": "sru", "label": "SRU", "error": "no memory"}
    found = judged(content)
    wide = one(found, "Recurrence, forward+backward, float32")
    assert (wide.measured, wide.verdict) == ("does not run: CUDAError: misaligned address", MISSED)
    assert one(found, "Recurrence, forward, float32").verdict == MET
    assert one(found, "nn.LSTM", "float32", "d256").measured == "does not run: no memory"


def test_the_authors_kernel_may_not_run_somewhere_or_anywhere() -> None:
    content = speed()
    for entry in entries(content, "recurrence", "sst"):
        entry["rows"][1] = {"backend": "authors", "label": "theirs", "error": "no bfloat16"}
    for entry in entries(content, "recurrence", "wide"):
        entry["rows"][1]["inference"]["median_s"] /= 2
    found = one(judged(content), "Recurrence, forward: ")
    text = "at least 2.10×, median 4.20×, of 16 recurrences; theirs does not run at 2 more: no bfloat16"
    assert (found.measured, found.verdict) == (text, MISSED)
    nowhere = one(judged(speed(authors="no compiler")), "Recurrence, forward: ")
    assert (nowhere.measured, nowhere.verdict) == ("does not run: no compiler", OPEN)


def test_an_lstm_that_does_not_run_leaves_it_open() -> None:
    content = speed()
    for entry in entries(content, "shapes", "figure-512"):
        entry["rows"] = [
            row | ({"training": {"error": "no cuDNN"}} if row["contender"] == "lstm" else {})
            for row in entry["rows"]
        ]
    found = one(judged(content), "nn.LSTM", "bfloat16", "d512")
    assert (found.measured, found.verdict) == ("does not run: no cuDNN", OPEN)


def test_a_part_of_the_recurrences_meets_a_claim_so_far() -> None:
    content = speed()
    content["planned"] = [*content["planned"], "recurrence/larger/bfloat16"]
    found = judged(content)
    assert one(found, "Recurrence, forward, bfloat16").verdict == f"{MET} so far (18 of 19 timed)"
    assert one(found, "Recurrence, forward: ").verdict == f"{MET} so far (18 of 19 timed)"
    assert one(found, "Recurrence, forward+backward, bfloat16").verdict == MISSED


def test_where_ours_does_not_run_nothing_is_met_against_the_authors() -> None:
    content = speed()
    (entry, *_) = entries(content, "recurrence", "reader")
    for row in entry["rows"]:
        if row["backend"] == "cuda":
            row["training"] = {"error": "RuntimeError: no kernel"}
    claim = one(judged(content), "Recurrence, forward+backward: ")
    assert claim.verdict == MISSED and "no kernel" in claim.measured
