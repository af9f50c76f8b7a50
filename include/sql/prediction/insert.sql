-- A row that appeared since the comparison is taken; a row that vanished since (an update without its row) is put back.
INSERT INTO public.future_skills_futureskillprediction AS prediction
    (job_role_id, skill_id, horizon_years, score, level, rationale, explanation, created_at)
SELECT job_role_id, skill_id, %(horizon_years)s, score, level, rationale, explanation, now()
FROM {stage} AS stage
WHERE operation = 'insert'
   OR operation = 'update' AND NOT EXISTS (
       SELECT FROM public.future_skills_futureskillprediction AS present
       WHERE (present.job_role_id, present.skill_id, present.horizon_years)
           = (stage.job_role_id, stage.skill_id, %(horizon_years)s))
ORDER BY job_role_id, skill_id
ON CONFLICT (job_role_id, skill_id, horizon_years) DO UPDATE
SET score = EXCLUDED.score, level = EXCLUDED.level, rationale = EXCLUDED.rationale, explanation = EXCLUDED.explanation
