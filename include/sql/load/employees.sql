-- Employees are exactly those given; department and position come from their role.
WITH given AS (
    SELECT load.*, role.id AS job_role_id, coalesce(role.department, 'General') AS department
    FROM load_employees load JOIN future_skills_jobrole role ON role.name = load.job_role
), removed_skills AS (
    DELETE FROM future_skills_employee_skills link
    USING future_skills_employee stored
    WHERE stored.id = link.employee_id AND NOT EXISTS (SELECT FROM load_employees load WHERE load.email = stored.email)
), removed AS (
    DELETE FROM future_skills_employee stored
    WHERE NOT EXISTS (SELECT FROM load_employees load WHERE load.email = stored.email)
    RETURNING 1
), updated AS (
    UPDATE future_skills_employee stored
    SET name = given.name, department = given.department, position = given.job_role,
        current_skills = given.skills, job_role_id = given.job_role_id
    FROM given
    WHERE given.email = stored.email
      AND (stored.name, stored.department, stored.position, stored.current_skills, stored.job_role_id)
          IS DISTINCT FROM (given.name, given.department, given.job_role, given.skills, given.job_role_id)
    RETURNING 1
), inserted AS (
    INSERT INTO future_skills_employee (name, email, department, position, current_skills, date_joined, job_role_id)
    SELECT name, email, department, job_role, skills, now(), job_role_id FROM given
    WHERE NOT EXISTS (SELECT FROM future_skills_employee stored WHERE stored.email = given.email)
    ORDER BY position
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM updated), (SELECT count(*) FROM removed);
