# Sourced by the benchmarks: tools that they compare with. What can't be had is said, and left out.

# debian PROGRAM PACKAGE: installs the package unless the program is there.
debian() {
    if ! command -v "$1" >/dev/null; then
        { [ "$(id -u)" = 0 ] && apt-get install --yes --quiet "$2" >/dev/null; } ||
            echo "SKIPPED: $1 is not installed (apt-get install $2)" >&2
    fi
}

venv=target/bench-venv

# python_module MODULE REQUIREMENT: installs a module into the benchmarks' own Python environment, where it is missing.
python_module() {
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -c "import $1" 2>/dev/null || "$venv/bin/python" -m pip install --quiet "$2" ||
        echo "SKIPPED: $1 can't be installed (pip install '$2')" >&2
}
