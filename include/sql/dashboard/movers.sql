-- What moved furthest in one batch.
SELECT change.job_role_id, change.skill_id, coalesce(role.name, '#' || change.job_role_id) AS job_role,
       coalesce(skill.name, '#' || change.skill_id) AS skill, change.old_level, change.new_level, change.old_score, change.new_score
FROM (
    SELECT * FROM future_skills_ops.prediction_change
    WHERE batch_id = %(batch_id)s AND kind = 'moved'
    ORDER BY abs(new_score - old_score) DESC NULLS LAST
    LIMIT %(limit)s
) AS change
LEFT JOIN public.future_skills_jobrole AS role ON role.id = change.job_role_id
LEFT JOIN public.future_skills_skill AS skill ON skill.id = change.skill_id
ORDER BY abs(change.new_score - change.old_score) DESC NULLS LAST, change.job_role_id, change.skill_id
