-- The role through which the dashboard reads: predictions, the names of roles and skills, and the ledger. It knows no employee
-- and no recommendation, and cannot write. Choose a password for it too, or another way to sign in.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'future_skills_dashboard') THEN
        CREATE ROLE future_skills_dashboard LOGIN;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO future_skills_dashboard', current_database());
END $$;
ALTER ROLE future_skills_dashboard SET default_transaction_read_only = on;
GRANT USAGE ON SCHEMA public, {schema} TO future_skills_dashboard;
GRANT SELECT (id, name, department) ON public.future_skills_jobrole TO future_skills_dashboard;
GRANT SELECT (id, name, category) ON public.future_skills_skill TO future_skills_dashboard;
GRANT SELECT ON public.future_skills_futureskillprediction TO future_skills_dashboard;
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO future_skills_dashboard;
ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {schema} GRANT SELECT ON TABLES TO future_skills_dashboard;
