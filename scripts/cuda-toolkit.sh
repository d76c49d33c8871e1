# shellcheck shell=bash
# Finds the CUDA compiler or fetches it. To be sourced: gives say, stop, write and find_toolkit.

# Five wheels with the compiler, its headers and the static runtime, and nothing else of CUDA: 104 MB to download.
# The driver must be at least as new as the compiler: 13.0 runs on drivers from 580 on.
toolkit_wheels=(
    nvidia-cuda-nvcc==13.0.88
    nvidia-cuda-crt==13.0.88
    nvidia-nvvm==13.0.88
    nvidia-cuda-runtime==13.0.96
    nvidia-cuda-cccl==13.0.85
)

say() { printf '%s\n' "$*" >&2; }
stop() {
    say "cuda: $1"
    shift
    for line in "$@"; do say "      $line"; done
    exit 1
}

# write FILE TEXT: only where it changes something, for cargo builds again what is newer than its last build.
write() {
    if [[ ! -f "$1" || "$(<"$1")" != "$2" ]]; then
        printf '%s\n' "$2" >"$1"
    fi
}

# Sets toolkit_version, too.
new_enough() {
    toolkit_version="$("$toolkit_nvcc" --version | sed -n 's/^.*release \([0-9.]*\),.*$/\1/p')"
    [[ -n "$toolkit_version" ]] || stop "'$toolkit_nvcc --version' did not say which release it is"
    [[ "${toolkit_version%%.*}" -ge 12 ]]
}

# find_toolkit FOLDER: sets toolkit, toolkit_nvcc, toolkit_version and toolkit_cudart; fetches into FOLDER if need be.
find_toolkit() {
    local fetched=no
    if [[ -n "${CUDA_HOME:-}" ]]; then
        toolkit_nvcc="$CUDA_HOME/bin/nvcc"
        [[ -x "$toolkit_nvcc" ]] ||
            stop "CUDA_HOME is '$CUDA_HOME', but there is no bin/nvcc in it" \
                "Unset CUDA_HOME to have one found in PATH or fetched."
        new_enough || stop "$toolkit_nvcc is of CUDA $toolkit_version; expected: 12.0 or newer" \
            "Unset CUDA_HOME to have a newer one found in PATH or fetched."
    elif toolkit_nvcc="$(command -v nvcc)" && toolkit_nvcc="$(readlink -f "$toolkit_nvcc")" && new_enough; then
        :
    else
        [[ -z "$toolkit_nvcc" ]] || say "cuda: $toolkit_nvcc is of CUDA $toolkit_version, older than 12.0: not used"
        fetch_toolkit "$1"
        toolkit_nvcc="$1/nvidia/cu13/bin/nvcc"
        fetched=yes
        new_enough || stop "$toolkit_nvcc does not work" "Remove $1 and run this again."
    fi
    toolkit="$(cd "${toolkit_nvcc%/*}/.." && pwd)"

    local machine folder
    machine="$(uname -m)"
    toolkit_cudart=""
    for folder in lib64 lib "targets/$machine-linux/lib" targets/sbsa-linux/lib "lib/$machine-linux-gnu"; do
        if [[ -f "$toolkit/$folder/libcudart_static.a" ]]; then
            toolkit_cudart="$toolkit/$folder/libcudart_static.a"
            break
        fi
    done
    [[ -n "$toolkit_cudart" ]] ||
        stop "no libcudart_static.a under $toolkit (it comes with CUDA's development files)" \
            "$(if [[ $fetched == yes ]]; then
                echo "Remove $1 and run this again."
            else
                echo "Install them (Debian: nvidia-cuda-dev; NVIDIA: cuda-cudart-dev), or take nvcc out of PATH to have all fetched."
            fi)"
}

# fetch_toolkit FOLDER: the wheels, unpacked, as one toolkit. A folder that has them already is left alone.
fetch_toolkit() {
    local folder="$1" stamp="$1/wheels.txt" pip
    if [[ -f "$stamp" && "$(<"$stamp")" == "${toolkit_wheels[*]}" ]]; then
        return
    fi
    [[ "$(uname -s)" == Linux ]] || stop "CUDA can only be fetched on Linux; this is $(uname -s)"
    case "$(uname -m)" in
        x86_64 | aarch64) ;;
        *) stop "NVIDIA has no CUDA compiler for $(uname -m); expected: x86_64 or aarch64" ;;
    esac
    command -v python3 >/dev/null 2>&1 ||
        stop "there is no usable nvcc in PATH, and no python3 to fetch one with" \
            "Either install the CUDA toolkit 12.0 or newer and have its bin folder in PATH (or CUDA_HOME set)," \
            "or install Python: apt-get install python3 python3-pip"
    rm -rf "$folder" "$folder.part"
    mkdir -p "$folder.part"
    pip=(python3 -m pip)
    if ! "${pip[@]}" --version >/dev/null 2>&1; then
        python3 -m venv "$folder.part/venv" >&2 2>&1 ||
            stop "there is no usable nvcc in PATH, and this python3 has neither pip nor venv to fetch one with" \
                "Install one of them: apt-get install python3-pip (or python3-venv)"
        pip=("$folder.part/venv/bin/python" -m pip)
    fi
    say "cuda: no usable nvcc in PATH; fetching NVIDIA's compiler from the Python package index (104 MB) into $folder:"
    for wheel in "${toolkit_wheels[@]}"; do say "        $wheel"; done
    # In one command: a second --target into a folder drops what the first put into nvidia/cu13.
    "${pip[@]}" --disable-pip-version-check install --quiet --no-deps --no-compile --only-binary :all: \
        --root-user-action ignore --target "$folder.part" "${toolkit_wheels[@]}" >&2 ||
        stop "pip could not fetch them; its own words are above." \
            "Without a network: install the CUDA toolkit 12.0 or newer and have its bin folder in PATH."
    rm -rf "$folder.part/venv"
    # Where build scripts look.
    ln -s lib "$folder.part/nvidia/cu13/lib64"
    printf '%s\n' "${toolkit_wheels[*]}" >"$folder.part/wheels.txt"
    mv "$folder.part" "$folder"
}
