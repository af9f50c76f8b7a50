-- Trends accumulate over the years; one with the same title, source, year and sector is corrected.
WITH updated AS (
    UPDATE future_skills_markettrend stored
    SET trend_score = given.trend_score, description = coalesce(given.description, stored.description)
    FROM load_market_trends given
    WHERE (given.title, given.source_name, given.year, given.sector)
          = (stored.title, stored.source_name, stored.year, stored.sector)
      AND (stored.trend_score, stored.description)
          IS DISTINCT FROM (given.trend_score, coalesce(given.description, stored.description))
    RETURNING 1
), inserted AS (
    INSERT INTO future_skills_markettrend (title, source_name, year, sector, trend_score, description, created_at)
    SELECT title, source_name, year, sector, trend_score, description, now() FROM load_market_trends given
    WHERE NOT EXISTS (
        SELECT FROM future_skills_markettrend stored
        WHERE (given.title, given.source_name, given.year, given.sector)
              = (stored.title, stored.source_name, stored.year, stored.sector)
    )
    ORDER BY position
    RETURNING 1
)
SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM updated), 0;
