-- The newest dataset of a horizon that a chain follows: is a model deployed, was it scored, was that reported?
SELECT dataset.dataset_id, dataset.created_at AS accepted_at, champion.at IS NOT NULL AS deployed, champion.at AS deployed_at,
       batch.finished_at, report.report_id IS NOT NULL AS reported
FROM future_skills_ops.dataset
JOIN future_skills_ops.chain ON chain.chain_id = dataset.dataset_id
LEFT JOIN LATERAL (
    SELECT at FROM future_skills_ops.deployment ORDER BY deployment_id DESC LIMIT 1
) AS champion ON true
LEFT JOIN LATERAL (
    SELECT batch_id, coalesce(published_at, planned_at) AS finished_at
    FROM future_skills_ops.prediction_batch
    WHERE prediction_batch.dataset_id = dataset.dataset_id AND state IN ('published', 'withheld')
    ORDER BY 2
    LIMIT 1
) AS batch ON true
LEFT JOIN LATERAL (
    SELECT report_id FROM future_skills_ops.drift_report
    WHERE drift_report.dataset_id = dataset.dataset_id AND drift_report.horizon_years = dataset.horizon_years
    LIMIT 1
) AS report ON true
WHERE dataset.horizon_years = %(horizon_years)s AND chain.stages -> 'export' IS NULL
ORDER BY dataset.as_of DESC, dataset.created_at DESC
LIMIT 1
