#!/bin/sh
# Names every base image by the digest that its tag has today, in the Dockerfiles and compose.yaml. Needs docker and the registries;
# look at the difference before you commit it.
set -eu
cd "$(dirname "$0")"
files="Dockerfile temporal/Dockerfile compose.yaml"
for image in $(grep -hoE '[a-z0-9./-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}' $files | sort -u); do
  tag=${image%@*}
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag")
  case $digest in sha256:????????????????????????????????????????????????????????????????) ;; *) echo "no digest of $tag: $digest" >&2; exit 1 ;; esac
  sed -i "s|$image|$tag@$digest|" $files
  echo "$tag $digest"
done
