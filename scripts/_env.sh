# Sourced by the other scripts, from the repository's root. Afterwards $python is the environment's interpreter,
# with every locked dependency and the project itself in it.
#   KMS_PYTHON   the Python to build on (default: the first of at least 3.11 on PATH)
#   KMS_VENV     where the environment lives (default: .venv)
. scripts/_python.sh

KMS_VENV=${KMS_VENV:-.venv}
case $KMS_VENV in /*) ;; *) KMS_VENV=$PWD/$KMS_VENV ;; esac
export KMS_VENV
python=$KMS_VENV/bin/python

# What the environment depends on, as one hash: the named files, this Python, and where the project lies.
_fingerprint() {
  "$1" - "$PWD" "${@:2}" <<'PY'
import hashlib, pathlib, platform, sys
seen = hashlib.sha256()
for part in (platform.python_implementation(), platform.python_version(), platform.machine(), sys.argv[1]):
    seen.update(part.encode() + b"\0")
for name in sys.argv[2:]:
    seen.update(hashlib.sha256(pathlib.Path(name).read_bytes()).digest())
print(seen.hexdigest())
PY
}

# Holds a lock on file descriptor 9 until it is closed; the lock outlives the Python that takes it, because
# it belongs to the open file. (flock(1) is missing on some systems, Python is not.)
_lock() {
  exec 9>"$KMS_VENV.lock"
  "$1" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
}

_make_venv() {
  local base=$1
  if "$base" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    "$base" -m venv --clear "$KMS_VENV"
  elif "$base" -m virtualenv --version >/dev/null 2>&1; then
    "$base" -m virtualenv --quiet --clear "$KMS_VENV"
  else
    echo "$base cannot make a virtual environment: its 'venv' or 'ensurepip' module is missing." \
      "On Debian and Ubuntu it comes with the package python3-venv; or name another Python in KMS_PYTHON." >&2
    return 1
  fi
}

_pip() { "$python" -m pip --disable-pip-version-check --no-input "$@"; }

_ready() { [[ -x $python && -f $KMS_VENV/kms-$1 && $(<"$KMS_VENV/kms-$1") == "$2" ]]; }

_environment() {
  local base want
  base=$(find_python) || return 1
  want=$(_fingerprint "$base" requirements.lock pyproject.toml) || return 1
  _ready stamp "$want" && return 0
  mkdir -p "$(dirname "$KMS_VENV")"
  _lock "$base" || return 1
  if ! _ready stamp "$want"; then # another run may have made it while this one waited
    echo "environment: installing $(grep -c '==' requirements.lock) locked packages into $KMS_VENV ($("$base" -V)), once, about a minute" >&2
    if [[ -e $KMS_VENV && ! -f $KMS_VENV/pyvenv.cfg ]]; then
      echo "$KMS_VENV exists and is no virtual environment: remove it, or name another place in KMS_VENV" >&2
      return 1
    fi
    rm -f "$KMS_VENV"/kms-*stamp
    if [[ $("$python" -V 2>/dev/null) != $("$base" -V) ]]; then
      _make_venv "$base" || return 1
    fi
    _pip install --quiet --require-hashes --only-binary :all: -r requirements.lock || return 1
    # setuptools is in the lock: nothing is fetched here, and nothing unlocked can be.
    PYTHONWARNINGS=ignore _pip install --quiet --no-deps --no-build-isolation --no-index --editable . || return 1
    printf '%s' "$want" >"$KMS_VENV/kms-stamp"
  fi
  exec 9>&-
}

_environment || { echo "environment: failed" >&2; exit 1; }
