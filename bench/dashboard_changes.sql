-- What moved in each week: 1 in 100 pairs, in the newest week 1 in 20.
INSERT INTO future_skills_ops.prediction_change
    (batch_id, job_role_id, skill_id, horizon_years, kind, old_level, new_level, old_score, new_score, at)
SELECT batch.batch_id, prediction.job_role_id, prediction.skill_id, 5, 'moved', 'LOW', prediction.level,
       prediction.score * random(), prediction.score, batch.published_at
FROM (SELECT batch_id, published_at, row_number() OVER (ORDER BY published_at DESC) AS age FROM future_skills_ops.prediction_batch) AS batch
JOIN public.future_skills_futureskillprediction AS prediction
  ON prediction.id %% (CASE WHEN batch.age = 1 THEN 20 ELSE 100 END) = batch.age %% 20;
