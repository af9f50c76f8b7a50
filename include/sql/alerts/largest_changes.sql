-- The largest changes of a batch, or the highest of its new high needs, with today's names and the reasons that the rows have
-- now; a role or skill deleted since keeps its number.
WITH change AS (
    SELECT job_role_id, skill_id, old_level, new_level, old_score, new_score
    FROM future_skills_ops.prediction_change
    WHERE batch_id = %(batch_id)s AND kind = 'moved'
      AND (NOT %(only_new_high)s OR new_level = 'HIGH' AND old_level IS DISTINCT FROM 'HIGH')
    UNION ALL
    SELECT job_role_id, skill_id, NULL, level, NULL, score
    FROM public.future_skills_futureskillprediction
    WHERE %(only_new_high)s AND created_at BETWEEN %(planned_at)s AND %(published_at)s AND level = 'HIGH'
      AND horizon_years = %(horizon_years)s AND explanation ->> 'batch' = %(batch_id)s
), largest AS MATERIALIZED (
    SELECT *, CASE WHEN %(only_new_high)s THEN new_score ELSE abs(new_score - old_score) END AS size
    FROM change
    ORDER BY size DESC NULLS LAST, job_role_id, skill_id
    LIMIT %(limit)s
)
SELECT largest.job_role_id, largest.skill_id, coalesce(role.name, '#' || largest.job_role_id) AS job_role,
       coalesce(nullif(role.department, ''), 'General') AS department,
       coalesce(skill.name, '#' || largest.skill_id) AS skill, largest.old_level, largest.new_level,
       largest.old_score, largest.new_score, prediction.explanation -> 'top_factors' AS top_factors
FROM largest
LEFT JOIN public.future_skills_jobrole AS role ON role.id = largest.job_role_id
LEFT JOIN public.future_skills_skill AS skill ON skill.id = largest.skill_id
LEFT JOIN public.future_skills_futureskillprediction AS prediction
  ON (prediction.job_role_id, prediction.skill_id, prediction.horizon_years)
   = (largest.job_role_id, largest.skill_id, %(horizon_years)s)
ORDER BY largest.size DESC NULLS LAST, largest.job_role_id, largest.skill_id
