SELECT id AS report_id, year, indicator, coalesce(sector, '') AS sector, value
FROM public.future_skills_economicreport
WHERE year <= extract(year FROM %(as_of)s::date)
ORDER BY id;
