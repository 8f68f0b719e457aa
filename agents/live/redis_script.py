"""The scripts that run inside Redis: one per heartbeat, one per host that is put in.

A host is one hash with short names, so that it stays small: s key digest, t state (a active,
p pending, f forked, g retired, v revoked), r root, b boot, n counter, p previous boot, m its
counter, l last seen, c configuration, o rotation due, x next key, u end of the present key while
there is a next one, f fresh until, y spool. While forked: v rival boot, w its counter, k speaker,
j streak, i switches. Times are seconds since 1970. ``agents.live.lineage`` says what is decided
here over boots.
"""

from typing import Final

# KEYS host, dirty set. ARGV key, boot, counter, root, now, member, etag held or '-', spool.
BEAT: Final = """
local k = redis.call('HMGET', KEYS[1],
  's', 't', 'r', 'b', 'n', 'p', 'm', 'c', 'o', 'x', 'u', 'f', 'y')
if not k[1] then return 'miss' end
if k[1] == '-' then return 'refused' end
local now, flags, state = tonumber(ARGV[5]), '', k[2]
if now > tonumber(k[12]) then
  redis.call('HSET', KEYS[1], 'f', now + 30)
  flags = 's'
end
local function said(word, more)
  if flags == '' and not more then return word end
  return word .. ';' .. flags .. ';' .. (more or '')
end
if k[1] ~= ARGV[1] then
  if not k[10] or k[10] ~= ARGV[1] then return said('refused') end
  redis.call('HSET', KEYS[1], 's', ARGV[1])
  redis.call('HDEL', KEYS[1], 'x', 'u', 'o')
  flags, k[9] = flags .. 'p', false
elseif k[10] and now > tonumber(k[11]) then
  return said('refused')
end
if state == 'g' then return said('gone') end
if state == 'v' then return said('revoked') end
local boot, n = ARGV[2], tonumber(ARGV[3])
redis.call('SADD', KEYS[2], ARGV[6])
if ARGV[8] ~= (k[13] or '') then redis.call('HSET', KEYS[1], 'y', ARGV[8]) end
local word = 'fine'
if state == 'f' then
  redis.call('HSET', KEYS[1], 'l', now)
  local v = redis.call('HMGET', KEYS[1], 'v', 'w', 'k', 'j', 'i')
  local counter = ARGV[3]
  if boot == k[4] then
    if n <= tonumber(k[5]) then return said('clone') end
    redis.call('HSET', KEYS[1], 'n', counter)
    k[5] = counter
  else
    if boot == v[1] and n <= tonumber(v[2] or '0') then return said('clone') end
    redis.call('HSET', KEYS[1], 'v', boot, 'w', counter)
    v[1], v[2] = boot, counter
  end
  local streak, switches = tonumber(v[4] or '0'), tonumber(v[5] or '0')
  if boot == v[3] then
    streak = streak + 1
  else
    streak = 1
    if v[3] and v[3] ~= '' then switches = switches + 1 end
  end
  redis.call('HSET', KEYS[1], 'k', boot, 'j', streak, 'i', switches)
  if streak < 3 or switches >= 2 then return said('clone') end
  if boot == k[4] then
    redis.call('HSET', KEYS[1], 't', 'a', 'p', v[1] or '', 'm', v[2] or '0')
  else
    redis.call('HSET', KEYS[1], 't', 'a', 'b', boot, 'n', counter,
      'p', k[4] or '', 'm', k[5] or '0')
  end
  redis.call('HDEL', KEYS[1], 'v', 'w', 'k', 'j', 'i')
  word = 'rolled_back'
elseif state == 'p' or not k[4] or k[4] == '' then
  redis.call('HSET', KEYS[1], 'l', now, 'b', boot, 'n', ARGV[3])
elseif boot == k[4] then
  if n > tonumber(k[5]) then
    redis.call('HSET', KEYS[1], 'l', now, 'n', ARGV[3])
  else
    redis.call('HSET', KEYS[1], 'l', now)
  end
elseif boot == k[6] and n <= tonumber(k[7] or '0') then
  redis.call('HSET', KEYS[1], 'l', now)
elseif boot == k[6] or n <= tonumber(k[5]) then
  redis.call('HSET', KEYS[1], 'l', now, 't', 'f', 'v', boot, 'w', ARGV[3],
    'k', boot, 'j', 0, 'i', 0)
  return said('forked')
else
  redis.call('HSET', KEYS[1], 'l', now, 'b', boot, 'n', ARGV[3], 'p', k[4], 'm', k[5])
end
if word == 'fine' and (k[3] or '') ~= ARGV[4] and state ~= 'p' then word = 'index_wanted' end
if k[9] and now >= tonumber(k[9]) then flags = flags .. 'r' end
if ARGV[7] ~= '-' and (k[8] or '') ~= ARGV[7] then return said(word, k[8] or '') end
return said(word)
"""

# KEYS host. ARGV life of ended hosts, fresh until, then key, state, root, boot, counter, previous
# boot, previous counter, rival, configuration, rotation due, next key, its time; empty or 0 is
# left out.
PUT: Final = """
local held = redis.call('HMGET', KEYS[1], 't', 'b')
local names = {'s', 't', 'r', 'b', 'n', 'p', 'm', 'v', 'c', 'o', 'x', 'u'}
local line = {b = true, n = true, p = true, m = true, v = true}
local stays = held[2] and held[2] ~= '' and (held[1] == 'f') == (ARGV[4] == 'f')
if not stays then redis.call('HDEL', KEYS[1], 'b', 'n', 'p', 'm', 'v', 'w', 'k', 'j', 'i') end
for place, name in ipairs(names) do
  local value = ARGV[place + 2]
  if not (stays and line[name]) then
    if value == '' or value == '0' then
      redis.call('HDEL', KEYS[1], name)
    else
      redis.call('HSET', KEYS[1], name, value)
    end
  end
end
if not stays then redis.call('HSET', KEYS[1], 'n', ARGV[7]) end
redis.call('HSET', KEYS[1], 'r', ARGV[5], 'f', ARGV[2])
if ARGV[4] == 'g' or ARGV[4] == 'v' then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
else
  redis.call('PERSIST', KEYS[1])
end
"""

# KEYS hosts. ARGV name, value, name, value, …: changes only the hosts that are known.
PATCH: Final = """
for _, host in ipairs(KEYS) do
  if redis.call('HEXISTS', host, 's') == 1 then
    for place = 1, #ARGV, 2 do
      if ARGV[place + 1] == '' or ARGV[place + 1] == '0' then
        redis.call('HDEL', host, ARGV[place])
      else
        redis.call('HSET', host, ARGV[place], ARGV[place + 1])
      end
    end
  end
end
"""
