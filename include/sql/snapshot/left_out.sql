-- Recommendations that are no labels: company-wide ones, and echoes of predictions.
SELECT count(*) FILTER (WHERE job_role_id IS NULL) AS company_wide,
       count(*) FILTER (WHERE job_role_id IS NOT NULL AND {echo}) AS echoes
FROM public.future_skills_hrinvestmentrecommendation
WHERE created_at < %(as_of)s::date + 1;
