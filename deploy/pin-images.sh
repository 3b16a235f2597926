#!/bin/sh
# Moves what images are built from: Go to the newest patch of its release, in the Dockerfiles, and every base image to the digest that its
# tag has today, there and in compose.yaml. Needs the Go proxy, docker and the registries; look at the difference before you commit it.
set -eu
cd "$(dirname "$0")"
files="Dockerfile temporal/Dockerfile compose.yaml"

release=$(sed -n 's/^FROM golang:\([0-9.]*\)-.*/\1/p' Dockerfile)
newest=$(curl -fsS https://proxy.golang.org/golang.org/toolchain/@v/list |
  sed -n "s/^v0.0.1-\(go$release\.[0-9]*\)\.linux-amd64$/\1/p" | sort -V | tail -n 1)
[ -n "$newest" ] || { echo "the Go proxy has no go$release" >&2 && exit 1; }
sed -i "s/GOTOOLCHAIN=go[0-9.]*/GOTOOLCHAIN=$newest/" Dockerfile temporal/Dockerfile
echo "Go is $newest"

for image in $(grep -hoE '[a-z0-9./-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}' $files | sort -u); do
  tag=${image%@*}
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag")
  case $digest in sha256:????????????????????????????????????????????????????????????????) ;; *) echo "no digest of $tag: $digest" >&2; exit 1 ;; esac
  sed -i "s|$image|$tag@$digest|" $files
  echo "$tag $digest"
done
