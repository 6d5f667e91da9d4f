"""A model's colour follows from its name alone."""

import itertools

from sru_repro.core.palette import FAMILIES, colour, styles


def test_the_family_gives_the_hue_whatever_stands_behind_it() -> None:
    assert colour("lstm") == colour("lstm-cells") == colour("mine", "lstm") == FAMILIES["lstm"]
    assert colour("transformer_xl") == colour("transformer-xl") == FAMILIES["transformer-xl"]
    assert colour("sru-v1") == FAMILIES["sru-v1"] and colour("srupp-512") == FAMILIES["srupp"]
    assert len(set(FAMILIES.values())) == len(FAMILIES)


def test_deeper_is_darker() -> None:
    names = ("sru2", "sru-4", "sru8-tuned", "sru-16")
    light = [sum(int(colour(name)[place : place + 2], 16) for place in (1, 3, 5)) for name in names]
    assert light == sorted(light, reverse=True) and len(set(light)) == 4
    assert colour("sru8") == colour("sru") and colour("sru2") == colour("sru-2")


def test_a_model_nobody_listed_has_a_colour_of_its_own() -> None:
    found = [colour(name) for name in ("mine", "sruplus", "rwkv", "mamba")]
    every = [*found, *FAMILIES.values()]
    assert all(one != other for one, other in itertools.combinations(every, 2))
    assert colour("mine") == "#0F720B"  # for good: a picture drawn later has it, too


def test_where_a_colour_returns_lines_are_broken() -> None:
    found = styles([("sru2", "sru"), ("lstm", ""), ("sru2-tuned", "sru")])
    assert [dash for _, dash in found] == ["-", "-", "--"] and found[0][0] == found[2][0]
