-- Arguments: path, in which %d counts; how far, or 0: up, with nothing asked for twice.
local threads = {}
function setup(thread)
    threads[#threads + 1] = thread
    thread:set("number", #threads)
end
function init(args)
    path, count, asked, requests = args[1], tonumber(args[2]), 0, {}
    for i = 1, count do requests[i] = wrk.format(nil, path:format(i)) end
end
function request()
    asked = asked + 1
    if count > 0 then return requests[(asked - 1) % count + 1] end
    return wrk.format(nil, path:format(asked * 2 - number % 2))
end
function done(summary, latency)
    local e, asked = summary.errors, math.huge
    for _, thread in ipairs(threads) do asked = math.min(asked, 2 * thread:get("asked")) end
    print(("requests=%d bytes=%d wall=%.6f errors=%d p50=%d p99=%d asked=%d"):format(
        summary.requests, summary.bytes, summary.duration / 1e6,
        e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99), asked))
end
