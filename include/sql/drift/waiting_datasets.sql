-- Datasets whose decisions are not measured yet, oldest first, up to the named one and after the newest that is; with the one
-- before each, and the version whose predictions were the newest when it was exported.
WITH ordered AS (
    SELECT dataset_id, as_of, dataset.created_at, stages ? 'realised' AS realised,
           lag(dataset_id) OVER (ORDER BY as_of, dataset.created_at) AS previous_id
    FROM future_skills_ops.dataset JOIN future_skills_ops.chain ON chain_id = dataset_id
    WHERE horizon_years = %(horizon_years)s AND NOT stages ? 'export'
)
SELECT waiting.dataset_id, waiting.previous_id,
       (SELECT version FROM future_skills_ops.prediction_batch AS batch
        WHERE batch.horizon_years = %(horizon_years)s AND batch.state IN ('published', 'withheld')
          AND coalesce(batch.published_at, batch.planned_at) < waiting.created_at
        ORDER BY coalesce(batch.published_at, batch.planned_at) DESC LIMIT 1) AS version
FROM ordered AS waiting
WHERE (as_of, created_at) <= (SELECT as_of, created_at FROM ordered WHERE dataset_id = %(dataset_id)s)
  AND (as_of, created_at) > ALL (SELECT as_of, created_at FROM ordered WHERE realised)
ORDER BY as_of, created_at
