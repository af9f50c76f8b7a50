-- A page of the registry, newest first: each version with its newest evaluation, its newest approval event and its deployments.
SELECT version.version, version.estimator, version.preprocessing, version.feature_set, version.label_source, version.created_at,
       version.requested_by, version.libraries, evaluation.verdict, evaluation.checks,
       evaluation.evaluated_at, evaluation.population,
       evaluation.metrics -> 'rows' AS rows, evaluation.metrics -> 'roles' AS roles,
       evaluation.metrics #> '{overall,ap_high}' AS ap_high, evaluation.metrics #> '{overall,macro_f1}' AS macro_f1,
       evaluation.metrics #> '{baselines,rules,ap_high}' AS rules_ap_high,
       approval.event, approval.actor AS approval_actor, approval.at AS approval_at,
       deployment.kind, deployment.actor AS deployment_actor, deployment.at AS deployed_at
FROM future_skills_ops.model_version AS version
LEFT JOIN LATERAL (
    SELECT * FROM future_skills_ops.evaluation WHERE evaluation.version = version.version ORDER BY evaluation_id DESC LIMIT 1
) AS evaluation ON true
LEFT JOIN LATERAL (
    SELECT * FROM future_skills_ops.approval
    WHERE approval.version = version.version AND event <> 'refused' ORDER BY event_id DESC LIMIT 1
) AS approval ON true
LEFT JOIN LATERAL (
    SELECT * FROM future_skills_ops.deployment WHERE deployment.version = version.version ORDER BY deployment_id DESC LIMIT 1
) AS deployment ON true
ORDER BY version.number DESC
LIMIT %(limit)s OFFSET %(offset)s
