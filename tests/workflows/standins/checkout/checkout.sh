#!/usr/bin/env bash
# As the real action: without `ref` the commit of the event, with it the newest of that branch or the tag `refs/tags/...`;
# one commit deep unless told.
set -euo pipefail
ref=${REF:+refs/heads/$REF} ref=${ref/#refs\/heads\/refs\//refs\/} ref=${ref:-$GITHUB_REF}
depth=(--depth "$DEPTH" --no-tags) all=()
[ "$DEPTH" = 0 ] && depth=() all=('+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*')
git init --quiet .
git remote add origin "https://github.com/$GITHUB_REPOSITORY"
commit=$GITHUB_SHA
[ -n "$REF" ] && commit=$(git ls-remote origin "$ref" | cut -f1)
[ "${#all[@]}" = 0 ] || git fetch --quiet origin "${all[@]}"
case $ref in
  refs/heads/*)
    git fetch --quiet "${depth[@]}" origin "+$commit:refs/remotes/origin/${ref#refs/heads/}"
    git checkout --quiet --force -B "${ref#refs/heads/}" "$commit" ;;
  *)
    git fetch --quiet "${depth[@]}" origin "+$commit:$ref"
    git checkout --quiet --force --detach "$commit" ;;
esac
[ "$PERSIST" = false ] || git config http.https://github.com/.extraheader "AUTHORIZATION: basic persisted"
mkdir -p .uv/bin
ln -s "$STANDINS/uv/uv" .uv/bin/uv
