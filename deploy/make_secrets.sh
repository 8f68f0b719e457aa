#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, once: an existing file is left alone.
# The folder is closed to others on this machine; the files are readable because the containers
# read them under user ids of their own.
set -eu
cd "$(dirname "$0")/.."
folder=var/secrets
umask 077
mkdir -p "$folder"
chmod 0700 "$folder"
for name in secret_key database_password; do
    if [ -e "$folder/$name" ]; then
        echo "$folder/$name is there already"
        continue
    fi
    python3 -c 'import secrets; print(secrets.token_urlsafe(48), end="")' >"$folder/$name"
    chmod 0444 "$folder/$name"
    echo "$folder/$name made"
done
