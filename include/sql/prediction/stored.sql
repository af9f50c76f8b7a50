-- What is stored for some job roles: is it ours, and is it still what we wrote?
SELECT job_role_id, skill_id, score, level, ours,
       CASE WHEN ours THEN explanation ->> 'language' END AS language,
       CASE WHEN ours THEN explanation ->> 'decision' END AS decision,
       ours AND rationale IS NOT DISTINCT FROM explanation ->> 'text' AND explanation -> 'score' = to_jsonb(score) AS intact
FROM (
    SELECT *, coalesce(jsonb_typeof(explanation) = 'object' AND explanation ? 'batch'
                       AND explanation ->> 'source' = 'future_skills', false) AS ours
    FROM public.future_skills_futureskillprediction
    WHERE horizon_years = %(horizon_years)s AND job_role_id = ANY(%(job_role_ids)s)
) AS stored
