-- Predictions to take away: of a role, of a skill, or of a level over the whole company.
SELECT role.name AS job_role, role.department, skill.name AS skill, skill.category, prediction.horizon_years, prediction.score,
       prediction.level, prediction.rationale, prediction.explanation ->> 'confidence' AS confidence,
       coalesce(prediction.explanation ->> 'low_confidence', 'false') AS low_confidence,
       prediction.explanation ->> 'decision' AS decision, prediction.explanation ->> 'version' AS version,
       prediction.explanation ->> 'batch' AS batch
FROM public.future_skills_futureskillprediction AS prediction
JOIN public.future_skills_jobrole AS role ON role.id = prediction.job_role_id
JOIN public.future_skills_skill AS skill ON skill.id = prediction.skill_id
WHERE prediction.horizon_years = %(horizon_years)s AND {chosen}
ORDER BY {order}
