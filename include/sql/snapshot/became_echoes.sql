-- How many of these decisions, named by their ids, are echoes of predictions by now.
SELECT count(*)
FROM public.future_skills_hrinvestmentrecommendation
WHERE id = ANY(%(decision_ids)s) AND {echo};
