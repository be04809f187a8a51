#!/bin/sh
# Runs both targets at the same time, for the given seconds; seed 0 is a new one each time. New inputs are kept beside the seeds; a finding is left in the
# folder of its target, and its end of the output is shown.
set -u
folder=$1 triple=$2 seconds=$3 seed=$4
failed=0
for target in host virtual_module; do
    mkdir -p "$folder/corpus/$target" "$folder/findings"
    "$folder/$triple/release/$target" -max_total_time="$seconds" -seed="$seed" -timeout=20 -rss_limit_mb=2048 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$folder/findings/$target-" \
        "$folder/corpus/$target" "$folder/seeds/$target" >"$folder/$target.log" 2>&1 &
    eval "$target=$!"
done
for target in host virtual_module; do
    eval "process=\$$target"
    if wait "$process"; then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/$target.log") executions," \
            "coverage $(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$folder/$target.log" | tail -1), no finding"
    else
        failed=1
        echo "$target: a finding, see $folder/findings and $folder/$target.log" >&2
        tail -40 "$folder/$target.log" >&2
    fi
done
exit $failed
