-- Pairs whose role or skill was deleted since the dataset was exported.
DELETE FROM {stage} AS stage
WHERE operation <> 'delete'
  AND (NOT EXISTS (SELECT FROM public.future_skills_jobrole WHERE id = stage.job_role_id)
       OR NOT EXISTS (SELECT FROM public.future_skills_skill WHERE id = stage.skill_id))
