-- Predictions to take away: of a role, of a skill, or of a level over the whole company. What we said of another score than the
-- one that is there now is left out.
SELECT role.name AS job_role, role.department, skill.name AS skill, skill.category, prediction.horizon_years, prediction.score,
       prediction.level, prediction.rationale, written.origin, ours.explanation ->> 'confidence' AS confidence,
       coalesce(ours.explanation ->> 'low_confidence', 'false') AS low_confidence, ours.explanation ->> 'decision' AS decision,
       ours.explanation ->> 'version' AS version, ours.explanation ->> 'batch' AS batch
FROM public.future_skills_futureskillprediction AS prediction
JOIN public.future_skills_jobrole AS role ON role.id = prediction.job_role_id
JOIN public.future_skills_skill AS skill ON skill.id = prediction.skill_id
CROSS JOIN LATERAL (SELECT {origin} AS origin) AS written
CROSS JOIN LATERAL (SELECT CASE WHEN written.origin = 'ours' THEN prediction.explanation END AS explanation) AS ours
WHERE prediction.horizon_years = %(horizon_years)s AND {chosen}
ORDER BY {order}
