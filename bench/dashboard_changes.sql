-- What moved in each week: about 1 in 100 pairs, in the newest week 1 in 20 more.
INSERT INTO future_skills_ops.prediction_change
    (batch_id, job_role_id, skill_id, horizon_years, kind, old_level, new_level, old_score, new_score, at)
SELECT batch.batch_id, prediction.job_role_id, prediction.skill_id, 5, 'moved', 'LOW', prediction.level,
       prediction.score * random(), prediction.score, batch.published_at
FROM public.future_skills_futureskillprediction AS prediction
JOIN (
    SELECT batch_id, published_at, row_number() OVER (ORDER BY published_at DESC) - 1 AS age
    FROM future_skills_ops.prediction_batch
) AS batch ON batch.age = CASE WHEN prediction.id %% 20 = 1 THEN 0 ELSE prediction.id / 2 %% 53 END
WHERE prediction.id %% 2 = 0 OR prediction.id %% 20 = 1;
