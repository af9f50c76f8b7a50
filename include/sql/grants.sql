-- For the DBA of the HR database, once: as the owner of the database and of its tables, who may create roles. A superuser is not
-- needed. Choose a password for each role, or another way to sign in. Running it again changes nothing.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN
        CREATE ROLE {role} LOGIN;
    END IF;
    IF current_user <> {name} THEN      -- for the length of this script: what is the role's own is opened to the dashboard below
        GRANT {role} TO current_user;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), {name});
END $$;

-- The pipeline's own tables live here; it never creates anything elsewhere. Views that the DBA adds here are read.
CREATE SCHEMA IF NOT EXISTS {schema};
GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role};

-- Read, and of employees no name and no address.
GRANT USAGE ON SCHEMA public TO {role};
{reads}

-- The three tables of results.
{writes}

{dashboard}
DO $$ BEGIN
    IF current_user <> {name} THEN
        REVOKE {role} FROM current_user;
    END IF;
END $$;
