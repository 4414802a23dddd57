-- Much garbage, of all sizes and kinds: cycles, weak tables, finalisers, generations.
local function tree(depth)
  if depth == 0 then return {} end
  return { tree(depth - 1), tree(depth - 1) }
end
local function count(node)
  if not node[1] then return 1 end
  return 1 + count(node[1]) + count(node[2])
end

for _, mode in ipairs { "incremental", "generational" } do
  collectgarbage(mode)
  local kept, total = {}, 0
  for round = 1, 12 do
    local t = tree(8)
    total = total + count(t)
    kept[round % 5] = t
  end
  print(mode, total)
end

local weak, finalised = setmetatable({}, { __mode = "v" }), 0
for i = 1, 1000 do
  local object = setmetatable({ i }, { __gc = function() finalised = finalised + 1 end })
  object.self = object
  weak[i] = object
end
collectgarbage()
collectgarbage()
print("finalised", finalised, "left", #weak)

local pieces = {}
for i = 1, 8000 do pieces[#pieces + 1] = ("%d:%x;"):format(i, i * 7) end
local text = table.concat(pieces)
local sum = 0
for number in text:gmatch("(%d+):") do sum = sum + tonumber(number) end
print("text", #text, sum)
collectgarbage()
print("memory came back", collectgarbage("count") < 4096)
