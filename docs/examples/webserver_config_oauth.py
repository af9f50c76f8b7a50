"""An example of webserver_config.py: the company's OpenID Connect sign-on, whose groups become the product's roles.

Put it where AIRFLOW__FAB__CONFIG_FILE points, and install `apache-airflow-providers-fab[oauth]` in the pinned version.
"""

import os

from flask_appbuilder.const import AUTH_OAUTH

AUTH_TYPE = AUTH_OAUTH
OAUTH_PROVIDERS = [
    {
        "name": "company",
        "icon": "fa-key",
        "token_key": "access_token",
        "remote_app": {
            "client_id": os.environ["SIGN_ON_CLIENT_ID"],
            "client_secret": os.environ["SIGN_ON_CLIENT_SECRET"],
            "server_metadata_url": os.environ["SIGN_ON_METADATA_URL"],  # .../.well-known/openid-configuration
            "client_kwargs": {"scope": "openid email profile groups"},
        },
    }
]

AUTH_ROLES_MAPPING = {  # the sign-on's group -> roles here
    "future-skills-data-scientists": ["DataScientist"],
    "future-skills-hr-managers": ["DRHManager"],
    "future-skills-devops": ["DevOps"],
    "future-skills-developers": ["Developer"],
    "airflow-administrators": ["Admin"],
}
AUTH_ROLES_SYNC_AT_LOGIN = True  # who leaves a group loses the role at the next login
AUTH_USER_REGISTRATION = True  # an account is made at the first login
AUTH_USER_REGISTRATION_ROLE = "Public"  # who is in none of the groups may do nothing
