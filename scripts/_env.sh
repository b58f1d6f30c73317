# Sourced by the other scripts, from the repository's root. Afterwards $python is the environment's interpreter,
# with every locked dependency and the project itself in it.
#   KMS_PYTHON   the Python to build on (default: the first of at least 3.11 on PATH)
#   KMS_VENV     where the environment lives (default: .venv)
. scripts/_python.sh

KMS_VENV=${KMS_VENV:-.venv}
case $KMS_VENV in /*) ;; *) KMS_VENV=$PWD/$KMS_VENV ;; esac
export KMS_VENV
python=$KMS_VENV/bin/python

# What an environment depends on, as one hash: this Python, where the project lies, and the named files.
_fingerprint() {
  "$base_python" - "$PWD" "$@" <<'PY'
import hashlib, pathlib, platform, sys
seen = hashlib.sha256()
for part in (platform.python_implementation(), platform.python_version(), platform.machine(), sys.argv[1]):
    seen.update(part.encode() + b"\0")
for name in sys.argv[2:]:
    seen.update(hashlib.sha256(pathlib.Path(name).read_bytes()).digest())
print(seen.hexdigest())
PY
}

# _once STAMP FINGERPRINT STEP: runs STEP if the environment does not bear this fingerprint yet, one run at a time.
_once() {
  local stamp=$KMS_VENV/kms-$1 status=0
  [[ -x $python && -f $stamp && $(<"$stamp") == "$2" ]] && return
  mkdir -p "$(dirname "$KMS_VENV")" || return
  exec 9>"$KMS_VENV.lock" || return
  # The lock belongs to the open file, so it outlives the Python that takes it and ends with this script.
  # (flock(1) is missing on some systems, Python is not.)
  "$base_python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || return
  if [[ ! -x $python || ! -f $stamp || $(<"$stamp") != "$2" ]]; then # nobody made it while this run waited
    if "$3"; then printf '%s' "$2" >"$stamp"; else status=1; fi
  fi
  exec 9>&-
  return "$status"
}

_make_venv() {
  if [[ -e $KMS_VENV && ! -f $KMS_VENV/pyvenv.cfg ]]; then
    echo "$KMS_VENV exists and is no virtual environment: remove it, or name another place in KMS_VENV" >&2
    return 1
  fi
  if "$base_python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    "$base_python" -m venv --clear "$KMS_VENV"
  elif "$base_python" -m virtualenv --version >/dev/null 2>&1; then
    "$base_python" -m virtualenv --quiet --clear "$KMS_VENV"
  else
    echo "$base_python cannot make a virtual environment: its module 'venv' or 'ensurepip' is missing." \
      "On Debian and Ubuntu they come with the package python3-venv; or name another Python in KMS_PYTHON." >&2
    return 1
  fi
}

# Wheels only: building a source package would run code that no hash in the lock covers.
_install_lock() {
  "$python" -m pip --disable-pip-version-check --no-input install --quiet --require-hashes --only-binary :all: -r "$1"
}

_install_project() {
  echo "environment: installing $(grep -c '==' requirements.lock) locked packages into $KMS_VENV ($("$base_python" -V)), once, about a minute" >&2
  rm -f "$KMS_VENV"/kms-*
  if [[ $("$python" -V 2>/dev/null) != $("$base_python" -V) ]]; then
    _make_venv || return
  fi
  _install_lock requirements.lock || return
  # The build backend is in the lock as well: nothing is fetched here.
  PYTHONWARNINGS=ignore "$python" -m pip --disable-pip-version-check --no-input install --quiet \
    --no-index --no-deps --no-build-isolation --editable .
}

_install_bench() {
  echo "environment: installing the libraries to compare with into $KMS_VENV, once" >&2
  _install_lock requirements-bench.lock
}

environment_bench() {
  _once bench "$(_fingerprint requirements-bench.lock requirements.lock pyproject.toml)" _install_bench
}

base_python=$(find_python) &&
  _once project "$(_fingerprint requirements.lock pyproject.toml)" _install_project || {
  echo "environment: failed" >&2
  exit 1
}
