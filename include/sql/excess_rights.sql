-- What a role may do beyond what the pipeline needs, each in the words of the finding.
SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS "is a superuser",
       EXISTS (SELECT FROM pg_attribute
               WHERE attrelid = to_regclass('public.future_skills_employee') AND attname IN ('name', 'email')
                 AND has_column_privilege(attrelid, attnum, 'SELECT')) AS "reads the names and addresses of employees",
       EXISTS (SELECT FROM unnest(%(sources)s) AS source
               WHERE has_table_privilege(to_regclass('public.' || source), 'INSERT, UPDATE, DELETE, TRUNCATE'))
           AS "writes tables that HR alone writes",
       has_schema_privilege('public', 'CREATE') OR has_database_privilege(current_database(), 'CREATE')
           AS "creates things outside future_skills_ops"
