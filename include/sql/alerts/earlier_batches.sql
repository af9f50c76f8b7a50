SELECT batch_id, version, pair_scope, published_at,
       coalesce((levels #>> '{decided,HIGH}')::bigint, 0) + coalesce((levels #>> '{undecided,HIGH}')::bigint, 0) AS high
FROM future_skills_ops.prediction_batch
WHERE state = 'published' AND horizon_years = %(horizon_years)s AND published_at < %(published_at)s
ORDER BY published_at DESC
LIMIT %(limit)s
