#!/bin/sh
# Installs Asterisk into the Debian forky it runs in, as root. The image in docker/ and the root file system in
# .asterisk/ are both made by this one recipe: bookworm and trixie carry no Asterisk, forky carries 22 LTS.
set -eu

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# Nothing may start while packages are unpacked: there is no init here.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# debootstrap has just left its lists here, checked by signature; an image comes without any.
ls /var/lib/apt/lists/*_Packages >/dev/null 2>&1 || apt-get update
# The prompts and the hold music are ivrd's own; of Asterisk's sounds none is needed.
apt-get install -y --no-install-recommends asterisk "$@"

rm -f /usr/sbin/policy-rc.d
apt-get clean
rm -rf /var/lib/apt/lists/*
