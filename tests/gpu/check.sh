#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: does the renderer compute there what it should, how fast, and how fast is PyTorch?
# Needs neither Rust nor GStreamer nor a network, only what `make cuda` built elsewhere and python3; for the comparison
# also PyTorch and diffusers in that python3.
#
#   tests/gpu/check.sh [OPTIONS] [GOLDENS ...]
#
# GOLDENS are folders with checkpoint/ and goldens.safetensors; those in tests/goldens are always among them.
#
#   --device D        cuda:0; with cpu the script itself can be tried anywhere
#   --dtypes LIST     f32,f16,bf16
#   --only LIST       of parity, bench and pytorch; all by default
#   --programs DIR    the folder of parity, bench and synth; target/cuda/release/examples
#   --models DIR      a folder of models to measure with; by default random ones are made
#   --scale S         their size: sd15, as Stable Diffusion 1.5; or tiny, with tiny pictures, to try the script
#   --frames N        how many frames to measure at once (4)
#   --out DIR         where logs and tables go (out/gpu)
#   --pytorch ARGS    more arguments for benches/pytorch.py, in one word
#   PYTHON            another python3
#
# Prints one table with date and hardware. Exit status 1: a tensor is off its tolerance or a program failed;
# 2: wrong arguments, or something needed is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

device=cuda:0 dtypes=f32,f16,bf16 only=parity,bench,pytorch programs="${CARGO_TARGET_DIR:-target}/cuda/release/examples"
models="" scale=sd15 frames=4 out=out/gpu python="${PYTHON:-python3}"
pytorch=() goldens=()

say() { printf '%s\n' "$*" >&2; }
stop() {
    say "check: $1"
    shift
    for line in "$@"; do say "       $line"; done
    exit 2
}

while [[ $# -gt 0 ]]; do
    case "$1" in
        --device | --dtypes | --only | --programs | --models | --scale | --frames | --out | --pytorch)
            [[ $# -ge 2 ]] || stop "$1 needs a value"
            case "$1" in
                --pytorch) read -ra pytorch <<<"$2" ;;
                *) declare "${1#--}=$2" ;;
            esac
            shift 2
            ;;
        -h | --help)
            sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        -*) stop "unknown option '$1'" "tests/gpu/check.sh --help lists them" ;;
        *)
            goldens+=("$1")
            shift
            ;;
    esac
