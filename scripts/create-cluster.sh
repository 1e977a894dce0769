#!/usr/bin/env bash
# Makes the course's cluster: kind with one control-plane node that takes ingress traffic. Run it as often as you like.
# It runs with bash 3.2 and BSD tools too: that is what macOS has.
set -euo pipefail

# The default node image of kind 0.33.0 (pkg/apis/config/defaults): this Kubernetes is the one that this kind is tested with. The
# digest makes it the same image for everybody. Renew it together with kind.
readonly NODE_IMAGE="kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
readonly MAX_WORKERS=9
# What is tried for HTTP and HTTPS when the usual ports are taken.
readonly HTTP_PORTS=(80 8080 8081 8082 8083 8084 8085 8086 8087 8088 8089)
readonly HTTPS_PORTS=(443 8443 8444 8445 8446 8447 8448 8449)
# Stands in the first node of a cluster that was made to its end.
readonly COMPLETE=/kind/oamkit-complete
readonly READY_SECONDS=120
readonly TRIES=4

usage() {
  cat <<USAGE
Usage: ${0##*/} [options]

Makes a kind cluster with one control-plane node, labelled ingress-ready=true, whose ports 80 and 443 are reached at
127.0.0.1. A cluster of that name that is there already is left as it is; if its nodes were stopped they are started, and
if it is only half there it is made anew.

  --name NAME             the cluster's name (default: oamkit)
  --image IMAGE           the node image (default: ${NODE_IMAGE%%@*}, pinned by its digest)
  --mirror HOST           fetch the node image from this mirror of Docker Hub
  --from-archive FILE     first load the node image from an archive of 'docker save', for a machine without a registry;
                          name the image that is in it by --image
  --http-port PORT        the port at 127.0.0.1 for HTTP (default: 80, or the next free one from 8080)
  --https-port PORT       the port at 127.0.0.1 for HTTPS (default: 443, or the next free one from 8443)
  --workers COUNT         how many worker nodes besides (default: 0, at most ${MAX_WORKERS})
  --logs FOLDER           where the nodes' logs go if the cluster can't be made (default: a new folder below /tmp)
  --retain                keep the nodes if the cluster can't be made, to look at them
  --dry-run               print kind's configuration and the commands, and do nothing
  --help                  this text

Docker makes the nodes, or Podman where only that answers; KIND_EXPERIMENTAL_PROVIDER=podman asks for it.
Exit codes: 0 the cluster is there; 1 it can't be made; 2 wrong use; 130 interrupted, and the next call mends it.
USAGE
}

# say TEXT… - tell the person what happens, apart from what the script yields.
say() { printf '%s\n' "$*" >&2; }

# fail CODE MESSAGE HINT - end with a message and what to do next.
fail() {
  say "create-cluster: $2"
  say "Hint: $3"
  exit "$1"
}

# wrong MESSAGE - end because of wrong use.
wrong() { fail 2 "$1" "See ${0##*/} --help."; }

# check_port OPTION PORT - end unless it is a port.
check_port() {
  if ! [[ $2 =~ ^[1-9][0-9]{0,4}$ ]] || (($2 > 65535)); then
    wrong "$1 must be a port from 1 to 65535, not '$2'."
  fi
}

# is_taken PORT - whether something listens there at 127.0.0.1 (bash's own /dev/tcp, so that no other tool is needed).
is_taken() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# choose_port OPTION ASKED LOWEST TRIED PORT… - print the port asked for, or the first free one that isn't below LOWEST and
# not among those that were TRIED in vain.
choose_port() {
  local option=$1 asked=$2 lowest=$3 tried=$4 port
  shift 4
  if [[ -n $asked ]]; then
    ! is_taken "$asked" || fail 1 "port $asked of 127.0.0.1 is taken by another program." \
      "End it, or choose another port: $option PORT."
    printf %s "$asked"
    return
  fi
  for port in "$@"; do
    if ((port >= lowest)) && [[ " $tried " != *" $port "* ]] && ! is_taken "$port"; then
      ((port == $1)) || say "Port $1 can't be used, so it is $port."
      printf %s "$port"
      return
    fi
  done
  fail 1 "the ports $* of 127.0.0.1 are all taken." "Name a free one: $option PORT."
}

# find_engine - print docker or podman, whichever answers.
find_engine() {
  local program found=''
  for program in ${KIND_EXPERIMENTAL_PROVIDER:-docker podman}; do
    command -v "$program" >/dev/null || continue
    found=$program
    if "$program" info >/dev/null 2>&1; then
      printf %s "$program"
      return
    fi
  done
  [[ -n $found ]] ||
    fail 1 "neither docker nor podman is installed." "Install Docker, or use 'oamkit sandbox up', which needs none."
  fail 1 "$found doesn't answer." "Start it, or look at '$found info'. Without it use 'oamkit sandbox up'."
}

# lowest_port ENGINE - print the lowest port that the engine may publish: without root the kernel sets a limit.
lowest_port() {
  local limit=/proc/sys/net/ipv4/ip_unprivileged_port_start
  if "$1" info 2>/dev/null | grep --quiet --extended-regexp '^ *rootless(: true)?$' && [[ -r $limit ]]; then
    cat "$limit"
  else
    printf 1
  fi
}

# nodes ENGINE NAME [--all] - print the names of the cluster's nodes that run, or of all; the control plane's first.
nodes() { "$1" ps "${@:3}" --filter "label=io.x-k8s.kind.cluster=$2" --format '{{.Names}}' | sort; }

# inside ENGINE NODE ARGUMENT… - run kubectl in a node.
inside() { "$1" exec "$2" kubectl --kubeconfig=/etc/kubernetes/admin.conf "${@:3}"; }

# wait_ready ENGINE NODE - wait until the API answers and all nodes are ready.
wait_ready() {
  local end=$((SECONDS + READY_SECONDS))
  until inside "$1" "$2" get --raw /readyz >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 1
  done
  inside "$1" "$2" wait --for=condition=Ready nodes --all --timeout="${READY_SECONDS}s" >/dev/null 2>&1
}

# is_complete ENGINE NODE… - whether the cluster was made to its end: by this script; or by hand, then all nodes have joined
# and the StorageClass is there, which is kind's last step before them.
is_complete() {
  local joined
  "$1" exec "$2" test -e "$COMPLETE" 2>/dev/null && return
  inside "$1" "$2" get storageclass standard >/dev/null 2>&1 || return 1
  joined=$(inside "$1" "$2" get nodes --output name | wc -l)
  ((joined == $# - 1))
}

# mend ENGINE NAME - make the best of the nodes that are there; false if the cluster has to be made.
mend() {
  local -a all
  read -ra all -d '' < <(nodes "$1" "$2" --all) || true
  ((${#all[@]})) || return 1
  if (($(nodes "$1" "$2" | wc -l) < ${#all[@]})); then
    say "Starting the nodes of $2, which were stopped …"
    "$1" start "${all[@]}" >/dev/null || fail 1 "the nodes of $2 can't be started." \
      "If another program took their ports, end it; or make the cluster anew: kind delete cluster --name $2"
  fi
  if ! is_complete "$1" "${all[@]}"; then
    say "The cluster $2 is only half there, so it is made anew."
    kind delete cluster --name "$2" >&2
    return 1
  fi
  wait_ready "$1" "${all[0]}" ||
    fail 1 "the cluster $2 is there but isn't ready after $READY_SECONDS s." \
      "Look at 'kind export logs --name $2', or make it anew: kind delete cluster --name $2"
  kind export kubeconfig --name "$2" >&2
  say "The cluster $2 is there already; to make it anew: kind delete cluster --name $2"
}

# explain FILE - print what to do about what kind said.
explain() {
  if grep --quiet --ignore-case 'no space left on device' "$1"; then
    printf %s "The disk is full: make room, e.g. by 'docker system prune'."
  elif grep --quiet --ignore-case 'too many open files' "$1"; then
    printf %s "Raise the limits: sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512"
  elif grep --quiet --ignore-case --extended-regexp 'failed to pull image|pull access denied|unable to find image|no such image' "$1"; then
    printf %s "The node image can't be fetched: name a mirror (--mirror), or load it from a file (--from-archive)."
  elif grep --quiet --ignore-case 'failed to lock config file' "$1"; then
    printf %s "If no other kind or kubectl runs, remove the file ${KUBECONFIG:-$HOME/.kube/config}.lock."
  else
    printf %s "Read its lines above; 'oamkit doctor' knows what often is the reason."
  fi
}

# kind_config HTTP_PORT HTTPS_PORT WORKERS - write kind's configuration.
kind_config() {
  cat <<CONFIG
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    labels:
      ingress-ready: "true"
    extraPortMappings:
      - containerPort: 80
        hostPort: $1
        listenAddress: 127.0.0.1
        protocol: TCP
      - containerPort: 443
        hostPort: $2
        listenAddress: 127.0.0.1
        protocol: TCP
CONFIG
  for ((worker = 0; worker < $3; worker++)); do
    printf '  - role: worker\n'
  done
}

# load_archive ENGINE FILE - load the images of an archive.
# Podman puts 'localhost/' before short names; kind, as Docker, takes them for Docker Hub's.
load_archive() {
  local loaded name
  loaded=$("$1" load --input "$2") || return
  printf '%s\n' "$loaded" >&2
  [[ $1 == podman ]] || return 0
  while read -r name; do
    podman tag "localhost/$name" "docker.io/$(hub_name "$name")" || return
  done < <(sed -n 's|.*: localhost/||p' <<<"$loaded")
}

# hub_name NAME - print a short name as Docker Hub has it: python:3 is library/python:3.
hub_name() {
  [[ $1 == */* ]] && printf %s "$1" || printf 'library/%s' "$1"
}

main() {
  local name=oamkit image=$NODE_IMAGE mirror='' archive='' http='' https='' workers=0 logs='' retain='' dry_run=''
  while (($#)); do
    case $1 in
      --retain) retain=yes ;;
      --dry-run) dry_run=yes ;;
      --help | -h) usage && return ;;
      *)
        local option=$1 value=${2-}
        case $option in
          --name) name=$value ;;
          --image) image=$value ;;
          --mirror) mirror=${value%/} ;;
          --from-archive) archive=$value ;;
          --http-port) http=$value ;;
          --https-port) https=$value ;;
          --workers) workers=$value ;;
          --logs) logs=$value ;;
          *) wrong "unknown option '$option'." ;;
        esac
        [[ -n $value ]] || wrong "$option needs a value."
        shift
        ;;
    esac
    shift
  done

  [[ $name =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] ||
    wrong "--name must be small letters, digits, '.' and '-', not '$name'."
  [[ $workers =~ ^[0-9]$ ]] || wrong "--workers must be a number from 0 to $MAX_WORKERS, not '$workers'."
  [[ -z $http ]] || check_port --http-port "$http"
  [[ -z $https ]] || check_port --https-port "$https"
  [[ ${http:-80} != "${https:-443}" ]] || wrong "--http-port and --https-port must differ, both are ${http:-80}."
  [[ -z $archive || -r $archive ]] || wrong "--from-archive: the file '$archive' can't be read."
  [[ -z $mirror ]] || image=$mirror/$image

  # The nodes stay until their logs are written, whether or not they are kept.
  local -a create=(kind create cluster --name "$name" --image "$image" --wait "${READY_SECONDS}s" --retain --config -)
  if [[ -n $dry_run ]]; then
    [[ -z $archive ]] || printf '$ docker load --input %q\n' "$archive"
    printf '$'
    printf ' %q' "${create[@]}"
    printf ' <<CONFIG\n%s\nCONFIG\n' "$(kind_config "${http:-80}" "${https:-443}" "$workers")"
    return
  fi

  command -v kind >/dev/null || fail 1 "the program kind isn't installed." \
    "Install it: https://kind.sigs.k8s.io/docs/user/quick-start/#installation. Without Docker use 'oamkit sandbox up'."
  local engine
  engine=$(find_engine)
  [[ $engine == docker ]] || export KIND_EXPERIMENTAL_PROVIDER=$engine
  trap 'say "Interrupted: the next call mends what is half there."; exit 130' INT TERM
  if mend "$engine" "$name"; then
    return
  fi

  if [[ -n $archive ]]; then
    say "Loading $archive into $engine …"
    load_archive "$engine" "$archive" ||
      fail 1 "$engine can't load $archive." "It must be an archive of 'docker save'."
    "$engine" image inspect "$image" >/dev/null 2>&1 ||
      fail 1 "$archive doesn't hold the image $image." "Name the image that it holds: --image NAME:TAG."
  fi
  local kubeconfig=${KUBECONFIG:-$HOME/.kube/config}
  [[ ! -e ${kubeconfig%%:*}.lock ]] || fail 1 "the kubeconfig ${kubeconfig%%:*} is locked." \
    "Another kind or kubectl writes it. If none runs, remove the file ${kubeconfig%%:*}.lock."

  local lowest said try http_port https_port tried=''
  lowest=$(lowest_port "$engine")
  said=$(mktemp)
  # shellcheck disable=SC2064 # the name is known now, and gone then
  trap "rm -f '$said'" EXIT
  for ((try = 1; try <= TRIES; try++)); do
    http_port=$(choose_port --http-port "$http" "$lowest" "$tried" "${HTTP_PORTS[@]}")
    https_port=$(choose_port --https-port "$https" "$lowest" "$tried" "${HTTPS_PORTS[@]}")
    # kind speaks to standard error; what it says is shown at once, and kept for explain.
    if kind_config "$http_port" "$https_port" "$workers" | "${create[@]}" 2>&1 | tee "$said" >&2; then
      "$engine" exec "$name-control-plane" touch "$COMPLETE"
      say "The cluster $name is there: HTTP at 127.0.0.1:$http_port, HTTPS at 127.0.0.1:$https_port."
      return
    fi
    grep --quiet --ignore-case --extended-regexp 'port is already allocated|address already in use' "$said" || break
    kind delete cluster --name "$name" >&2
    # The engine names the port that it couldn't have: 'Bind for 127.0.0.1:8080 failed', 'listen tcp4 127.0.0.1:8080: bind'.
    tried+=" $(sed -En 's/.*127\.0\.0\.1:([0-9]+).*(already allocated|already in use).*/\1/p' "$said" | head -n 1)"
    ((try < TRIES)) && [[ " $tried " != *" ${http:-0} "* && " $tried " != *" ${https:-0} "* ]] ||
      fail 1 "another program took the ports$tried of 127.0.0.1." "Name free ones: --http-port PORT --https-port PORT."
    say "The port ${tried##* } was taken just now by another program: once more, with another."
  done

  logs=${logs:-$(mktemp -d /tmp/oamkit-kind-logs.XXXXXX)}
  kind export logs "$logs" --name "$name" >/dev/null 2>&1 && say "The nodes' logs are in $logs."
  [[ -n $retain ]] || kind delete cluster --name "$name" >&2 || true
  fail 1 "kind can't make the cluster $name." "$(explain "$said")"
}

main "$@"
