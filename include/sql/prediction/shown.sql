-- What the HR application shows now: our predictions as we published them, ours that it has overwritten, and its own.
SELECT count(*) FILTER (WHERE ours AND intact) AS published,
       count(*) FILTER (WHERE ours AND NOT intact) AS overwritten,
       count(*) FILTER (WHERE NOT ours) AS others
FROM (
    SELECT coalesce(jsonb_typeof(explanation) = 'object' AND explanation ? 'batch'
                    AND explanation ->> 'source' = 'future_skills', false) AS ours,
           coalesce(rationale IS NOT DISTINCT FROM explanation ->> 'text' AND explanation -> 'score' = to_jsonb(score),
                    false) AS intact
    FROM public.future_skills_futureskillprediction
    WHERE horizon_years = %(horizon_years)s
) AS stored;
