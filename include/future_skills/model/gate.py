"""The gate: may this version replace what is deployed? A pure function of its metrics and the thresholds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from future_skills.config import GateSettings
from future_skills.domain import LabelSource, Verdict
from future_skills.model.folds import FEWEST_ROLES

CheckVerdict = Literal["pass", "fail", "insufficient", "info"]
BASELINES = ("majority", "rules", "skill_share")
COMPARED = "AP(HIGH) minus champion's"
HEADLINES = ("ap_high", "macro_f1", "weighted_f1", "accuracy", "log_loss", "ece")


@dataclass(frozen=True)
class Check:
    """One comparison: `value` against `threshold`, on `n` decided rows of `slice`."""

    name: str
    slice: str
    n: int
    value: float | None
    threshold: float | None
    baseline: str | None
    ci: list[float] | None
    verdict: CheckVerdict

    def to_dict(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class Judgement:
    """The verdict, every check behind it, and one sentence for people."""

    verdict: Verdict
    checks: tuple[Check, ...]
    summary: str


def judge(
    metrics: dict[str, Any],
    thresholds: GateSettings,
    *,
    mode: Literal["normal", "refresh"],
    has_champion: bool,
    label_source: LabelSource,
    champion_label_source: LabelSource | None = None,
) -> Judgement:
    """Judge one evaluation (the metrics JSON of `evaluate_version`), in the order of its checks.

    A headline that is no number rejects at once, whatever the labels. A champion trained on bootstrap labels never stands in
    the way of the first honest version.
    """
    known = tuple(_contract(metrics))
    if any(check.verdict == "fail" for check in known):
        return _rejected(known)
    if label_source == "bootstrap":
        return _judge_bootstrap(known, has_champion)
    evidence = _evidence(metrics, thresholds)
    if any(check.verdict == "insufficient" for check in evidence):
        return Judgement("insufficient", (*known, *evidence), _insufficient(metrics, thresholds))
    checks = [*known, *evidence, *_floors(metrics, thresholds), *_baselines(metrics), *_slices(metrics, thresholds)]
    first_honest = not has_champion or champion_label_source == "bootstrap"
    everything = (*checks, *([] if first_honest else _comparison(metrics, thresholds, mode)))
    if any(check.verdict == "fail" for check in everything):
        return _rejected(everything)
    if first_honest:
        return Judgement("promote", everything, "The first version with labels of HR: it passes every floor and baseline.")
    return _against_champion(everything, metrics, thresholds, mode)


def allowed_loss(checks: Sequence[Mapping[str, Any]]) -> float | None:
    """By how much the AP(HIGH) of a version that was judged as a refresh might have been lower than the deployed one's.

    None where it had to be higher, or was compared with nothing. `checks` are those of a judgement, as the ledger keeps them.
    """
    bars = [check["threshold"] for check in checks if check["name"] == COMPARED]
    return -bars[0] if bars and bars[0] < 0 else None


def refresh_rule(checks: Sequence[Mapping[str, Any]], champion: str | None) -> str:
    """What a version that was judged as a refresh had to reach, in a sentence; empty for any other."""
    loss = allowed_loss(checks)
    if loss is None:
        return ""
    return (
        f"Judged as a refresh: to be promoted its AP(HIGH) had to be not worse than that of {champion} by more than {loss:.3f}, "
        "at the lower end of the difference's interval; it did not have to be better."
    )


def _contract(metrics: dict[str, Any]) -> Iterator[Check]:
    """Every headline is a finite number, unless there was nothing to measure at all, or no HIGH row for AP(HIGH)."""
    overall = metrics["overall"]
    unmeasured = metrics["population"] == "none"
    for name in HEADLINES:
        value = overall[name]["value"]
        finite = value is not None and math.isfinite(value)
        no_high = name == "ap_high" and value is None and not metrics["high"]
        verdict: CheckVerdict = "pass" if finite else "info" if unmeasured or no_high else "fail"
        yield Check(f"{name} is a number", "all", metrics["rows"], value if finite else None, None, None, None, verdict)


def _rejected(checks: tuple[Check, ...]) -> Judgement:
    failed = "; ".join(_in_words(check) for check in checks if check.verdict == "fail")
    return Judgement("reject", checks, f"Rejected: {failed}.")


def _judge_bootstrap(checks: tuple[Check, ...], has_champion: bool) -> Judgement:
    if has_champion:
        return Judgement("keep", checks, "HR has decided too few pairs to judge a new version: the deployed one stays.")
    return Judgement("bootstrap", checks, "HR has decided too few pairs: this version repeats the rules, accuracy unknown.")


def _evidence(metrics: dict[str, Any], thresholds: GateSettings) -> list[Check]:
    def enough(name: str, value: int, threshold: int) -> Check:
        verdict: CheckVerdict = "pass" if value >= threshold else "insufficient"
        return Check(name, "all", metrics["rows"], value, threshold, None, None, verdict)

    fewest_roles = max(thresholds.insufficient_roles, FEWEST_ROLES)
    return [
        enough("decided HIGH rows", metrics["high"], thresholds.minimum_high),
        enough("job roles", metrics["roles"], fewest_roles),
    ]


def _insufficient(metrics: dict[str, Any], thresholds: GateSettings) -> str:
    return (
        f"Too little evidence: {metrics['high']} decided HIGH rows of {metrics['roles']} job roles "
        f"(needed: {thresholds.minimum_high} and {thresholds.insufficient_roles}); the deployed version stays."
    )


def _floors(metrics: dict[str, Any], thresholds: GateSettings) -> Iterator[Check]:
    overall, n = metrics["overall"], metrics["rows"]
    floor = thresholds.ap_high_over_base * overall["base_rate"]
    yield _at_least("AP(HIGH) floor", "all", n, overall["ap_high"], floor, "base rate")
    floor = metrics["baselines"]["majority"]["macro_f1"] + thresholds.macro_f1_over_majority
    yield _at_least("macro-F1 floor", "all", n, overall["macro_f1"], floor, "majority")


def _at_least(name: str, where: str, n: int, metric: dict[str, Any], floor: float, baseline: str) -> Check:
    value = metric["value"]
    verdict: CheckVerdict = "pass" if value is not None and value >= floor else "fail"
    return Check(name, where, n, value, floor, baseline, metric.get("ci"), verdict)


def _baselines(metrics: dict[str, Any]) -> Iterator[Check]:
    ap_high = metrics["overall"]["ap_high"]
    for name in BASELINES:
        threshold = metrics["baselines"][name]["ap_high"]
        above = ap_high["value"] is not None and threshold is not None and ap_high["value"] > threshold
        verdict: CheckVerdict = "pass" if above else "fail"
        yield Check("AP(HIGH) above baseline", "all", metrics["rows"], ap_high["value"], threshold, name, ap_high["ci"], verdict)


def _slices(metrics: dict[str, Any], thresholds: GateSettings) -> Iterator[Check]:
    for part in metrics["slices"]:
        judged = part["n"] >= thresholds.slice_minimum_rows and part["high"] >= thresholds.slice_minimum_high
        floor = thresholds.slice_ap_high_over_base * part["base_rate"]
        passed = part["ap_high"] is not None and part["ap_high"] >= floor
        verdict: CheckVerdict = ("pass" if passed else "fail") if judged else "info"
        where = f"{part['slice']}: {part['name']}"
        yield Check("AP(HIGH) of a slice", where, part["n"], part["ap_high"], floor, "base rate", None, verdict)


def _comparison(metrics: dict[str, Any], thresholds: GateSettings, mode: str) -> list[Check]:
    """The paired difference to the champion; wholly below 0 it fails."""
    if not metrics["comparison"]:
        return []
    checks = []
    for name, title in (("ap_high", COMPARED), ("macro_f1", "macro-F1 minus champion's")):
        difference = metrics["comparison"][name]
        ci = difference["ci"]
        verdict: CheckVerdict = "info"
        if name == "ap_high":
            verdict = "fail" if ci is None or ci[1] < 0 else "pass"
        champion = metrics["comparison"].get("champion", "champion")
        bar = _bar(thresholds, mode)
        checks.append(Check(title, "all", metrics["rows"], difference["difference"], bar, champion, ci, verdict))
    return checks


def _bar(thresholds: GateSettings, mode: str) -> float:
    """What the lower end of the difference must exceed."""
    return -thresholds.refresh_margin if mode == "refresh" else 0.0


def _against_champion(
    checks: tuple[Check, ...], metrics: dict[str, Any], thresholds: GateSettings, mode: Literal["normal", "refresh"]
) -> Judgement:
    if not metrics["comparison"]:
        reasons = (metrics.get("champion_unmeasured"), "It could not be compared with the deployed version, which stays.")
        return Judgement("keep", checks, " ".join(filter(None, reasons)))
    low, high = metrics["comparison"]["ap_high"]["ci"]
    if low > _bar(thresholds, mode):
        return Judgement("promote", checks, _promoted(low, high))
    words = "No clear difference to the deployed version, which stays: AP(HIGH) differs by"
    return Judgement("keep", checks, f"{words} [{low:+.3f}, {high:+.3f}].")


def _promoted(low: float, high: float) -> str:
    how = "Better" if low > 0 else "A refresh, not worse"
    return f"{how} than the deployed version: AP(HIGH) differs by [{low:+.3f}, {high:+.3f}]."


def _in_words(check: Check) -> str:
    value = "unknown" if check.value is None else f"{check.value:.3f}"
    against = "" if check.threshold is None else f" against {check.threshold:.3f}"
    baseline = f" ({check.baseline})" if check.baseline else ""
    where = "" if check.slice == "all" else f" in {check.slice}"
    return f"{check.name}{where} is {value}{against}{baseline}"
