"""Market trends and economic reports by sector."""

import numpy as np
import pandas as pd


def sector_key(names: pd.Series) -> pd.Series:
    """Sectors, categories and departments meet when they are the same words, whatever the case and the spaces."""
    return names.str.casefold().str.split().str.join(" ")


def newest_trends(trends: pd.DataFrame) -> tuple[dict[str, float], float | None]:
    """The newest trend of each sector and of all, clamped to 0-1; ties go to the higher score, then to the lower id.

    Returns scores by `sector_key`, and the overall one (None without any trend).
    """
    ordered = trends.sort_values(["year", "trend_score", "trend_id"], ascending=[False, False, True])
    scores = ordered["trend_score"].astype(float).clip(0, 1)
    by_sector = scores.groupby(sector_key(ordered["sector"]), sort=False).first()
    newest = dict(zip(by_sector.index.astype(str), by_sector.tolist(), strict=True))
    return newest, float(scores.iloc[0]) if len(scores) else None


def economic_percentile(reports: pd.DataFrame, departments: pd.Series, neutral: float) -> np.ndarray:
    """For each department: its newest values as percentiles within their indicator, averaged over indicators.

    The percentile is the mid-rank among the sectors' newest values of that indicator, in 0-1, so units never mix.
    A department without a report has `neutral`.
    """
    ordered = reports.assign(sector=sector_key(reports["sector"])).sort_values(
        ["year", "report_id"], ascending=[False, True], kind="stable"
    )
    newest = ordered[ordered["sector"] != ""].groupby(["indicator", "sector"], sort=True)["value"].first().astype(float)
    if newest.empty:
        return np.full(len(departments), neutral)
    by_indicator = newest.groupby(level="indicator")
    percentile = (by_indicator.rank() - 0.5) / by_indicator.transform("size")
    by_sector = percentile.groupby(level="sector").mean()
    return sector_key(departments).map(by_sector).fillna(neutral).to_numpy(dtype=float)
