"""The mail about a model that HR's new decisions contradict."""

from future_skills.alerts.mail import Mail
from future_skills.alerts.messages import dag_link
from future_skills.alerts.rendering import render_mails
from future_skills.config import Settings
from future_skills.drift.realised import Decay

METRIC_NAMES = {"ap_high": "AP(HIGH)", "macro_f1": "macro-F1"}


def decay_alert(settings: Settings, decay: Decay) -> list[Mail]:
    """Tell the data scientists that a version decays; once per version, metric and month, as it stays so for weeks."""
    return render_mails(
        settings,
        settings.mail.data_scientists,
        "decay_alert",
        "decay",
        f"{decay.version}/{decay.metric}/{decay.week:%Y-%m}",
        decay=decay,
        metric=METRIC_NAMES[decay.metric],
        link=dag_link(settings, "future_skills_drift"),
    )
