DELETE FROM public.future_skills_futureskillprediction AS prediction
USING {stage} AS stage
WHERE stage.operation = 'delete'
  AND (prediction.job_role_id, prediction.skill_id, prediction.horizon_years)
    = (stage.job_role_id, stage.skill_id, %(horizon_years)s)
  AND prediction.explanation ? 'batch' AND prediction.explanation ->> 'source' = 'future_skills'
