-- The version approved last, unless that approval was deployed before, or another model is deployed than it was against.
SELECT version
FROM (SELECT version, request_id, champion_version FROM future_skills_ops.approval
      WHERE event = 'approved' ORDER BY event_id DESC LIMIT 1) AS newest
WHERE NOT EXISTS (SELECT FROM future_skills_ops.deployment WHERE deployment.request_id = newest.request_id)
  AND champion_version IS NOT DISTINCT FROM
      (SELECT version FROM future_skills_ops.deployment ORDER BY deployment_id DESC LIMIT 1)
