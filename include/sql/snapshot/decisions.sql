-- What HR decided by %(as_of)s: the recommendations for a job role that are no echoes of predictions.
SELECT id AS decision_id, job_role_id, skill_id, horizon_years, priority_level AS level, created_at AS decided_at
FROM public.future_skills_hrinvestmentrecommendation
WHERE job_role_id IS NOT NULL
  AND created_at < %(as_of)s::date + 1
  AND NOT {echo}
ORDER BY id;
