-- What is about to change, kept before it does: moved levels and scores, and rows that are not ours or no longer as we wrote
-- them, as they are now, which may be later than the comparison.
WITH old AS (
    SELECT stage.job_role_id, stage.skill_id, prediction.level, prediction.score, prediction.rationale, prediction.explanation,
           stage.level AS new_level, stage.score AS new_score,
           CASE WHEN jsonb_typeof(prediction.explanation) = 'object' AND prediction.explanation ? 'batch'
                     AND prediction.explanation ->> 'source' = 'future_skills'
                THEN CASE WHEN prediction.rationale IS DISTINCT FROM prediction.explanation ->> 'text'
                               OR prediction.explanation -> 'score' IS DISTINCT FROM to_jsonb(prediction.score) THEN 'restored' END
                ELSE 'taken_over' END AS kind
    FROM {stage} AS stage
    JOIN public.future_skills_futureskillprediction AS prediction
      ON (prediction.job_role_id, prediction.skill_id, prediction.horizon_years)
       = (stage.job_role_id, stage.skill_id, %(horizon_years)s)
    WHERE stage.operation <> 'delete'
), kept AS (
    INSERT INTO future_skills_ops.prediction_change
        (batch_id, job_role_id, skill_id, horizon_years, kind, old_level, new_level, old_score, new_score, old_values)
    SELECT %(batch_id)s, job_role_id, skill_id, %(horizon_years)s, coalesce(kind, 'moved'), level, new_level,
           CASE WHEN score <> 'NaN' THEN score END, new_score,
           CASE WHEN kind IS NOT NULL THEN jsonb_build_object('rationale', rationale, 'explanation', explanation) END
    FROM old
    WHERE kind IS NOT NULL OR level <> new_level OR abs(score - new_score) >= %(change_score)s
    RETURNING kind
)
SELECT count(*) FILTER (WHERE kind = 'restored') AS restored, count(*) FILTER (WHERE kind = 'taken_over') AS taken_over FROM kept
