-- Whose are the values of a row `prediction`? Ours name our batch; where score or text are no longer those kept in the
-- explanation, the HR application has changed them since.
CASE WHEN NOT coalesce(jsonb_typeof(prediction.explanation) = 'object' AND prediction.explanation ? 'batch'
                       AND prediction.explanation ->> 'source' = 'future_skills', false) THEN 'application'
     WHEN prediction.rationale IS NOT DISTINCT FROM prediction.explanation ->> 'text'
          AND prediction.explanation -> 'score' = to_jsonb(prediction.score) THEN 'ours'
     ELSE 'changed' END
