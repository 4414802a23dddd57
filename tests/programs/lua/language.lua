-- Sorting, coroutines, closures, strings, numbers, errors, files and the environment.
local numbers, seed = {}, 1
for i = 1, 2000 do
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  numbers[i] = seed % 100000
end
table.sort(numbers)
local sorted = true
for i = 2, #numbers do sorted = sorted and numbers[i - 1] <= numbers[i] end
print("sorted", sorted, numbers[1], numbers[#numbers])
table.sort(numbers, function(a, b) return a > b end)
print("downwards", numbers[1], #numbers)

local function primes()
  return coroutine.wrap(function()
    local found = {}
    local n = 2
    while true do
      local is_prime = true
      for _, p in ipairs(found) do
        if p * p > n then break end
        if n % p == 0 then is_prime = false break end
      end
      if is_prime then
        found[#found + 1] = n
        coroutine.yield(n)
      end
      n = n + 1
    end
  end)
end
local next_prime, last = primes(), 0
for _ = 1, 300 do last = next_prime() end
print("the 300th prime", last)

local pool = {}
for i = 1, 100 do
  pool[i] = coroutine.create(function() for step = 1, 10 do coroutine.yield(i * step) end end)
end
local total = 0
for _ = 1, 10 do
  for _, co in ipairs(pool) do
    local _, value = coroutine.resume(co)
    total = total + value
  end
end
print("100 coroutines", total)

local function counter()
  local n = 0
  return function() n = n + 1 return n end
end
local a, b = counter(), counter()
a() a()
print("closures", a(), b())

print(("%5.3f|%-6s|%06d|%q|%x|%g"):format(math.pi, "ab", 42, 'a "b"\n', 255, 1e100))
print(("hello world"):gsub("o", "0"), ("key=value"):match("(%w+)=(%w+)"), ("abc"):rep(3, "-"), ("x"):byte())
print(7 // 2, -7 // 2, 7 % -3, 2 ^ 53, 1 // 0.0, math.maxinteger + 1 == math.mininteger, 3 | 4, "10" + 5)
print(utf8.len("héllo"), utf8.char(8364), #utf8.char(128512), string.pack(">I4", 258):byte(1, -1))
print(pcall(error, { code = 7 }), select("#", pcall(error)))
print(select(2, pcall(function() local x = nil; return x.field end)))
local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
local overflow = select(2, pcall(function() local function f() return 1 + f() end return f() end))
print("recursion", deep(10000), overflow:match("stack overflow"))

local name = os.tmpname()
local file = assert(io.open(name, "w+"))
for i = 1, 2000 do file:write(i, "\n") end
file:seek("set")
local lines, sum = 0, 0
for line in file:lines() do lines, sum = lines + 1, sum + tonumber(line) end
file:close()
print("file", lines, sum, os.remove(name), (io.open(name)))
print("time", os.date("!%Y-%m-%d %H:%M:%S", 1000000000), os.getenv("NOTHING"), os.time { year = 2001, month = 9, day = 9, hour = 12 } > 0)
local out = io.popen("echo from a shell; exit 3")
print(out:read("a"), out:close())
