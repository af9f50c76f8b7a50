SELECT coalesce(job_role_id, 0) AS job_role_id, count(*) AS employees
FROM public.future_skills_employee
GROUP BY 1
ORDER BY 1;
