INSERT INTO future_skills_ops.realised_performance
    (version, dataset_id, week, horizon_years, population, decisions, metrics)
VALUES (%(version)s, %(dataset_id)s, %(week)s, %(horizon_years)s, %(population)s, %(decisions)s, %(metrics)s)
ON CONFLICT (version, week, population) DO UPDATE
SET dataset_id = EXCLUDED.dataset_id, decisions = EXCLUDED.decisions, metrics = EXCLUDED.metrics, created_at = now()
