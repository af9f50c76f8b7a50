-- What moved in a batch, with today's names; a role or skill deleted since keeps its number.
SELECT coalesce(role.name, '#' || change.job_role_id) AS job_role, coalesce(skill.name, '#' || change.skill_id) AS skill,
       change.old_level, change.new_level, change.old_score, change.new_score
FROM future_skills_ops.prediction_change AS change
LEFT JOIN public.future_skills_jobrole AS role ON role.id = change.job_role_id
LEFT JOIN public.future_skills_skill AS skill ON skill.id = change.skill_id
WHERE change.batch_id = %(batch_id)s AND change.kind = 'moved'
  AND (NOT %(only_new_high)s OR change.new_level = 'HIGH' AND change.old_level IS DISTINCT FROM 'HIGH')
ORDER BY CASE WHEN %(only_new_high)s THEN change.new_score ELSE abs(change.new_score - change.old_score) END DESC NULLS LAST,
         change.job_role_id, change.skill_id
LIMIT %(limit)s
