-- What one load brings, for the length of its transaction.
CREATE TEMPORARY TABLE load_job_roles (position int, name text, department text, description text) ON COMMIT DROP;
CREATE TEMPORARY TABLE load_skills (position int, name text, category text, description text) ON COMMIT DROP;
CREATE TEMPORARY TABLE load_market_trends (
    position int, title text, source_name text, year int, sector text, trend_score double precision, description text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE load_economic_reports (
    position int, title text, source_name text, year int, indicator text, value double precision, sector text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE load_employees (position int, name text, email text, job_role text, skills jsonb) ON COMMIT DROP;
CREATE TEMPORARY TABLE load_investments (
    position int, job_role text, skill text, horizon_years int, priority_level text, recommended_action text,
    rationale text, created_at timestamptz
) ON COMMIT DROP;
