"""How mails speak: numbers, dates and the few words that are the same in every mail, by language."""

from dataclasses import dataclass
from datetime import UTC, datetime

from future_skills.domain import Language

NO_VALUE = "–"


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
    levels: dict[str, str]
    kinds: dict[str, str]
    decimal_mark: str
    group_mark: str

    def number(self, value: float | None, digits: int = 3) -> str:
        """A measured value, or a dash where there is none."""
        return NO_VALUE if value is None else f"{value:.{digits}f}".replace(".", self.decimal_mark)

    def interval(self, metric: dict[str, float | list[float] | None]) -> str:
        """A metric {value, ci} with its 95 % interval."""
        value, bounds = metric.get("value"), metric.get("ci")
        shown = self.number(value if isinstance(value, float | int) else None)
        return f"{shown} [{self.number(bounds[0])}; {self.number(bounds[1])}]" if isinstance(bounds, list) else shown

    def count(self, value: int) -> str:
        """A whole number."""
        return f"{value:,}".replace(",", self.group_mark)

    def level(self, level: str | None) -> str:
        """A level as people say it."""
        return self.levels.get(level or "", level or NO_VALUE)

    @staticmethod
    def moment(value: datetime) -> str:
        """A date and time, UTC."""
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


WORDS: dict[Language, Words] = {
    "en": Words(
        language="en",
        happened="What happened",
        meaning="What it means",
        action="What to do",
        open_link="Open",
        footer="Sent by the Future Skills pipeline. DevOps can change who receives its mails.",
        accuracy_unknown="agreement with the rules, accuracy unknown",
        levels={"LOW": "Low", "MEDIUM": "Medium", "HIGH": "High"},
        kinds={"feature": "feature", "level": "predicted level", "score": "score", "target": "HR's decisions"},
        decimal_mark=".",
        group_mark=",",
    ),
    "fr": Words(
        language="fr",
        happened="Ce qui s'est passé",
        meaning="Ce que cela signifie",
        action="Ce qu'il faut faire",
        open_link="Ouvrir",
        footer="Envoyé par la chaîne Future Skills. DevOps peut changer les destinataires de ses messages.",
        accuracy_unknown="accord avec les règles, exactitude inconnue",
        levels={"LOW": "Faible", "MEDIUM": "Moyen", "HIGH": "Élevé"},
        kinds={"feature": "variable", "level": "niveau prédit", "score": "score", "target": "décisions RH"},
        decimal_mark=",",
        group_mark="\u202f",
    ),
}
