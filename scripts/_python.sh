# Sourced. Which Python the scripts run on.

# Prints the first Python of at least 3.11 that runs: $KMS_PYTHON alone if it is set, else the names below.
find_python() {
  local name
  for name in ${KMS_PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    # A name on PATH may be a stub that fails: it is asked, not believed.
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      printf '%s\n' "$name"
      return
    fi
  done
  echo "no Python of version 3.11 or later was found (tried: ${KMS_PYTHON:-python3, python3.13, python3.12, python3.11, python})." \
    "Install one, or name it in KMS_PYTHON." >&2
  return 1
}
