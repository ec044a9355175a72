"""The script that takes one flush into Redis: at most once, and never over a cap.

It runs as one step of the server, so that the caps hold however many machines write. The number of a worker's last
flush is kept beside what it brought: a flush that is sent again, as its answer was lost, is answered with `again` and
changes nothing. That number is written first; where it is refused (no memory, a read-only replica, no right to give
keys an end), nothing was taken and the flush may be sent again. What is refused behind it (a key of another type, a
field that is no number, a right that is missing) is lost alone and never counted twice: each total, pair, difference
and sample is tried for itself, and what went wrong is answered by feature.

All that belongs to a difference is bounded by the number of `differences`. So it comes last into that hash and leaves
it last, and `mend` puts right what a server that evicts keys has torn apart: what counts belong to nothing goes, what
has no time of its own is as if it were seen now.

Plain commands of Redis 6.2 and Valkey; names of keys are made here from a prefix, which Redis Cluster does not allow.
"""

from typing import Final

from gateway.compare.keys import PAIRS_WRITTEN, PARTS
from gateway.compare.limits import MAX_DIFFERENCES, MAX_SAMPLES, MAX_SAMPLES_EACH
from gateway.compare.summary import FURTHEST, TOLD, TRAIT
from gateway.rules.pairs import MAX_PLACES
from gateway.rules.traits import TRAITS

COUNTED: Final = (*(outcome.value for outcome in TOLD), *(f"{TRAIT}{trait}" for trait in TRAITS), FURTHEST)
"""All fields that a difference may have in `counts`, behind its fingerprint and a blank."""

