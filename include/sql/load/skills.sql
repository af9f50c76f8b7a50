-- Skills are added and corrected, never removed.
WITH updated AS (
    UPDATE future_skills_skill stored
    SET category = given.category, description = coalesce(given.description, stored.description)
    FROM load_skills given
    WHERE given.name = stored.name
      AND (stored.category, stored.description)
          IS DISTINCT FROM (given.category, coalesce(given.description, stored.description))
    RETURNING 1
), inserted AS (
    INSERT INTO future_skills_skill (name, category, description)
    SELECT name, category, description FROM load_skills given
    WHERE NOT EXISTS (SELECT FROM future_skills_skill stored WHERE stored.name = given.name)
    ORDER BY position
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM updated), 0;
