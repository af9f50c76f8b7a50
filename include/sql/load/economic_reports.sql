-- Reports accumulate over the years; one with the same title, source, year, sector and indicator is corrected.
WITH updated AS (
    UPDATE future_skills_economicreport stored
    SET value = given.value
    FROM load_economic_reports given
    WHERE (given.title, given.source_name, given.year, given.indicator)
          = (stored.title, stored.source_name, stored.year, stored.indicator)
      AND stored.sector IS NOT DISTINCT FROM given.sector
      AND stored.value IS DISTINCT FROM given.value
    RETURNING 1
), inserted AS (
    INSERT INTO future_skills_economicreport (title, source_name, year, indicator, value, sector, created_at)
    SELECT title, source_name, year, indicator, value, sector, now() FROM load_economic_reports given
    WHERE NOT EXISTS (
        SELECT FROM future_skills_economicreport stored
        WHERE (given.title, given.source_name, given.year, given.indicator)
              = (stored.title, stored.source_name, stored.year, stored.indicator)
          AND stored.sector IS NOT DISTINCT FROM given.sector
    )
    ORDER BY position
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM updated), 0;
