-- Predictions that the HR application had overwritten before a dataset's batch put them right, by name where they still have one.
SELECT DISTINCT change.job_role_id, change.skill_id, role.name AS job_role, skill.name AS skill
FROM future_skills_ops.prediction_change AS change
JOIN future_skills_ops.prediction_batch AS batch USING (batch_id)
LEFT JOIN public.future_skills_jobrole AS role ON role.id = change.job_role_id
LEFT JOIN public.future_skills_skill AS skill ON skill.id = change.skill_id
WHERE batch.dataset_id = %(dataset_id)s AND change.kind = 'restored'
ORDER BY role.name, skill.name, change.job_role_id, change.skill_id
