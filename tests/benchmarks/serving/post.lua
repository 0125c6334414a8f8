-- Sends the requests in the files given after `--`, in turn, and ends with the figures as one line of JSON.

local requests, sent = {}, 0

function init(files)
  for _, name in ipairs(files) do
    local file = io.open(name, "rb")
    requests[#requests + 1] = file:read("*a")
    file:close()
  end
end

function request()
  sent = sent + 1
  return requests[sent % #requests + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"answers": %d, "microseconds": %d, "not_200": %d, "lost": %d, "p50": %d, "p99": %d, "p99.9": %d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
