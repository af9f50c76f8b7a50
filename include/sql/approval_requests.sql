-- Each request as it was asked, with the event that settled it, if any. The caller appends WHERE and ORDER BY.
SELECT asked.request_id, asked.version, asked.digest, asked.evaluation_id, asked.champion_version, asked.requested_by,
       asked.expires_at, coalesce(settled.event, 'requested') AS state, asked.metrics, asked.at AS asked_at,
       settled.actor AS settled_by, settled.dag_run_id AS settled_in,
       CASE WHEN settled.event = 'approved' THEN settled.expires_at END AS valid_until
FROM (SELECT * FROM future_skills_ops.approval WHERE event = 'requested') AS asked
LEFT JOIN (SELECT * FROM future_skills_ops.approval WHERE event IN ('approved', 'rejected', 'expired', 'superseded')) AS settled
       USING (request_id)
