#!/usr/bin/env bash
# Makes the course's cluster: kind with one control-plane node that takes ingress traffic. Run it as often as you like.
set -euo pipefail

# The default node image of kind 0.33.0 (pkg/apis/config/defaults): this Kubernetes is the one that this kind is tested with. The
# digest makes it the same image for everybody. Renew it together with kind.
readonly NODE_IMAGE="kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
readonly MAX_WORKERS=9

usage() {
  cat <<USAGE
Usage: ${0##*/} [options]

Makes a kind cluster with one control-plane node, labelled ingress-ready=true, whose ports 80 and 443 are reached at
127.0.0.1. A cluster of that name that is there already is left as it is.

  --name NAME             the cluster's name (default: oamkit)
  --image IMAGE           the node image (default: ${NODE_IMAGE%%@*}, pinned by its digest)
  --from-archive FILE     first load the node image into Docker from an archive of 'docker save', for a
                          machine without a registry; name the image that is in it by --image
  --http-port PORT        the port at 127.0.0.1 for HTTP (default: 80)
  --https-port PORT       the port at 127.0.0.1 for HTTPS (default: 443)
  --workers COUNT         how many worker nodes besides (default: 0, at most ${MAX_WORKERS})
  --retain                keep the nodes if the cluster can't be made, to look at them
  --dry-run               print kind's configuration and the commands, and do nothing
  --help                  this text

Exit codes: 0 the cluster is there; 1 it can't be made; 2 wrong use.
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

# require PROGRAM HINT - end unless the program is installed.
require() { command -v "$1" >/dev/null || fail 1 "the program $1 isn't installed." "$2"; }

# cluster_exists NAME
cluster_exists() { kind get clusters 2>/dev/null | grep --quiet --line-regexp --fixed-strings -- "$1"; }

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

main() {
  local name=oamkit image=$NODE_IMAGE archive='' http_port=80 https_port=443 workers=0 retain='' dry_run=''
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
          --from-archive) archive=$value ;;
          --http-port) http_port=$value ;;
          --https-port) https_port=$value ;;
          --workers) workers=$value ;;
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
  check_port --http-port "$http_port"
  check_port --https-port "$https_port"
  [[ $http_port != "$https_port" ]] || wrong "--http-port and --https-port must differ, both are $http_port."
  [[ -z $archive || -r $archive ]] || wrong "--from-archive: the file '$archive' can't be read."

  local config
  config=$(kind_config "$http_port" "$https_port" "$workers")
  local -a create=(kind create cluster --name "$name" --image "$image" --wait 120s --config -)
  [[ -z $retain ]] || create+=(--retain)

  if [[ -n $dry_run ]]; then
    [[ -z $archive ]] || printf '$ docker load --input %q\n' "$archive"
    printf '$'
    printf ' %q' "${create[@]}"
    printf ' <<CONFIG\n%s\nCONFIG\n' "$config"
    return
  fi

  require kind "Install it: https://kind.sigs.k8s.io/docs/user/quick-start/#installation. Without Docker use 'oamkit sandbox up'."
  if cluster_exists "$name"; then
    kind export kubeconfig --name "$name" >&2
    say "The cluster $name is there already; to make it anew: kind delete cluster --name $name"
    return
  fi
  require docker "Install Docker, or use 'oamkit sandbox up', which needs none."
  docker info >/dev/null 2>&1 ||
    fail 1 "Docker doesn't answer." "Start it, or look at 'docker info'. Without Docker use 'oamkit sandbox up'."
  local port
  for port in "$http_port" "$https_port"; do
    ! is_taken "$port" ||
      fail 1 "port $port of 127.0.0.1 is taken by another program." "End it, or choose another port: --http-port 8080 --https-port 8443."
  done

  if [[ -n $archive ]]; then
    say "Loading $archive into Docker …"
    docker load --input "$archive" >&2 ||
      fail 1 "Docker can't load $archive." "It must be an archive of 'docker save'."
    docker image inspect "$image" >/dev/null 2>&1 ||
      fail 1 "$archive doesn't hold the image $image." "Name the image that it holds: --image NAME:TAG."
  fi

  "${create[@]}" <<<"$config" ||
    fail 1 "kind can't make the cluster $name." "Read its lines above; with --retain the nodes stay, for 'kind export logs --name $name'."
  say "The cluster $name is there: HTTP at 127.0.0.1:$http_port, HTTPS at 127.0.0.1:$https_port."
}

main "$@"
