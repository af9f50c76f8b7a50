-- The evaluations since a moment, with the few figures a trend shows; the oldest first.
SELECT evaluation.version, evaluation.evaluated_at, evaluation.population, evaluation.verdict, version.label_source,
       metrics -> 'rows' AS rows, metrics -> 'roles' AS roles, metrics #> '{overall,ap_high}' AS ap_high,
       metrics #> '{overall,macro_f1}' AS macro_f1, metrics #> '{overall,accuracy}' AS accuracy,
       metrics #> '{baselines,rules}' AS rules, metrics #> '{baselines,skill_share}' AS skill_share
FROM future_skills_ops.evaluation AS evaluation
JOIN future_skills_ops.model_version AS version USING (version)
WHERE evaluation.evaluated_at >= %(since)s AND version.horizon_years = %(horizon_years)s
  AND metrics -> 'baselines' IS NOT NULL AND metrics -> 'baselines' <> '{}'
ORDER BY evaluation.evaluated_at
