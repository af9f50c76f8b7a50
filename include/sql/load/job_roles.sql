-- Roles are added and corrected, never removed.
WITH updated AS (
    UPDATE future_skills_jobrole stored
    SET department = given.department, description = coalesce(given.description, stored.description)
    FROM load_job_roles given
    WHERE given.name = stored.name
      AND (stored.department, stored.description)
          IS DISTINCT FROM (given.department, coalesce(given.description, stored.description))
    RETURNING 1
), inserted AS (
    INSERT INTO future_skills_jobrole (name, department, description)
    SELECT name, department, description FROM load_job_roles given
    WHERE NOT EXISTS (SELECT FROM future_skills_jobrole stored WHERE stored.name = given.name)
    ORDER BY position
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM updated), 0;
