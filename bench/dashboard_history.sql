-- A year of weeks before the one chain that was really run: its rows again, a week older each, under names of their own.
CREATE TEMPORARY TABLE week AS
SELECT number, number * interval '7 days' AS age, 'w' || lpad(number::text, 2, '0') AS mark, number %% 10 = 0 AS deployed
FROM generate_series(1, %(weeks)s) AS number;

INSERT INTO future_skills_ops.chain (chain_id, origin, requested_by, dag_run_id, started_at, stages)
SELECT mark || '-' || chain_id, 'schedule', NULL, mark || '-' || dag_run_id, started_at - age, stages
FROM future_skills_ops.chain CROSS JOIN week;

INSERT INTO future_skills_ops.dataset
SELECT (dataset).* FROM (
    SELECT jsonb_populate_record(dataset, jsonb_build_object('dataset_id', mark || '-' || dataset_id,
        'as_of', as_of - number * 7, 'created_at', created_at - age)) AS dataset
    FROM future_skills_ops.dataset CROSS JOIN week) AS made;

INSERT INTO future_skills_ops.model_version
SELECT (version).* FROM (
    SELECT jsonb_populate_record(model_version, jsonb_build_object('version', mark, 'number', 1000 - week.number,
        'dataset_id', mark || '-' || dataset_id, 'request_key', mark || request_key, 'created_at', created_at - age)) AS version
    FROM future_skills_ops.model_version CROSS JOIN week) AS made;

INSERT INTO future_skills_ops.evaluation
    (version, dataset_id, request_key, population, mode, metrics, checks, verdict, gate_mode, evaluated_at, judged_at)
SELECT mark, mark || '-' || dataset_id, mark || request_key, population, mode,
       jsonb_set(metrics, '{overall,ap_high,value}', to_jsonb((metrics #>> '{overall,ap_high,value}')::float - 0.04 * random())),
       checks, CASE WHEN deployed THEN 'promote' ELSE 'keep' END, gate_mode, evaluated_at - age, judged_at - age
FROM future_skills_ops.evaluation CROSS JOIN week;

INSERT INTO future_skills_ops.deployment (version, kind, digest, request_key, actor, at) OVERRIDING SYSTEM VALUE
SELECT mark, 'deploy', digest, mark || request_key, actor, at - age
FROM future_skills_ops.deployment CROSS JOIN week WHERE deployed ORDER BY at - age;
INSERT INTO future_skills_ops.deployment (version, kind, digest, request_key, actor)
SELECT version, kind, digest, 'again', actor FROM future_skills_ops.deployment ORDER BY deployment_id LIMIT 1;

INSERT INTO future_skills_ops.prediction_batch
SELECT (batch).* FROM (
    SELECT jsonb_populate_record(prediction_batch, jsonb_build_object('batch_id', mark || '-' || batch_id,
        'dataset_id', mark || '-' || dataset_id, 'planned_at', planned_at - age, 'published_at', published_at - age)) AS batch
    FROM future_skills_ops.prediction_batch CROSS JOIN week) AS made;

INSERT INTO future_skills_ops.shard
SELECT mark || '-' || batch_id, shard.number, job_role_ids, pairs, counts, scored_at - age
FROM future_skills_ops.shard CROSS JOIN week;

INSERT INTO future_skills_ops.drift_report
    (dataset_id, batch_id, reference_batch_id, version, horizon_years, columns, drifted, unknown, counted, html_uri, json_uri, created_at)
SELECT mark || '-' || dataset_id, mark || '-' || batch_id, reference_batch_id, version, horizon_years,
       (SELECT jsonb_object_agg(key, value || jsonb_build_object('value', moved, 'drift', moved > (value ->> 'threshold')::float))
        FROM (SELECT key, value, (value ->> 'threshold')::float * 1.1 * abs(sin(week.number * length(key))) AS moved
              FROM jsonb_each(columns)) AS each_column),
       week.number %% 9 = 0, false, counted, html_uri, json_uri, created_at - age
FROM future_skills_ops.drift_report CROSS JOIN week;

INSERT INTO future_skills_ops.outbox (cause, period, recipient, subject, text_part, html_part, message_id, created_at, attempts, sent_at)
SELECT 'digest', mark || copy, 'drh@example.com', 'Future skills: new predictions', repeat('text ', 400), repeat('<p>html</p> ', 400),
       mark || copy, now() - age, 1, now() - age
FROM week CROSS JOIN generate_series(1, 10) AS copy;
