SELECT id AS trend_id, year, sector, trend_score
FROM public.future_skills_markettrend
WHERE year <= extract(year FROM %(as_of)s::date)
ORDER BY id;
