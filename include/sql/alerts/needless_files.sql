-- What the ledger names from before a moment and nothing will ask for again, as (folder of the store, name; of models: version).
-- Kept are the newest dataset and predictions of each horizon, what a version that was deployed, asked about lately or may still be
-- approved needs (its files, its training dataset), and what drift may be measured against (see drift/first_batch.sql).
WITH kept_versions AS (
    SELECT version FROM future_skills_ops.deployment
    UNION
    SELECT version FROM future_skills_ops.model_version WHERE created_at >= %(before)s
    UNION
    SELECT version FROM future_skills_ops.approval WHERE at >= %(before)s OR expires_at >= now()
), batches AS (
    SELECT batch.*, report.unknown, report.missing
    FROM future_skills_ops.prediction_batch AS batch
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS unknown, count(*) FILTER (WHERE facts ->> 'problem' = 'missing') = count(*) AS missing
        FROM future_skills_ops.drift_report AS report, jsonb_each(report.columns) AS watched (name, facts)
        WHERE report.batch_id = batch.batch_id AND facts -> 'drift' = 'null'
          AND coalesce((facts #>> '{missing,current}')::bigint, 1) > 0) AS report
    WHERE batch.state IN ('published', 'withheld')
), kept_batches AS (
    SELECT reference_batch_id AS batch_id FROM future_skills_ops.drift_report
    UNION
    (SELECT DISTINCT ON (version, pair_scope, horizon_years) batch_id FROM batches WHERE NOT unknown
     ORDER BY version, pair_scope, horizon_years, planned_at)
    UNION
    (SELECT DISTINCT ON (version, pair_scope, horizon_years) batch_id FROM batches WHERE missing
     ORDER BY version, pair_scope, horizon_years, planned_at)
    UNION
    (SELECT DISTINCT ON (horizon_years) batch_id FROM batches WHERE state = 'published' ORDER BY horizon_years, published_at DESC)
    UNION
    SELECT batch_id FROM future_skills_ops.prediction_batch WHERE planned_at >= %(before)s
), kept_datasets AS (
    (SELECT DISTINCT ON (horizon_years) dataset_id
     FROM future_skills_ops.dataset JOIN future_skills_ops.chain ON chain_id = dataset_id
     WHERE NOT stages ? 'export' ORDER BY horizon_years, as_of DESC, created_at DESC)
    UNION
    (SELECT dataset_id FROM future_skills_ops.dataset ORDER BY created_at DESC LIMIT 1)  -- by it a ledger knows its store
    UNION
    SELECT dataset_id FROM future_skills_ops.model_version JOIN kept_versions USING (version)
    UNION
    SELECT dataset_id FROM future_skills_ops.prediction_batch JOIN kept_batches USING (batch_id)
)
SELECT 'datasets' AS folder, dataset_id AS name FROM future_skills_ops.dataset
WHERE created_at < %(before)s AND dataset_id NOT IN (SELECT dataset_id FROM kept_datasets)
UNION ALL
SELECT 'batches', batch_id FROM future_skills_ops.prediction_batch WHERE batch_id NOT IN (SELECT batch_id FROM kept_batches)
UNION ALL
SELECT 'reports', batch_id FROM future_skills_ops.drift_report GROUP BY batch_id HAVING max(created_at) < %(before)s
UNION ALL
SELECT 'experiments', experiment_id::text FROM future_skills_ops.experiment WHERE created_at < %(before)s
UNION ALL
SELECT 'models', version FROM future_skills_ops.model_version WHERE version NOT IN (SELECT version FROM kept_versions)
