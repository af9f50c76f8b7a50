"""The plots of the digest."""

from future_skills.alerts.digest import DEPARTMENTS_SHOWN, Digest
from future_skills.alerts.plots import Bar, bar_plot, line_plot
from future_skills.alerts.words import Words

FEWEST_POINTS = 3


def digest_plots(digest: Digest, words: Words) -> dict[str, bytes]:
    """Plots by name, those that have something to show: `departments`, `rising` or, at first, `skills`, and `history`."""
    if digest.quiet:
        return {}
    plots = {}
    departments = [Bar(one.name, one.needs, words.count(one.needs), one.new) for one in digest.departments[:DEPARTMENTS_SHOWN]]
    if departments:
        plots["departments"] = bar_plot(departments, None if digest.first else (words.new_needs, words.earlier_needs))
    if digest.first and digest.skills:
        plots["skills"] = bar_plot([Bar(row["skill"], row["needs"], words.count(row["needs"])) for row in digest.skills])
    risen = [Bar(row["skill"], row["new"], f"+{words.count(row['new'])}") for row in digest.rising if row["new"]]
    if risen:
        plots["rising"] = bar_plot(risen)
    if len(digest.history) >= FEWEST_POINTS:
        plots["history"] = line_plot(digest.history, words)
    return plots
