"""What the extended features bring, column group by column group, and what they reach on roles nobody trained on.

`make bench-extended DATA=<folder>` writes docs/extended.md. The folder is an O*NET release in the interchange format: its market
trends and two of its economic indicators are made of the labels of all job roles, so they are computed anew from the roles that
are trained on. Both tables choose nothing: they report.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.model_selection import GroupShuffleSplit

from bench.company import loaded
from future_skills.config import Settings
from future_skills.dataset.context import STRUCTURE, PairContext
from future_skills.dataset.features import FeatureTables
from future_skills.dataset.reading import Dataset
from future_skills.dataset.snapshot import Snapshot
from future_skills.domain import FEATURES, NUMERIC_FEATURES, FeatureSet
from future_skills.model import metrics
from future_skills.model.cuts import choose_cuts, levels_of
from future_skills.model.estimators import build_estimator
from future_skills.model.evidence import COLUMNS, EVIDENCE, EvidenceEncoder
from future_skills.model.fitting import Configuration, bounded_threads, fit_folds, fit_pipeline
from future_skills.model.inputs import pipeline_input
from future_skills.model.scores import in_level_order, probabilities_of, scores_of

PAGE = Path(__file__).parents[1] / "docs" / "extended.md"
SEEDS = range(5)
SHARE_WEIGHT = 5
"""Pseudo-pairs in the trends of the folder, from its own description."""
OF_LABELS = {"share_in_demand_technologies": "HIGH", "share_hot_technologies": "MEDIUM"}
"""Indicators of the folder that are shares of the labels of a department, by the lowest level they count."""
ESTIMATOR = "hist_gradient_boosting"
BESIDE: Mapping[str, tuple[str, FeatureSet, bool]] = {
    f"{ESTIMATOR}, core": (ESTIMATOR, "core", True),
    f"{ESTIMATOR}, extended": (ESTIMATOR, "extended", True),
    "random_forest, extended": ("random_forest", "extended", True),
    "voting, extended": ("voting", "extended", True),
    f"{ESTIMATOR}, extended, no implicit rows": (ESTIMATOR, "extended", False),
    "voting, extended, no implicit rows": ("voting", "extended", False),
}
"""What the held-out fifths are asked of: estimator, feature set, and whether undecided pairs are learned from as LOW. Gains
are over the first."""
GOALS = {"ap_high": 0.71, "macro_f1": 0.855}

COORDINATES = [name for name in STRUCTURE if "coordinate" in name]
SHARES = [name for name in EVIDENCE if name.startswith(("high_", "medium_", "skill_"))]
RUNGS = {
    "counts and the numbers of core": [name for name in STRUCTURE if name not in COORDINATES] + list(NUMERIC_FEATURES),
    "+ shares of decisions, smoothed": SHARES,
    "+ coordinates of the role": COORDINATES,
    "+ regression over similar roles": ["similar_roles_high", "similar_roles_surplus"],
    "+ demand of the role as a whole": [name for name in EVIDENCE if name not in SHARES and "_roles_high" not in name
                                        and "_roles_surplus" not in name],
}  # fmt: skip


@dataclass(frozen=True)
class Split:
    """Rows to train on (decided and implicit), rows to measure on (decided), and the surroundings of both."""

    training: pd.DataFrame
    held: pd.DataFrame
    context: PairContext


def splits(dataset: Dataset, roles: frozenset[int]) -> Iterator[Split]:
    """Five seeds, each holding out a fifth of `roles`; nothing of the held-out roles' levels is in any feature."""
    decided = dataset.decided[dataset.decided["job_role_id"].isin(roles)].reset_index(drop=True)
    for seed in SEEDS:
        split = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
        inside, outside = next(split.split(decided, groups=decided["job_role_id"]))
        known = set(decided.loc[inside, "job_role_id"])
        snapshot = without_labels_of_others(dataset.snapshot, decided.iloc[inside])
        implicit = dataset.training[(dataset.training["population"] == "implicit") & dataset.training["job_role_id"].isin(known)]
        parts = pd.concat([decided.iloc[inside], implicit], ignore_index=True), decided.iloc[outside].reset_index(drop=True)
        tables = FeatureTables(snapshot)
        yield Split(*(_recomputed(part, tables) for part in parts), PairContext(snapshot))


def _recomputed(rows: pd.DataFrame, tables: FeatureTables) -> pd.DataFrame:
    rows = rows.copy()
    rows[list(FEATURES)] = tables.frame(*tables.positions(rows["job_role_id"], rows["skill_id"]))
    return rows


