-- The first other batch of a version, scope and horizon whose own data was whole, or had values missing at most, as its report
-- says: a column that is unknown only because the reference misses values says nothing against it.
SELECT batch.*
FROM future_skills_ops.prediction_batch AS batch
WHERE (batch.version, batch.pair_scope, batch.horizon_years) = (%(version)s, %(pair_scope)s, %(horizon_years)s)
  AND batch.state IN ('published', 'withheld') AND batch.batch_id <> %(batch_id)s AND batch.planned_at <= %(planned_at)s
  AND NOT EXISTS (
      SELECT FROM future_skills_ops.drift_report AS report, jsonb_each(report.columns) AS watched (name, facts)
      WHERE report.batch_id = batch.batch_id AND facts -> 'drift' = 'null'
        AND coalesce((facts #>> '{missing,current}')::bigint, 1) > 0
        AND (%(whole)s OR facts ->> 'problem' IS DISTINCT FROM 'missing'))
ORDER BY batch.planned_at
LIMIT 1
