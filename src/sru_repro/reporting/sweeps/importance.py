"""How much each setting has to do with being among the best: PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023), as
Optuna has it, on a study made of the finished members.

It compares how a setting's values lie among the better half with how they lie among all. A smaller part than half is
the usual one; of a few dozen members it finds the setting that matters less often. Optuna's fANOVA would want
scikit-learn.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .entries import Part
from .scales import Scale, scale_of
from .settings import Setting

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LEAST = 8
"""Members below which it would be noise."""
_BETTER = 0.5
"""The part of the members whose settings are compared with those of all."""


@dataclass(frozen=True)
class Importance:
    """Each setting's part, the largest first, with what it rests on; `why_not` where nothing was computed."""

    parts: dict[str, float] = field(default_factory=dict)
    members: int = 0
    why_not: str = ""

    @property
    def basis(self) -> str:
        """What was done, in a line."""
        if self.why_not:
            return f"Importance of the settings: not computed, {self.why_not}"
        return (
            f"Importance by PED-ANOVA: the better half of {self.members} members against all of them; the shares "
            "add up to 100 % also where nothing matters"
        )


def importance(part: Part, settings: Sequence[Setting]) -> Importance:
    """Of the settings in which the members of a part differ, in the order of its entries."""
    places = [place for place, entry in enumerate(part.entries) if entry.finished]
    if len(places) < LEAST:
        return Importance(why_not=f"as {len(places)} finished members are too few ({LEAST} at least)")
    finished = [Setting(one.key, [one.values[place] for place in places]) for one in settings]
    scales = {one.key: scale_of(one) for one in finished}
    varied = [one for one in finished if _is_judged(one, scales[one.key])]
    if len(varied) < 2:
        return Importance(why_not="as it takes two that differ and return")
    try:
        import optuna
    except ImportError:
        return Importance(why_not='as Optuna is not installed; pip install "sru-repro[sweeps]"')
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    drawn = {one.key: _values(one, scales[one.key]) for one in varied}
    kinds = {key: _distribution(values, scales[key]) for key, values in drawn.items()}
    study = optuna.create_study(direction="minimize" if part.lower else "maximize")
    for place, entry in enumerate(part.ranked):
        values = {key: values[place] for key, values in drawn.items()}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=kinds, value=entry.value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is young
        how = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=_BETTER)
        found = optuna.importance.get_param_importances(study, evaluator=how)
    if not all(map(math.isfinite, found.values())) or not any(found.values()):
        return Importance(why_not="as the best members lie as all members do")
    return Importance(dict(found), len(places))


def _is_judged(setting: Setting, scale: Scale) -> bool:
    """Of names that hardly return, whatever leads seems to matter."""
    known = len(scale.places)
    return known > 1 and (not scale.named or 2 * known <= len(setting.values))


def _values(setting: Setting, scale: Scale) -> list[float | str]:
    return [str(value) if scale.named else float(value) for value in setting.values]  # type: ignore[arg-type]


def _distribution(values: Sequence[float | str], scale: Scale) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if scale.named:
        return CategoricalDistribution([*dict.fromkeys(values)])
    numbers = [*map(float, values)]
    return FloatDistribution(min(numbers), max(numbers), log=scale.log)
