-- What is about to change, kept before it does: moved levels and scores, and rows that were not ours or no longer as we wrote them.
INSERT INTO future_skills_ops.prediction_change
    (batch_id, job_role_id, skill_id, horizon_years, kind, old_level, new_level, old_score, new_score, old_values)
SELECT %(batch_id)s, stage.job_role_id, stage.skill_id, %(horizon_years)s, coalesce(stage.kind, 'moved'),
       old.level, stage.level, CASE WHEN old.score <> 'NaN' THEN old.score END, stage.score,
       CASE WHEN stage.kind IS NOT NULL
            THEN jsonb_build_object('rationale', old.rationale, 'explanation', old.explanation) END
FROM {stage} AS stage
JOIN public.future_skills_futureskillprediction AS old
  ON (old.job_role_id, old.skill_id, old.horizon_years) = (stage.job_role_id, stage.skill_id, %(horizon_years)s)
WHERE stage.operation = 'update'
  AND (stage.kind IS NOT NULL OR old.level <> stage.level OR abs(old.score - stage.score) >= %(change_score)s)