done
[[ "$device" =~ ^(cpu|cuda:[0-9]+)$ ]] || stop "--device is '$device'; expected: cpu or cuda:N"
[[ "$scale" =~ ^(sd15|tiny)$ ]] || stop "--scale is '$scale'; expected: sd15 or tiny"
[[ "$frames" =~ ^[1-9][0-9]*$ ]] || stop "--frames is '$frames'; expected: 1 or more"
for part in ${only//,/ }; do
    [[ "$part" =~ ^(parity|bench|pytorch)$ ]] || stop "--only names '$part'; expected: parity, bench, pytorch"
done
for dtype in ${dtypes//,/ }; do
    [[ "$dtype" =~ ^(f32|f16|bf16)$ ]] || stop "--dtypes names '$dtype'; expected: f32, f16, bf16"
done
wants() { [[ ",$only," == *",$1,"* ]]; }

command -v "$python" >/dev/null || stop "no '$python' found; the table needs it" "Set PYTHON to one."
mkdir -p "$out"
out="$(cd "$out" && pwd)"
rm -f "$out"/parity.* "$out"/bench.* "$out"/pytorch.*
failed=0

needed=()
if wants parity; then needed+=(parity); fi
if wants bench; then needed+=(bench); fi
if wants bench && [[ -z "$models" ]]; then needed+=(synth); fi
for name in ${needed[@]+"${needed[@]}"}; do
    [[ -x "$programs/$name" ]] ||
        stop "there is no program '$programs/$name'" \
            "Build it with \`make cuda\` on a machine with Rust and bring the folder, or name another with --programs."
done
for folder in ${goldens[@]+"${goldens[@]}"}; do
    [[ -f "$folder/goldens.safetensors" && -d "$folder/checkpoint" ]] ||
        stop "'$folder' has no checkpoint/ and goldens.safetensors"
done

# --- The machine -------------------------------------------------------------------------------------------------

processor="$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)"
hardware="$processor, $(nproc) threads"
if [[ "$device" == cuda:* ]]; then
    command -v nvidia-smi >/dev/null || stop "no nvidia-smi found, so no NVIDIA driver; --device cpu only tries the script"
    gpu="$(nvidia-smi -i "${device#cuda:}" --query-gpu=name,driver_version,memory.total --format=csv,noheader)" ||
        stop "nvidia-smi knows no $device: $gpu"
    hardware="${gpu/, /, driver }, with $hardware"
    # PyTorch brings CUDA's libraries; a toolkit has them too. What is set already comes first.
    folders="$("$python" - <<'PY'
import glob, importlib.util
spec = importlib.util.find_spec("nvidia")
roots = list(spec.submodule_search_locations or []) if spec else []
print(":".join(sorted(folder for root in roots for folder in glob.glob(root + "/*/lib"))))
PY
)"
    export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folders:/usr/local/cuda/lib64"
fi
say "check: $hardware"

# --- Memory while a program runs -----------------------------------------------------------------------------------

# In MiB; 0 where the driver does not say.
gpu_used() {
    nvidia-smi -i "${device#cuda:}" --query-gpu=memory.used --format=csv,noheader,nounits | awk '{ print int($1) }'
}

# watched PEAK COMMAND...: runs it, and writes the most MiB it took into PEAK: on the GPU what came on top of what was
# in use before, on the processor its resident memory.
watched() {
    local peak="$1" before=0 highest=0 now pid status=0
    shift
    [[ "$device" == cpu ]] || before="$(gpu_used)"
    "$@" &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        if [[ "$device" == cpu ]]; then
            now="$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$pid/status" 2>/dev/null || true)"
        else
            now=$(($(gpu_used) - before))
        fi
        if [[ "${now:-0}" -gt "$highest" ]]; then highest="$now"; fi
        sleep 0.1
    done
    wait "$pid" || status=$?
    printf '%s\n' "$highest" >"$peak"
    return "$status"
}

# --- Parity ----------------------------------------------------------------------------------------------------------

if wants parity; then
    for folder in tests/goldens/*/ ${goldens[@]+"${goldens[@]}"}; do
        folder="${folder%/}"
        for dtype in ${dtypes//,/ }; do
            log="$out/parity.$(basename "$folder").$dtype.txt"
            n=2
            while [[ -e "$log" ]]; do
                log="$out/parity.$(basename "$folder")-$n.$dtype.txt"
                n=$((n + 1))
            done
            if "$programs/parity" --checkpoint "$folder/checkpoint" --goldens "$folder/goldens.safetensors" \
                --device "$device" --dtype "$dtype" >"$log" 2>&1; then
                printf '%s\t%s\tpasses\n' "$folder" "$dtype" >>"$out/parity.tsv"
            else
                printf '%s\t%s\tFAILS (%s)\n' "$folder" "$dtype" "$?" >>"$out/parity.tsv"
                failed=1
                say "check: parity fails for $folder in $dtype; the whole table is in $log, its end:"
                tail -n 12 "$log" >&2
            fi
        done
    done
fi

# --- Ours ------------------------------------------------------------------------------------------------------------

# measure LABEL DTYPE ARGUMENTS...
measure() {
    local name="$out/bench.$1.$2"
    local arguments=(--models "$models" --device "$device" --dtype "$2" --frames "$frames" "${@:3}" --json)
    if [[ "$scale" == tiny ]]; then arguments+=(--size 64); fi
    say "check: bench ${arguments[*]}"
    if ! watched "$name.mib" "$programs/bench" "${arguments[@]}" >"$name.jsonl" 2>"$name.log"; then
        failed=1
        say "check: it failed:"
        tail -n 12 "$name.log" >&2
    fi
}

if wants bench; then
    measured="$dtypes"
    if [[ -z "$models" ]]; then
        models="$(mktemp -d)"
        # shellcheck disable=SC2064  # the folder made here, whatever the variable says later
        trap "rm -rf '$models'" EXIT
        say "check: making random models of scale $scale"
        "$programs/synth" --scale "$scale" --lcm "$models" >&2 || {
            say "check: there are no models to measure with; synth's own words are above"
            failed=1 measured=""
        }
    fi
    for dtype in ${measured//,/ }; do
        measure parts "$dtype" --only unet_pass,unet_cfg_pair,unet_pass_reference,vae_decode
        measure 25-steps "$dtype" --only frames --steps 25 --guidance 3
        measure 25-steps-no-reference "$dtype" --only frames --steps 25 --guidance 3 --no-reference
        # One pass a step, as benches/pytorch.py does in frame_4_steps.
        measure 4-steps "$dtype" --only frames --steps 4 --guidance 1
    done
fi

# --- PyTorch -----------------------------------------------------------------------------------------------------------

if wants pytorch; then
    if missing="$("$python" -c 'import torch, diffusers' 2>&1)"; then
        for mode in eager compile; do
            for dtype in ${dtypes//,/ }; do
                name="$out/pytorch.$mode.$dtype"
                arguments=(--device "$device" --dtype "$dtype" --mode "$mode" ${pytorch[@]+"${pytorch[@]}"})
                say "check: benches/pytorch.py ${arguments[*]}"
                if ! watched "$name.mib" "$python" benches/pytorch.py "${arguments[@]}" >"$name.jsonl" 2>"$name.log"; then
                    # Not ours to fail for; the table shows the gap.
                    say "check: it failed:"
                    tail -n 6 "$name.log" >&2
                fi
            done
        done
    else
        say "check: no comparison with PyTorch: $(tail -n 1 <<<"$missing")"
    fi
fi

"$python" tests/gpu/table.py "$out" "$(date -u +%Y-%m-%d)" "$hardware" "$device" "$frames" | tee "$out/table.md" || failed=1
exit "$failed"
