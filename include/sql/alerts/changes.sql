-- What a batch changed, by department, by skill and in all: pairs that moved, and pairs new in it whose need is high. Those
-- are found by their time of insertion, which is the publication's own.
WITH change AS (
    SELECT job_role_id, skill_id, old_level, new_level, old_score, new_score
    FROM future_skills_ops.prediction_change
    WHERE batch_id = %(batch_id)s AND kind = 'moved'
    UNION ALL
    SELECT job_role_id, skill_id, NULL, level, NULL, score
    FROM public.future_skills_futureskillprediction
    WHERE created_at BETWEEN %(planned_at)s AND %(published_at)s AND level = 'HIGH' AND horizon_years = %(horizon_years)s
      AND explanation ->> 'batch' = %(batch_id)s
), total AS (
    SELECT coalesce(nullif(role.department, ''), 'General') AS department, change.skill_id,
           count(*) FILTER (WHERE old_score IS NOT NULL)::bigint AS moved,
           count(*) FILTER (WHERE new_level = 'HIGH' AND old_level IS DISTINCT FROM 'HIGH')::bigint AS new,
           count(*) FILTER (WHERE old_level = 'HIGH' AND new_level <> 'HIGH')::bigint AS gone,
           coalesce(sum(new_score - old_score), 0) AS change
    FROM change
    LEFT JOIN public.future_skills_jobrole AS role ON role.id = change.job_role_id
    GROUP BY GROUPING SETS ((1), (2), ())
)
SELECT CASE WHEN total.department IS NOT NULL THEN 'department' WHEN total.skill_id IS NOT NULL THEN 'skill' ELSE 'all' END
           AS grouped_by, total.department, coalesce(skill.name, '#' || total.skill_id) AS skill, moved, new, gone, change
FROM total
LEFT JOIN public.future_skills_skill AS skill ON skill.id = total.skill_id
