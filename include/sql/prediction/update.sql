UPDATE public.future_skills_futureskillprediction AS prediction
SET score = stage.score, level = stage.level, rationale = stage.rationale, explanation = stage.explanation
FROM (SELECT * FROM {stage} WHERE operation = 'update' ORDER BY job_role_id, skill_id) AS stage
WHERE (prediction.job_role_id, prediction.skill_id, prediction.horizon_years)
    = (stage.job_role_id, stage.skill_id, %(horizon_years)s)
  AND (prediction.score, prediction.level, prediction.rationale, prediction.explanation)
      IS DISTINCT FROM (stage.score, stage.level, stage.rationale, stage.explanation)
