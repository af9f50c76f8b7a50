SELECT id AS skill_id, name AS skill_name, coalesce(nullif(trim(category), ''), 'General') AS skill_category
FROM public.future_skills_skill
ORDER BY id;
