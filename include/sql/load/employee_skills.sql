-- The skills an employee holds are exactly those given.
WITH given AS (
    SELECT DISTINCT employee.id AS employee_id, skill.id AS skill_id
    FROM load_employees load
    JOIN future_skills_employee employee ON employee.email = load.email
    CROSS JOIN LATERAL jsonb_array_elements_text(load.skills) AS held (name)
    JOIN future_skills_skill skill ON skill.name = held.name
), removed AS (
    DELETE FROM future_skills_employee_skills stored
    WHERE NOT EXISTS (
        SELECT FROM given WHERE (given.employee_id, given.skill_id) = (stored.employee_id, stored.skill_id)
    )
    RETURNING 1
), inserted AS (
    INSERT INTO future_skills_employee_skills (employee_id, skill_id)
    SELECT employee_id, skill_id FROM given
    WHERE NOT EXISTS (
        SELECT FROM future_skills_employee_skills stored
        WHERE (given.employee_id, given.skill_id) = (stored.employee_id, stored.skill_id)
    )
    ORDER BY employee_id, skill_id
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted), 0, (SELECT count(*) FROM removed);
