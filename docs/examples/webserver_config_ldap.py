"""An example of webserver_config.py: the company's directory (LDAP), whose groups become the product's roles.

Put it where AIRFLOW__FAB__CONFIG_FILE points, and install `python-ldap`.
"""

import os

from flask_appbuilder.const import AUTH_LDAP

AUTH_TYPE = AUTH_LDAP
AUTH_LDAP_SERVER = os.environ["SIGN_ON_LDAP_SERVER"]  # ldaps://directory.example.com
AUTH_LDAP_SEARCH = os.environ["SIGN_ON_LDAP_SEARCH"]  # ou=people,dc=example,dc=com
AUTH_LDAP_BIND_USER = os.environ["SIGN_ON_LDAP_BIND_USER"]
AUTH_LDAP_BIND_PASSWORD = os.environ["SIGN_ON_LDAP_BIND_PASSWORD"]
AUTH_LDAP_UID_FIELD = "uid"  # Active Directory: sAMAccountName
AUTH_LDAP_GROUP_FIELD = "memberOf"
AUTH_LDAP_TLS_DEMAND = True

GROUPS = os.environ["SIGN_ON_LDAP_GROUPS"]  # ou=groups,dc=example,dc=com
AUTH_ROLES_MAPPING = {  # the directory's group -> roles here
    f"cn=future-skills-data-scientists,{GROUPS}": ["DataScientist"],
    f"cn=future-skills-hr-managers,{GROUPS}": ["DRHManager"],
    f"cn=future-skills-devops,{GROUPS}": ["DevOps"],
    f"cn=future-skills-developers,{GROUPS}": ["Developer"],
    f"cn=airflow-administrators,{GROUPS}": ["Admin"],
}
AUTH_ROLES_SYNC_AT_LOGIN = True  # who leaves a group loses the role at the next login
AUTH_USER_REGISTRATION = True  # an account is made at the first login
AUTH_USER_REGISTRATION_ROLE = "Public"  # who is in none of the groups may do nothing
