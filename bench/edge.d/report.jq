# Of each row a table: medians (least–most), and ratios of ours to each other's.
def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
    else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def digits($n): . * pow(10; $n) | round / pow(10; $n);
def short: if . == null then "–" elif . >= 1000 then digits(0) elif . >= 10 then digits(1) else digits(3) end;
def ours: . == "weir" or . == "weir-other";
def unique_in_order: reduce .[] as $it ([]; if index([$it]) then . else . + [$it] end);
def kinds: map(.what) | unique_in_order;
def values($what; $field): [.[] | select(.what == $what) | .[$field] | numbers];
# Of each round its own ratio: noise that lasts falls on both.
def ratio($a; $b; $field): . as $runs | [.[] | select(.what == $a) | . as $run
    | $runs[] | select(.what == $b and .round == $run.round and .[$field] > 0) | $run[$field] / .[$field]]
    | median | if . == null then "–" else digits(2) end;
def difference($a; $b; $field): . as $runs | [.[] | select(.what == $a) | . as $run
    | $runs[] | select(.what == $b and .round == $run.round) | $run[$field] - .[$field]] | median | digits(2);
def cell($what; $field): values($what; $field) | if length == 0 then "–" else "\(median | short) (\(min | short)–\(max | short))" end;
def pairs: . as $kinds | [$kinds[] | select(ours) as $a | $kinds[] | select(ours | not) | [$a, .]]
    + [$kinds[] | select(. == "weir-other") | ["weir", .]];
def line: "| " + join(" | ") + " |";

.conditions as $c
| "\($c.cores) cores (\($c.cpu)), Linux \($c.kernel), \($c.date); \($c.weir), nginx \($c.nginx)\($c.others); medians (least–most) of \($c.rounds) rounds of \($c.secs) s; load average in the end \($c.load)",
(.runs | map(.row) | unique_in_order[]) as $row
| [.runs[] | select(.row == $row)] | . as $runs | kinds as $kinds | ($kinds | pairs) as $pairs
| "",
    ([$row + " (by " + .[0].client + ")"] + $kinds + ($pairs | map(join(" / "))) | line),
    ([range(1 + ($kinds + $pairs | length)) | "---"] | line),
    ((.[0] | keys_unsorted - ["row", "what", "round", "client"])[] as $field
        | select($field != "errors" or any($runs[]; .errors > 0))
        | [$field] + [$kinds[] as $kind | $runs | cell($kind; $field)]
        + [$pairs[] as [$a, $b] | $runs | ratio($a; $b; $field)] | line),
    (if $row == "cost" then $kinds[1:][] as $kind
        | "\($kind): \($runs | difference($kind; $kinds[0]; "us_each")) µs a request over \($kinds[0])" else empty end),
    ([$kinds[] as $kind | select($runs | values($kind; "client_share") | (median // 0) > 0.5) | $kind]
        | if length > 0 then "The client took more CPU than all else with: \(join(", ")). Compare CPU there, not pace." else empty end)