_SCRIPT = """
local writer, prefix, number = KEYS[1], KEYS[2], ARGV[1]
if tonumber(redis.call('GET', writer) or '0') >= tonumber(number) then return {'again'} end
local batch = cjson.decode(ARGV[2])
local keep = batch.keep
local now = tonumber(redis.call('TIME')[1])
redis.call('EXPIRE', writer, math.max(keep, 86400))
redis.call('SET', writer, number, 'EX', math.max(keep, 86400))

local problems, told = {}, {}
local function try(feature, step, ...)
  local well, problem = pcall(step, ...)
  if well or told[feature] then return end
  told[feature] = true
  local text = type(problem) == 'table' and problem.err or tostring(problem)
  problems[#problems + 1] = {feature, (string.gsub(text, '^@?user_script: ?%d+: ', ''))}
end

local function forget(base, print)
  redis.call('HDEL', base .. 'samples', print)
  for _, name in ipairs(COUNTED) do redis.call('HDEL', base .. 'counts', print .. ' ' .. name) end
  redis.call('ZREM', base .. 'first', print)
  redis.call('HDEL', base .. 'differences', print)
  redis.call('ZREM', base .. 'last', print)
end

local function forget_old(base)
  for _, print in ipairs(redis.call('ZRANGEBYSCORE', base .. 'last', '-inf', now - keep)) do forget(base, print) end
end

local function mend(base)
  local known = redis.call('HLEN', base .. 'differences')
  if known == 0 and redis.call('HLEN', base .. 'counts') > 0 then
    redis.call('DEL', base .. 'counts', base .. 'samples', base .. 'first', base .. 'last')
  elseif redis.call('ZCARD', base .. 'last') < known then
    for index, print in ipairs(redis.call('HGETALL', base .. 'differences')) do
      if index % 2 == 1 then redis.call('ZADD', base .. 'last', 'NX', now, print) end
    end
  end
end

local function begin(base)
  redis.call('HSETNX', base .. 'totals', 'since', now)
  redis.call('HSET', base .. 'totals', 'last', now)
end

local function add(key, field, count)
  redis.call('HINCRBY', key, field, count)
end

local function take_pair(key, pair)
  if redis.call('HEXISTS', key, pair[1]) == 1 or redis.call('HLEN', key) < 2 * MAX_PLACES then
    redis.call('HINCRBY', key, pair[1], pair[2])
  end
end

local function take_place(base, place)
  local key, both, legacy, new = base .. 'pairs', 0, 0, 0
  local known = redis.call('HGET', key, place[1])
  if known then both, legacy, new = string.match(known, '^(%d+) (%d+) (%d+)$') end
  if known or redis.call('HLEN', key) < MAX_PLACES then
    local sums = {(both or 0) + place[2], (legacy or 0) + place[3], (new or 0) + place[4]}
    redis.call('HSET', key, place[1], string.format('%.0f %.0f %.0f', unpack(sums)))
  else
    add(base .. 'left_out', 'places', 1)
  end
end

local function tell_pairs(base)
  redis.call('HSET', base .. 'totals', 'PAIRS_WRITTEN', writer .. ' ' .. number)
end

local function take_difference(base, found, wanted)
  local print, fixed, first, last = unpack(found)
  local known = redis.call('HGET', base .. 'differences', print)
  if not known and redis.call('HLEN', base .. 'differences') >= MAX_DIFFERENCES then
    return add(base .. 'left_out', 'differences', found[7])
  end
  local counts = base .. 'counts'
  for name, count in pairs(found[5]) do redis.call('HINCRBY', counts, print .. ' ' .. name, count) end
  local far, field = found[6], print .. ' FURTHEST'
  if far ~= '' and tonumber(far) >= (tonumber(redis.call('HGET', counts, field) or '0') or 0) then
    redis.call('HSET', counts, field, far)
  end
  if not known or found[8] and string.find(known, NO_EXAMPLE, 1, true) then
    redis.call('HSET', base .. 'differences', print, fixed)
  end
  if not known and not found[8] then wanted[#wanted + 1] = print end
  redis.call('ZADD', base .. 'first', 'LT', first, print)
  redis.call('ZADD', base .. 'last', 'GT', last, print)
end

local function take_sample(base, id, prints, content, full)
  redis.call('ZREMRANGEBYSCORE', base .. 'kept', '-inf', now)
  local room = redis.call('ZCARD', base .. 'kept') < MAX_SAMPLES
  local shown = {}
  for _, print in ipairs(prints) do
    if redis.call('HEXISTS', base .. 'differences', print) == 1 then
      local ids = {}
      for known in string.gmatch(redis.call('HGET', base .. 'samples', print) or '', '%S+') do
        if redis.call('ZSCORE', base .. 'kept', known) then ids[#ids + 1] = known end
      end
      if room and #ids < MAX_SAMPLES_EACH then
        ids[#ids + 1] = id
        shown[#shown + 1] = {print, table.concat(ids, ' ')}
      end
      if not room or #ids >= MAX_SAMPLES_EACH then full[#full + 1] = print end
    else
      full[#full + 1] = print
    end
  end
  if #shown == 0 then return add(base .. 'left_out', 'samples', 1) end
  redis.call('SET', prefix .. 'sample:' .. id, content, 'EX', keep)
  redis.call('ZADD', base .. 'kept', now + keep, id)
  for _, each in ipairs(shown) do redis.call('HSET', base .. 'samples', each[1], each[2]) end
end

local full, wanted = {}, {}
for feature, part in pairs(batch.features) do
  local base = prefix .. feature .. ':'
  try(feature, forget_old, base)
  try(feature, mend, base)
  try(feature, begin, base)
  for outcome, count in pairs(part.totals) do try(feature, add, base .. 'totals', outcome, count) end
  for what, count in pairs(part.left_out) do try(feature, add, base .. 'left_out', what, count) end
  for _, pair in ipairs(part.pairs) do try(feature, take_pair, base .. 'pairs', pair) end
  for _, place in ipairs(part.places) do try(feature, take_place, base, place) end
  if #part.pairs > 0 then try(feature, tell_pairs, base) end
  for _, found in ipairs(part.found) do try(feature, take_difference, base, found, wanted) end
end
for index, sample in ipairs(batch.samples) do
  try(sample[1], take_sample, prefix .. sample[1] .. ':', sample[2], sample[3], ARGV[index + 2], full)
end
for feature, _ in pairs(batch.features) do
  for _, name in ipairs(PARTS) do try(feature, redis.call, 'EXPIRE', prefix .. feature .. ':' .. name, keep) end
end
return {'taken', full, wanted, problems}
"""


def _list(words: tuple[str, ...]) -> str:
    return "{" + ", ".join(f"'{word}'" for word in words) + "}"


SCRIPT: Final = (
    _SCRIPT.replace("COUNTED", _list(COUNTED))
    .replace("PARTS", _list(PARTS))
    .replace("NO_EXAMPLE", "'\"example\":null'")
    .replace("FURTHEST", FURTHEST)
    .replace("PAIRS_WRITTEN", PAIRS_WRITTEN)
    .replace("MAX_DIFFERENCES", str(MAX_DIFFERENCES))
    .replace("MAX_SAMPLES_EACH", str(MAX_SAMPLES_EACH))
    .replace("MAX_SAMPLES", str(MAX_SAMPLES))
    .replace("MAX_PLACES", str(MAX_PLACES))
)
