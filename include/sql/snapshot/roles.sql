SELECT id AS job_role_id, name AS job_role_name, coalesce(nullif(trim(department), ''), 'General') AS job_department
FROM public.future_skills_jobrole
ORDER BY id;
