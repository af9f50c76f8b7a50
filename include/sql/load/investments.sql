-- HR's decisions on pairs are exactly those given; company-wide ones (without a role) are not ours to change.
WITH given AS (
    SELECT load.*, role.id AS job_role_id, skill.id AS skill_id
    FROM load_investments load
    JOIN future_skills_jobrole role ON role.name = load.job_role
    JOIN future_skills_skill skill ON skill.name = load.skill
), removed AS (
    DELETE FROM future_skills_hrinvestmentrecommendation stored
    WHERE stored.job_role_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM given WHERE (given.job_role_id, given.skill_id, given.horizon_years)
                              = (stored.job_role_id, stored.skill_id, stored.horizon_years)
    )
    RETURNING 1
), updated AS (
    UPDATE future_skills_hrinvestmentrecommendation stored
    SET priority_level = given.priority_level, recommended_action = given.recommended_action,
        rationale = given.rationale, created_at = given.created_at
    FROM given
    WHERE (given.job_role_id, given.skill_id, given.horizon_years) = (stored.job_role_id, stored.skill_id, stored.horizon_years)
      AND (stored.priority_level, stored.recommended_action, stored.rationale, stored.created_at)
          IS DISTINCT FROM (given.priority_level, given.recommended_action, given.rationale, given.created_at)
    RETURNING 1
), inserted AS (
    INSERT INTO future_skills_hrinvestmentrecommendation
        (horizon_years, priority_level, recommended_action, rationale, created_at, job_role_id, skill_id)
    SELECT horizon_years, priority_level, recommended_action, rationale, created_at, job_role_id, skill_id FROM given
    WHERE NOT EXISTS (
        SELECT FROM future_skills_hrinvestmentrecommendation stored
        WHERE (given.job_role_id, given.skill_id, given.horizon_years) = (stored.job_role_id, stored.skill_id, stored.horizon_years)
    )
    ORDER BY position
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM updated), (SELECT count(*) FROM removed);
