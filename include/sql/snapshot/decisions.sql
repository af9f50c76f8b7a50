-- What HR decided by %(as_of)s. Recommendations that the application generated from predictions are echoes, not decisions:
-- their rationale is the prediction's, with our signature or the application's own wording.
SELECT id AS decision_id, job_role_id, skill_id, horizon_years, priority_level AS level, created_at AS decided_at
FROM public.future_skills_hrinvestmentrecommendation
WHERE job_role_id IS NOT NULL
  AND created_at < %(as_of)s::date + 1
  AND NOT coalesce(rationale LIKE '%%' || %(signature)s, false)
  AND NOT coalesce(rationale LIKE 'Prédiction basée sur les tendances marché (score=%%', false)
  AND NOT coalesce(rationale ~ '^ML prediction based on \d+-year horizon', false)
ORDER BY id;
