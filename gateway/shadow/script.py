"""The script that takes one flush into Redis: whole or not at all, at most once, and never over a cap.

It runs as one step of the server, so that the caps hold however many machines write. The number of a worker's last
flush is kept beside what it brought: a flush that is sent again, as its answer was lost, is answered with `again` and
changes nothing. That number is written first. So should a write behind it be refused, in the middle (a key of another
type, a right that is missing), the rest of that flush is lost and is not counted twice.

Plain commands of Redis 6.2 and Valkey; names of keys are made here from a prefix, which Redis Cluster does not allow.
"""

from typing import Final

from gateway.compare.keys import PARTS
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
redis.call('SET', writer, number, 'EX', math.max(keep, 86400))
local now = tonumber(redis.call('TIME')[1])

local function forget(base, print)
  redis.call('HDEL', base .. 'differences', print)
  redis.call('HDEL', base .. 'samples', print)
  redis.call('ZREM', base .. 'first', print)
  redis.call('ZREM', base .. 'last', print)
  for _, name in ipairs(COUNTED) do redis.call('HDEL', base .. 'counts', print .. ' ' .. name) end
end

local function leave_out(base, what, count)
  redis.call('HINCRBY', base .. 'left_out', what, count)
end

local function take_pairs(base, part)
  local key = base .. 'pairs'
  for _, pair in ipairs(part.pairs) do redis.call('HINCRBY', key, pair[1], pair[2]) end
  for _, place in ipairs(part.places) do
    local both, legacy, new = 0, 0, 0
    local known = redis.call('HGET', key, place[1])
    if known then both, legacy, new = string.match(known, '^(%d+) (%d+) (%d+)$') end
    if known and both or redis.call('HLEN', key) < MAX_PLACES then
      local sums = {(both or 0) + place[2], (legacy or 0) + place[3], (new or 0) + place[4]}
      redis.call('HSET', key, place[1], string.format('%.0f %.0f %.0f', unpack(sums)))
    else
      leave_out(base, 'places', 1)
    end
  end
end

local function take_differences(base, part, wanted)
  local counts = base .. 'counts'
  for _, found in ipairs(part.found) do
    local print, fixed, first, last = unpack(found)
    local known = redis.call('HEXISTS', base .. 'differences', print) == 1
    if known or redis.call('HLEN', base .. 'differences') < MAX_DIFFERENCES then
      local before = known and redis.call('HGET', base .. 'differences', print) or NO_EXAMPLE
      if not known or found[8] and string.find(before, NO_EXAMPLE, 1, true) then
        redis.call('HSET', base .. 'differences', print, fixed)
      end
      if not known and not found[8] then wanted[#wanted + 1] = print end
      redis.call('ZADD', base .. 'first', 'LT', first, print)
      redis.call('ZADD', base .. 'last', 'GT', last, print)
      for name, count in pairs(found[5]) do redis.call('HINCRBY', counts, print .. ' ' .. name, count) end
      local far = found[6]
      local field = print .. ' FURTHEST'
      if far ~= '' and tonumber(far) >= tonumber(redis.call('HGET', counts, field) or '0') then
        redis.call('HSET', counts, field, far)
      end
    else
      leave_out(base, 'differences', found[7])
    end
  end
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
  if #shown == 0 then return leave_out(base, 'samples', 1) end
  redis.call('SET', prefix .. 'sample:' .. id, content, 'EX', keep)
  redis.call('ZADD', base .. 'kept', now + keep, id)
  for _, each in ipairs(shown) do redis.call('HSET', base .. 'samples', each[1], each[2]) end
end

local full, wanted = {}, {}
for feature, part in pairs(batch.features) do
  local base = prefix .. feature .. ':'
  for _, print in ipairs(redis.call('ZRANGEBYSCORE', base .. 'last', '-inf', now - keep)) do forget(base, print) end
  redis.call('HSETNX', base .. 'totals', 'since', now)
  redis.call('HSET', base .. 'totals', 'last', now)
  for outcome, count in pairs(part.totals) do redis.call('HINCRBY', base .. 'totals', outcome, count) end
  for what, count in pairs(part.left_out) do leave_out(base, what, count) end
  take_pairs(base, part)
  take_differences(base, part, wanted)
end
for index, sample in ipairs(batch.samples) do
  take_sample(prefix .. sample[1] .. ':', sample[2], sample[3], ARGV[index + 2], full)
end
for feature, _ in pairs(batch.features) do
  for _, name in ipairs(PARTS) do redis.call('EXPIRE', prefix .. feature .. ':' .. name, keep) end
end
return {'taken', full, wanted}
"""


def _list(words: tuple[str, ...]) -> str:
    return "{" + ", ".join(f"'{word}'" for word in words) + "}"


SCRIPT: Final = (
    _SCRIPT.replace("COUNTED", _list(COUNTED))
    .replace("PARTS", _list(PARTS))
    .replace("NO_EXAMPLE", "'\"example\":null'")
    .replace("FURTHEST", FURTHEST)
    .replace("MAX_DIFFERENCES", str(MAX_DIFFERENCES))
    .replace("MAX_SAMPLES_EACH", str(MAX_SAMPLES_EACH))
    .replace("MAX_SAMPLES", str(MAX_SAMPLES))
    .replace("MAX_PLACES", str(MAX_PLACES))
)
