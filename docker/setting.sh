# What docker/compose and docker/secrets both read of an installation; sourced from its folder.

setting() { # the environment's, else that of .env, else the default
  local value
  value=$(printenv "$1" || sed -n "s/^$1=//p" .env 2> /dev/null | tail -n 1 || true)
  echo "${value:-${2:-}}"
}

secrets_directory() { setting SECRETS_DIR ./secrets; }

# The user of the containers, who must be the one that may read the secrets: as set, else the owner of their folder, so that every
# administrator starts the same, else the caller; for root 50000, since nothing runs as root.
airflow_uid() {
  local uid
  uid=$(setting AIRFLOW_UID)
  if [[ -z $uid ]]; then
    uid=$(owner_of "$(secrets_directory)")
    [[ -n $uid && $uid != 0 ]] || uid=$(id -u)
    [[ $uid != 0 ]] || uid=50000
  fi
  echo "$uid"
}

owner_of() { # nothing when it is not there; GNU's stat, else that of BSD and macOS
  [[ ! -e $1 ]] || stat -c %u "$1" 2> /dev/null || stat -f %u "$1"
}
