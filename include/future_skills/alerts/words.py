"""How mails speak: numbers, dates and the few words that are the same in every mail, by language."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from future_skills.domain import Language
from future_skills.prediction.wording import WORDINGS

NO_VALUE = "–"
Tone = Literal["alarm", "warning", "question", "good", "news"]


@dataclass(frozen=True)
class Words:
    """The words of one language, and its ways to write numbers."""

    language: Language
    happened: str
    meaning: str
    action: str
    open_link: str
    footer: str
    accuracy_unknown: str
    tones: dict[Tone, str]
    kinds: dict[str, str]
    problems: dict[str, str]
    reference: str
    current: str
    share: str
    others: str
    new_needs: str
    earlier_needs: str
    decimal_mark: str
    group_mark: str

    def number(self, value: float | None, digits: int = 3) -> str:
        """A measured value, or a dash where there is none."""
        return NO_VALUE if value is None else f"{value:.{digits}f}".replace(".", self.decimal_mark)

    def signed(self, value: float | None, digits: int = 1) -> str:
        """A difference, with its sign."""
        return NO_VALUE if value is None else f"{value:+.{digits}f}".replace(".", self.decimal_mark).replace("-", "−")

    def percent(self, value: float | None) -> str:
        """A share of 0 to 1, in whole per cent."""
        return NO_VALUE if value is None else f"{100 * value:.0f}\u00a0%"

    def interval(self, metric: dict[str, float | list[float] | None]) -> str:
        """A metric {value, ci} with its 95 % interval."""
        value, bounds = metric.get("value"), metric.get("ci")
        shown = self.number(value if isinstance(value, float | int) else None)
        return f"{shown} [{self.number(bounds[0])}; {self.number(bounds[1])}]" if isinstance(bounds, list) else shown

    def count(self, value: int) -> str:
        """A whole number."""
        return f"{value:,}".replace(",", self.group_mark)

    def level(self, level: str | None) -> str:
        """A level as people say it, as predictions do."""
        known = WORDINGS[self.language].levels
        return known[level].capitalize() if level in known else level or NO_VALUE

    def kind(self, kind: str) -> str:
        """What kind of column that is."""
        return self.kinds.get(kind, kind)

    def problem(self, problem: str | None) -> str:
        """Why a column is unknown."""
        return self.problems.get(problem or "", problem or NO_VALUE)

    @staticmethod
    def moment(value: datetime) -> str:
        """A date and time, UTC."""
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    @staticmethod
    def day(value: datetime) -> str:
        """A date, UTC."""
        return f"{value.astimezone(UTC):%Y-%m-%d}"


FILTERS = ("number", "signed", "percent", "interval", "count", "level", "kind", "problem", "moment", "day")
"""The methods that templates use as filters."""

WORDS: dict[Language, Words] = {
    "en": Words(
        language="en",
        happened="What happened",
        meaning="What it means",
        action="What to do",
        open_link="Open in Airflow",
        footer="Sent by the Future Skills pipeline. DevOps can change who receives its mails.",
        accuracy_unknown="agreement with the rules, accuracy unknown",
        tones={
            "alarm": "Alarm",
            "warning": "Please look",
            "question": "Your turn",
            "good": "Done",
            "news": "This week",
        },
        problems={
            "missing": "values are missing",
            "empty": "no value at all",
            "constant": "one value everywhere, where there were many",
            "halved": "its source lost half of its rows",
        },
        kinds={"feature": "feature", "level": "predicted level", "score": "score", "target": "HR's decisions"},
        reference="first batch of the version",
        current="this batch",
        share="share of the rows",
        others="others",
        new_needs="new high needs",
        earlier_needs="as before",
        decimal_mark=".",
        group_mark=",",
    ),
    "fr": Words(
        language="fr",
        happened="Ce qui s'est passé",
        meaning="Ce que cela signifie",
        action="Ce qu'il faut faire",
        open_link="Ouvrir dans Airflow",
        footer="Envoyé par la chaîne Future Skills. DevOps peut changer les destinataires de ses messages.",
        accuracy_unknown="accord avec les règles, exactitude inconnue",
        tones={
            "alarm": "Alerte",
            "warning": "À regarder",
            "question": "À vous",
            "good": "C'est fait",
            "news": "Cette semaine",
        },
        problems={
            "missing": "des valeurs manquent",
            "empty": "aucune valeur",
            "constant": "une seule valeur partout, au lieu de plusieurs",
            "halved": "sa source a perdu la moitié de ses lignes",
        },
        kinds={"feature": "variable", "level": "niveau prédit", "score": "score", "target": "décisions RH"},
        reference="premier lot de la version",
        current="ce lot",
        share="part des lignes",
        others="autres",
        new_needs="nouveaux besoins élevés",
        earlier_needs="comme avant",
        decimal_mark=",",
        group_mark="\u202f",
    ),
}
