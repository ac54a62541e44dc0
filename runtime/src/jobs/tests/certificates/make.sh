#!/usr/bin/env bash
# Makes the certificates of these tests anew, good for a hundred years: two authorities, a server, an app that ours vouches
# for, and one that the other does. Their keys are for tests alone, and open nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 36500 -subj "/CN=$1" \
        -addext basicConstraints=critical,CA:TRUE -keyout "$1.key" -out "$1.crt"
}

issue() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=$1" -keyout "$1.key" -out request
    openssl x509 -req -in request -CA "$2.crt" -CAkey "$2.key" -days 36500 -extfile <(echo "subjectAltName=$3") -out "$1.crt"
}

authority ours
authority others
issue server ours IP:127.0.0.1
issue known ours DNS:app
issue stranger others DNS:app
rm request ours.key others.key
