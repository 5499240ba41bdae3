#!/bin/sh
# Installs Asterisk into the Debian forky it runs in, as root. The image in docker/ and the root file system in
# .asterisk/ are both made by this one recipe: bookworm and trixie carry no Asterisk, forky carries 22 LTS.
set -eu

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# Nothing may start while packages are unpacked: there is no init here.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

apt-get update
# asterisk-core-sounds-en-wav: the beep and the digits Asterisk's own applications fall back on.
# asterisk-moh-opsound-wav: what a waiting caller hears.
apt-get install -y --no-install-recommends asterisk asterisk-core-sounds-en-wav asterisk-moh-opsound-wav "$@"

rm -f /usr/sbin/policy-rc.d
apt-get clean
rm -rf /var/lib/apt/lists/*
