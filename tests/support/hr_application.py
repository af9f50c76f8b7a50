"""What the HR application does to the tables it shares with the pipeline, as its code does it."""

from psycopg2.extensions import connection as Connection

from future_skills.database import execute

RECOMMENDATIONS = "public.future_skills_hrinvestmentrecommendation"
PREDICTIONS = "public.future_skills_futureskillprediction"

_GENERATE = f"""
INSERT INTO {RECOMMENDATIONS}
    (job_role_id, skill_id, horizon_years, priority_level, recommended_action, budget_hint, rationale, created_at)
SELECT job_role_id, skill_id, horizon_years, level, action, NULL,
       coalesce(nullif(rationale, ''), format(
           'Basée sur un score de %%s et un niveau %%s, il est recommandé de %%s pour %%s à horizon %%s ans.',
           score, level, action, skill, horizon_years)),
       now()
FROM (
    SELECT predicted.*, skill.name AS skill,
           CASE WHEN role.department ILIKE '%%rh%%' OR skill.category ILIKE '%%soft%%' THEN 'TRAINING' ELSE 'HIRING' END AS action
    FROM {PREDICTIONS} AS predicted
    JOIN public.future_skills_jobrole AS role ON role.id = predicted.job_role_id
    JOIN public.future_skills_skill AS skill ON skill.id = predicted.skill_id
    WHERE horizon_years = %(horizon_years)s AND level = 'HIGH'
) AS needed
ON CONFLICT (job_role_id, skill_id, horizon_years) DO UPDATE
SET priority_level = excluded.priority_level, recommended_action = excluded.recommended_action,
    budget_hint = NULL, rationale = excluded.rationale
"""


def generate_recommendations(connection: Connection, horizon_years: int = 5) -> int:
    """Recommend what is predicted HIGH, over whatever stands there, a human's decision too; returns the rows. Commits."""
    rows = execute(connection, _GENERATE, {"horizon_years": horizon_years})
    connection.commit()
    return rows


def recalculate(connection: Connection, *, every: int = 1, high_from: float = 70, horizon_years: int = 5) -> int:
    """Predict anew by the rules, for each `every`-th stored row: score, level and rationale, nothing else. Commits."""
    rows = execute(
        connection,
        f"UPDATE {PREDICTIONS} SET score = 54 + id %% 30,"
        " level = CASE WHEN 54 + id %% 30 >= %(high_from)s THEN 'HIGH' ELSE 'MEDIUM' END,"
        " rationale = 'Prédiction basée sur les tendances marché (score=0.90), l''utilisation interne estimée (score=0.40).'"
        " WHERE horizon_years = %(horizon_years)s AND id %% %(every)s = 0",
        {"every": every, "high_from": high_from, "horizon_years": horizon_years},
    )
    connection.commit()
    return rows
