-- The high needs by department, by skill and in all, in one pass over their rows (the index on level finds them). `needed`
-- counts an employee once for each high need of their role, `held` those who hold the skill.
WITH usage AS MATERIALIZED ({usage}),
role_size AS MATERIALIZED ({role_sizes}),
need AS (
    SELECT coalesce(nullif(role.department, ''), 'General') AS department, prediction.skill_id,
           coalesce(role_size.employees, 0) AS needed, coalesce(usage.employees, 0) AS held
    FROM public.future_skills_futureskillprediction AS prediction
    JOIN public.future_skills_jobrole AS role ON role.id = prediction.job_role_id
    LEFT JOIN role_size ON role_size.job_role_id = prediction.job_role_id
    LEFT JOIN usage ON (usage.job_role_id, usage.skill_id) = (prediction.job_role_id, prediction.skill_id)
    WHERE prediction.level = 'HIGH' AND prediction.horizon_years = %(horizon_years)s
), total AS (
    SELECT department, skill_id, count(*)::bigint AS needs,
           coalesce(sum(needed), 0)::bigint AS needed, coalesce(sum(held), 0)::bigint AS held
    FROM need
    GROUP BY GROUPING SETS ((department), (skill_id), ())
)
SELECT CASE WHEN total.department IS NOT NULL THEN 'department' WHEN total.skill_id IS NOT NULL THEN 'skill' ELSE 'all' END
           AS grouped_by, total.department, skill.name AS skill, total.needs, total.needed, total.held
FROM total
LEFT JOIN public.future_skills_skill AS skill ON skill.id = total.skill_id
ORDER BY total.needs DESC, skill.name
