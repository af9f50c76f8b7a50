-- The predictions of one role (every skill) or of one skill (every role), the highest score first, with what moved lately.
-- All of them are found first, by the index on the role or skill: through the one on scores, it would read most of the table.
-- The rows of the page are chosen before their texts are read.
WITH own AS MATERIALIZED (
    SELECT id, job_role_id, skill_id, score, level
    FROM public.future_skills_futureskillprediction
    WHERE {column} = %(id)s AND horizon_years = %(horizon_years)s
)
SELECT shown.job_role_id, shown.skill_id, role.name AS job_role, role.department, skill.name AS skill, skill.category,
       prediction.score, prediction.level, prediction.rationale, prediction.created_at,
       origin, CASE WHEN origin = 'ours' THEN (prediction.explanation ->> 'confidence')::float END AS confidence,
       origin = 'ours' AND coalesce((prediction.explanation ->> 'low_confidence')::boolean, false) AS low_confidence,
       moved.old_score, moved.old_level
FROM (
    SELECT id, job_role_id, skill_id, score FROM own WHERE %(level)s IS NULL OR level = %(level)s
    ORDER BY score DESC, id
    LIMIT %(limit)s OFFSET %(offset)s
) AS shown
JOIN public.future_skills_futureskillprediction AS prediction USING (id)
CROSS JOIN LATERAL (SELECT {origin} AS origin) AS written
JOIN public.future_skills_jobrole AS role ON role.id = shown.job_role_id
JOIN public.future_skills_skill AS skill ON skill.id = shown.skill_id
LEFT JOIN LATERAL (
    SELECT old_score, old_level FROM future_skills_ops.prediction_change AS change
    WHERE (change.job_role_id, change.skill_id) = (shown.job_role_id, shown.skill_id)
      AND change.horizon_years = %(horizon_years)s AND change.kind = 'moved' AND change.at >= %(since)s
    ORDER BY change.at DESC LIMIT 1
) AS moved ON true
ORDER BY shown.score DESC, shown.id
