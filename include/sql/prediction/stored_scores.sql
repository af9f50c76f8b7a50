-- What readers see now for some job roles, whoever wrote it.
SELECT job_role_id, skill_id, score, level
FROM public.future_skills_futureskillprediction
WHERE horizon_years = %(horizon_years)s AND job_role_id = ANY(%(job_role_ids)s)
