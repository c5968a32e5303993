#!/bin/bash
# Independent work on machines that ssh reaches, by GNU parallel. The machines have understudy on their PATH.
#   deploy/parallel.sh 8 a,b study study.yaml --out runs/study
#   deploy/parallel.sh 8 a,b synthesize --teacher runs/teacher --out images --images 50000
# Eight processes on a and b, in the same folder as here, which they share: each takes the next unit that nobody has. ":" is this
# machine. Where they share no folder, %a is the number of a process: ... --shard %a/8 --out part%a; then fetch the parts and
# understudy merge part* --out whole
set -euo pipefail
processes=$1 hosts=$2
shift 2
each=$(((processes + $(tr -cd , <<<"$hosts" | wc -c)) / ($(tr -cd , <<<"$hosts" | wc -c) + 1)))
command=$(printf '%q ' understudy "$@")
seq "$processes" | parallel --will-cite --line-buffer --tag --halt soon,fail=1 --sshlogin "$hosts" --jobs "$each" \
  --workdir "$PWD" "${command//%a/{\}}" '#' {}
