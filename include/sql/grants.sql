-- For the DBA of the HR database, once, as the owner of its tables. Choose a password for the role, or another way to sign in.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN
        CREATE ROLE {role} LOGIN;
    END IF;
END $$;

-- The pipeline's own tables live here; it never creates anything elsewhere.
CREATE SCHEMA IF NOT EXISTS {schema};
GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};

-- Read, and of employees no name and no address.
GRANT USAGE ON SCHEMA public TO {role};
{reads}

-- The three tables of results.
{writes}
