-- How many employees of a role hold a skill; role 0 stands for employees without one. The application keeps skills in two
-- places, the link table and the names in current_skills: a person holds the union. No name or address leaves this query.
WITH held AS (
    SELECT employee.id AS employee_id, employee.job_role_id, link.skill_id
    FROM public.future_skills_employee employee
    JOIN public.future_skills_employee_skills link ON link.employee_id = employee.id
    UNION
    SELECT employee.id, employee.job_role_id, skill.id
    FROM public.future_skills_employee employee
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(employee.current_skills) WHEN 'array' THEN employee.current_skills ELSE '[]' END
    ) AS current (name)
    JOIN public.future_skills_skill skill ON skill.name = current.name
)
SELECT coalesce(job_role_id, 0) AS job_role_id, skill_id, count(*) AS employees
FROM held
GROUP BY 1, 2
ORDER BY 1, 2;
