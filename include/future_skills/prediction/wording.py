"""The words of rationales and explanations, by language."""

from dataclasses import dataclass, replace

from future_skills.domain import FeatureSet, Language


@dataclass(frozen=True)
class Wording:
    """Format strings; {score} is a whole number, {level} and {decision} are of `levels`, {up} and {down} lists of factors.

    `extended_features` are the names of what stands for other things in the extended feature set.
    """

    levels: dict[str, str]
    need: str
    raised: str
    lowered: str
    and_word: str
    decided: str
    unfamiliar: str
    bootstrap: str
    features: dict[str, str]
    extended_features: dict[str, str]
    strengths: tuple[str, str, str, str]


EN = Wording(
    levels={"LOW": "Low", "MEDIUM": "Medium", "HIGH": "High"},
    need="{level} need (score {score} of 100)",
    raised=", raised by {up}",
    lowered=", lowered by {down}",
    and_word=" and ",
    decided=" HR's own decision: {decision}.",
    unfamiliar=" Low confidence: unlike the pairs HR has decided so far.",
    bootstrap=" Learned from the rules, accuracy unknown.",
    features={
        "job_role_name": "the job role",
        "skill_name": "HR's decisions on this skill",
        "skill_category": "the skill's category",
        "job_department": "the department",
        "trend_score": "the market trend",
        "internal_usage": "current use in the role",
        "training_requests": "training requests",
        "scarcity_index": "scarcity in the company",
        "hiring_difficulty": "difficulty of hiring",
        "avg_salary_k": "the salary level",
        "economic_indicator": "the economic outlook",
    },
    extended_features={
        "job_role_name": "what similar job roles need",
        "skill_category": "HR's decisions on the skill's category",
        "job_department": "HR's decisions in the department",
    },
    strengths=("very strong", "strong", "moderate", "limited"),
)
FR = Wording(
    levels={"LOW": "faible", "MEDIUM": "moyen", "HIGH": "élevé"},
    need="Besoin {level} (score {score} sur 100)",
    raised=", renforcé par {up}",
    lowered=", atténué par {down}",
    and_word=" et ",
    decided=" Décision des RH : {decision}.",
    unfamiliar=" Confiance faible : éloigné des cas déjà décidés par les RH.",
    bootstrap=" Appris des règles, exactitude inconnue.",
    features={
        "job_role_name": "le métier",
        "skill_name": "les décisions des RH sur cette compétence",
        "skill_category": "la catégorie de compétence",
        "job_department": "le département métier",
        "trend_score": "la tendance marché",
        "internal_usage": "l'usage interne actuel",
        "training_requests": "les demandes de formation",
        "scarcity_index": "la rareté interne",
        "hiring_difficulty": "la difficulté de recrutement",
        "avg_salary_k": "le niveau de salaire",
        "economic_indicator": "l'indicateur économique",
    },
    extended_features={
        "job_role_name": "les besoins des métiers proches",
        "skill_category": "les décisions des RH sur la catégorie de compétence",
        "job_department": "les décisions des RH dans le département métier",
    },
    strengths=("très forte", "forte", "modérée", "limitée"),
)
WORDINGS: dict[Language, Wording] = {"en": EN, "fr": FR}


def wording_of(language: Language, feature_set: FeatureSet) -> Wording:
    """The words of a language for predictions of a feature set."""
    wording = WORDINGS[language]
    if feature_set == "core":
        return wording
    return replace(wording, features={**wording.features, **wording.extended_features})
