-- Versions that something has lately happened to; a deployment happens to the version it ends too.
SELECT version FROM (SELECT version FROM future_skills_ops.evaluation ORDER BY evaluation_id DESC LIMIT %(recent)s) AS evaluated
UNION
SELECT version FROM (SELECT version FROM future_skills_ops.approval ORDER BY event_id DESC LIMIT %(recent)s) AS asked
UNION
SELECT unnest(ARRAY[version, previous_version])
FROM (SELECT version, previous_version FROM future_skills_ops.deployment ORDER BY deployment_id DESC LIMIT %(recent)s) AS deployed
EXCEPT
SELECT NULL  -- the first deployment ended nothing
