-- Files from before a moment that the ledger names and nothing will ask for again: (folder, name) in the artefact store, a model's
-- files by their URI. Kept are the newest dataset and predictions of each horizon, what a deployed version needs to be deployed
-- again (its files, its training dataset), and what drift is measured against (batch and dataset).
WITH deployed AS (
    SELECT DISTINCT version FROM future_skills_ops.deployment
), references_of_drift AS (
    SELECT reference_batch_id AS batch_id FROM future_skills_ops.drift_report
    UNION
    (SELECT DISTINCT ON (version, pair_scope, horizon_years) batch_id FROM future_skills_ops.prediction_batch
     WHERE state IN ('published', 'withheld') ORDER BY version, pair_scope, horizon_years, planned_at)
), kept_batches AS (
    SELECT batch_id FROM references_of_drift
    UNION
    (SELECT DISTINCT ON (horizon_years) batch_id FROM future_skills_ops.prediction_batch
     WHERE state = 'published' ORDER BY horizon_years, published_at DESC)
    UNION
    SELECT batch_id FROM future_skills_ops.prediction_batch WHERE planned_at >= %(before)s
), kept_versions AS (
    SELECT version FROM deployed
    UNION
    SELECT version FROM future_skills_ops.model_version WHERE created_at >= %(before)s
    UNION
    SELECT version FROM future_skills_ops.approval WHERE at >= %(before)s
), kept_datasets AS (
    (SELECT DISTINCT ON (horizon_years) dataset_id FROM future_skills_ops.dataset ORDER BY horizon_years, created_at DESC)
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
SELECT 'models', artifact ->> 'uri' FROM future_skills_ops.model_version, jsonb_each(artifacts) AS files (part, artifact)
WHERE version NOT IN (SELECT version FROM kept_versions)