def without_labels_of_others(snapshot: Snapshot, decided: pd.DataFrame) -> Snapshot:
    """The snapshot with trends and shares made of these decisions alone, by the folder's own formulas."""
    high = (decided["future_need_level"] == "HIGH").astype(float)
    medium = (decided["future_need_level"] != "LOW").astype(float)

    def trend(sectors: pd.Series) -> pd.Series:
        groups = pd.DataFrame({"sector": sectors, "high": high, "medium": medium}).groupby("sector")
        size = groups.size() + SHARE_WEIGHT
        hot = (groups["medium"].sum() + SHARE_WEIGHT * medium.mean()) / size
        sought = (groups["high"].sum() + SHARE_WEIGHT * high.mean()) / size
        return 0.5 * hot + 0.5 * np.minimum(1, sought / 0.5)

    known = pd.concat([trend(decided["skill_category"]), trend(decided["job_department"])])
    known = known[~known.index.duplicated()]
    nothing = 0.5 * medium.mean() + 0.5 * min(1, high.mean() / 0.5)
    trends = snapshot.trends.assign(trend_score=snapshot.trends["sector"].map(known).fillna(nothing))
    reports = snapshot.reports.copy()
    for indicator, level in OF_LABELS.items():
        share = (high if level == "HIGH" else medium).groupby(decided["job_department"]).mean()
        rows = reports["indicator"] == indicator
        reports.loc[rows, "value"] = reports.loc[rows, "sector"].map(share).fillna(share.mean())
    return replace(snapshot, trends=trends, reports=reports)


def measured(truth: np.ndarray, probabilities: np.ndarray, levels: np.ndarray) -> dict[str, float]:
    """AP(HIGH), macro-F1 and log-loss of decided rows."""
    return {
        "ap_high": float(metrics.ap_high(truth, probabilities[:, 2]) or 0),
        "macro_f1": metrics.f1(truth, levels, "macro"),
        "log_loss": metrics.cross_entropy(truth, probabilities),
    }


def rung(
    split: Split, columns: list[str], matrices: tuple[np.ndarray, np.ndarray], estimator: ClassifierMixin
) -> dict[str, float]:
    """What boosting makes of some columns; levels are the likeliest ones."""
    chosen = [list(COLUMNS).index(name) for name in columns]
    levels = split.training["future_need_level"].to_numpy(dtype=str)
    estimator.fit(matrices[0][:, chosen], levels, sample_weight=split.training["weight"].to_numpy())
    probabilities = in_level_order(estimator.predict_proba(matrices[1][:, chosen]), estimator.classes_)
    likeliest = np.array(["LOW", "MEDIUM", "HIGH"], dtype=object)[probabilities.argmax(axis=1)]
    return measured(split.held["future_need_level"].to_numpy(dtype=object), probabilities, likeliest)


def ladder(dataset: Dataset, holdout: frozenset[int], configuration: Configuration) -> pd.DataFrame:
    """One row per seed and rung, on the ledger's training roles alone."""
    rows = []
    for seed, split in enumerate(splits(dataset, frozenset(dataset.decided["job_role_id"]) - holdout)):
        pipeline = fit_pipeline(split.training, configuration)
        probabilities = probabilities_of(pipeline, split.held)
        likeliest = np.array(["LOW", "MEDIUM", "HIGH"], dtype=object)[probabilities.argmax(axis=1)]
        truth = split.held["future_need_level"].to_numpy(dtype=object)
        rows.append({"seed": seed, "rung": "core", **measured(truth, probabilities, likeliest)})
        encoder = EvidenceEncoder(configuration.random_state)
        levels = split.training["future_need_level"].to_numpy(dtype=str)
        fitted = encoder.fit_transform(pipeline_input(split.training, split.context), levels)
        matrices = fitted, encoder.transform(pipeline_input(split.held, split.context))
        columns: list[str] = []
        for name, added in RUNGS.items():
            columns = columns + added
            estimator = build_estimator(ESTIMATOR, {}, random_state=configuration.random_state, threads=configuration.threads)
            rows.append({"seed": seed, "rung": name, **rung(split, columns, matrices, estimator)})
        print(f"ladder, seed {seed}: {rows[-1]['ap_high']:.3f} beside core {rows[-len(RUNGS) - 1]['ap_high']:.3f}", flush=True)
    return pd.DataFrame(rows)


def reached(dataset: Dataset, configuration: Configuration, folds: int) -> pd.DataFrame:
    """One row per seed and of BESIDE, each seed holding out a fifth of all roles; cuts are chosen out of fold in training."""
    rows = []
    for seed, split in enumerate(splits(dataset, frozenset(dataset.decided["job_role_id"]))):
        for name, (estimator, feature_set, implicit) in BESIDE.items():
            start = time.process_time()
            context = split.context if feature_set == "extended" else None
            learned = split.training if implicit else split.training[split.training["population"] == "decided"]
            part = replace(split, training=learned.reset_index(drop=True))
            values = held_out(part, replace(configuration, estimator=estimator), context, folds)
            rows.append({"seed": seed, "rung": name, **values})
            print(f"{name}, seed {seed}: {values} in {time.process_time() - start:.0f} CPU s", flush=True)
    return pd.DataFrame(rows)


def held_out(split: Split, configuration: Configuration, context: PairContext | None, folds: int) -> dict[str, float]:
    """What a configuration reaches on the held-out rows of a split, after cuts chosen out of fold in training."""
    decided = (split.training["population"] == "decided").to_numpy()
    inside = fit_folds(split.training, configuration, folds, configuration.random_state, context)
    truth = split.training["future_need_level"].to_numpy(dtype=object)
    cuts = choose_cuts(scores_of(inside.probabilities)[decided], truth[decided])
    probabilities = probabilities_of(fit_pipeline(split.training, configuration, context), split.held, context)
    held = split.held["future_need_level"].to_numpy(dtype=object)
    return measured(held, probabilities, levels_of(scores_of(probabilities), cuts))


def table(values: pd.DataFrame, *, over_first: bool = False) -> str:
    """Means over seeds with standard deviations, and the gain in AP(HIGH) over the row before (or the first), paired by seed."""
    lines = ["| | AP(HIGH) | gain, paired | seeds with a gain | macro-F1 | log-loss |", "|---|---|---|---|---|---|"]
    before = None
    for name in dict.fromkeys(values["rung"]):
        own = values[values["rung"] == name].set_index("seed")
        gain = own["ap_high"] - before if before is not None else None
        paired = "–" if gain is None else f"{gain.mean():+.3f} ± {gain.std(ddof=0):.3f}"
        better = "–" if gain is None else f"{(gain > 0).sum()} of {len(gain)}"
        lines.append(
            f"| {name} | {own['ap_high'].mean():.3f} ± {own['ap_high'].std(ddof=0):.3f} | {paired} | {better} "
            f"| {own['macro_f1'].mean():.3f} | {own['log_loss'].mean():.3f} |"
        )
        before = before if over_first and before is not None else own["ap_high"]
    return "\n".join(lines)


def reaching(goal: pd.DataFrame) -> str:
    """What reaches each goal in the mean over seeds, in a sentence."""
    means = goal.groupby("rung", sort=False)[list(GOALS)].mean()
    names = {"ap_high": "AP(HIGH)", "macro_f1": "macro-F1"}
    parts = []
    for metric, wanted in GOALS.items():
        there = [f"{name} ({value:.4f})" for name, value in means[metric].items() if value >= wanted]
        closest = f"nothing; the closest is {means[metric].idxmax()} ({means[metric].max():.4f})"
        parts.append(f"{names[metric]} of {wanted} is reached by {'; '.join(there) or closest}")
    return f"Goals, in the mean over seeds: {'. '.join(parts)}."


def write_page(data: Path, climbed: pd.DataFrame, goal: pd.DataFrame) -> None:
    """Write docs/extended.md around the two tables."""
    template = (Path(__file__).parent / "extended.md").read_text(encoding="utf-8")
    words = {
        "data": "/".join(data.resolve().parts[-2:]),
        "ladder": table(climbed),
        "goal": table(goal, over_first=True),
        "reached": reaching(goal),
        "estimator": ESTIMATOR,
    }
    PAGE.write_text(template.format(**words), encoding="utf-8")


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="an O*NET release in the interchange format")
    data: Path = parser.parse_args().data
    if not data.is_dir():
        print(f"Skipped: {data} is no folder. Name a company folder with DATA=...", file=sys.stderr)
        return 0
    defaults = Settings().training
    with loaded(data) as (dataset, holdout, settings):
        configuration = Configuration(ESTIMATOR, "target", {}, defaults.random_state, settings.threads)
        with bounded_threads(settings.threads):
            goal = reached(dataset, configuration, defaults.folds)
            climbed = ladder(dataset, holdout, configuration)
    write_page(data, climbed, goal)
    print(table(goal, over_first=True), table(climbed), f"written: {PAGE}", sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
