// What the events before say of the next one: the guesses of trace/report/history.hpp, and what they are off by, come
// to the columns that are 'predicted'. The two have to stay alike.

const pagesPerTable = 512;
function pageKey(pid, page) { return (pid % 2 ** 16) * 2 ** 36 + page % 2 ** 36; }

// Small numbers for keys up to 2^53, in the order of their first coming. (A Map of such keys is many times slower.)
class KeyIndex {
  constructor() {
    this.keys = [];
    this.makeRoom(1024);
  }

  makeRoom(size) {
    this.mask = size - 1;
    this.slots = new Int32Array(size).fill(-1);
    for (let index = 0; index < this.keys.length; ++index) this.slots[this.slotOf(this.keys[index])] = index;
  }

  // Where the key is, or would be.
  slotOf(key) {
    let slot = Math.imul((key | 0) ^ Math.floor(key / 2 ** 32), 0x9e3779b1) >>> 7 & this.mask;
    while (this.slots[slot] >= 0 && this.keys[this.slots[slot]] !== key) slot = slot + 1 & this.mask;
    return slot;
  }

  // -1: it has not come.
  find(key) { return this.slots[this.slotOf(key)]; }

  add(key) {
    const slot = this.slotOf(key);
    if (this.slots[slot] >= 0) return this.slots[slot];
    const index = this.slots[slot] = this.keys.length;
    this.keys.push(key);
    if (2 * this.keys.length > this.mask) this.makeRoom(2 * (this.mask + 1));
    return index;
  }
}

class History {
  constructor() {
    this.pages = new KeyIndex();
    // What became of a page, by its number in `pages`.
    this.fate = {frame: [], slot: [], evicted: []};
    this.tables = new KeyIndex();
    this.walks = [];
    this.frames = new KeyIndex();
    // What a frame holds, by its number in `frames`.
    this.holder = {isThere: [], pid: [], page: [], vma: [], time: [], slot: []};
    this.freed = [];
    this.evictions = 0;
    this.last = {before: 0, after: 0, pid: 0, page: 0, age: 0, newSlot: 0};
    // The guesses themselves, made anew by each call.
    this.fault = {walk: 0, before: 0, after: 0, refault: 0};
    this.reclaim = {pid: 0, page: 0, vma: 0, age: 0, slot: 0};
  }

  guessFault(pid, page, bits) {
    const {fate, fault, freed, last} = this;
    const table = this.tables.find(pageKey(pid, Math.floor(page / pagesPerTable)));
    fault.walk = table < 0 ? 0 : this.walks[table];
    const at = this.pages.find(pageKey(pid, page));
    fault.before = bits === 0 ? 0 : at < 0 ? last.before : fate.slot[at] !== 0 ? fate.slot[at] - 1 : fate.frame[at];
    fault.after = freed.length === 0 ? last.after : freed[freed.length - 1];
    fault.refault = at >= 0 && fate.evicted[at] !== 0 ? this.evictions - fate.evicted[at] + 1 : 0;
    return fault;
  }

  // `slot`: that the page came from, and 1.
  noteFault({pid, page, time, vma, walk, before, after, isPresent, slot, evicted}) {
    const {freed, holder, last} = this;
    if (freed.length > 0 && freed[freed.length - 1] === after)
      freed.pop();
    else if (evicted > 0)
      freed.length = 0;
    last.before = before;
    last.after = after;
    this.walks[this.tables.add(pageKey(pid, Math.floor(page / pagesPerTable)))] = walk;
    this.setFate(pid, page, after, 0, 0);
    if (!isPresent) return;
    const at = this.frames.add(after);
    if (holder.isThere[at] && holder.pid[at] === pid && holder.page[at] === page) return;
    holder.isThere[at] = true;
    holder.pid[at] = pid;
    holder.page[at] = page;
    holder.vma[at] = vma;
    holder.time[at] = time;
    holder.slot[at] = slot;
  }

  setFate(pid, page, frame, slot, evicted) {
    const at = this.pages.add(pageKey(pid, page));
    this.fate.frame[at] = frame;
    this.fate.slot[at] = slot;
    this.fate.evicted[at] = evicted;
  }

  // The number of what the frame holds; -1: it is not known.
  holderOf(frame) {
    const at = this.frames.find(frame);
    return at >= 0 && this.holder.isThere[at] ? at : -1;
  }

  guessReclaim(frame, flags, isFile, time) {
    const {holder, last, reclaim} = this;
    const at = this.holderOf(frame);
    reclaim.pid = at < 0 ? last.pid : holder.pid[at];
    reclaim.page = at < 0 ? last.page : holder.page[at] + 1;
    reclaim.vma = at < 0 ? 0 : holder.vma[at];
    reclaim.age = flags & reclaimFlag.writeBack ? 0 : at < 0 ? last.age : Math.max(0, time - holder.time[at]);
    reclaim.slot = at < 0 ? 0 : holder.slot[at];
    if (reclaim.slot === 0 && !isFile && !(flags & reclaimFlag.dropped)) reclaim.slot = last.newSlot + 1;
    return reclaim;
  }

  noteReclaim({frame, flags, pid, page, age, slot}) {
    const {holder, last} = this;
    const at = this.holderOf(frame);
    if (slot !== 0 && !(at >= 0 && holder.slot[at] === slot)) last.newSlot = slot;
    last.pid = pid;
    last.page = page;
    if (flags & reclaimFlag.writeBack) {
      if (at >= 0) holder.slot[at] = slot;
      return;
    }
    last.age = age;
    ++this.evictions;
    this.freed.push(frame);
    if (at >= 0) holder.isThere[at] = false;
    if (page !== 0) this.setFate(pid, page - 1, frame, slot, this.evictions);
  }
}

// The columns of a table by name: those that are there, and of predicted ones their differences and room for them.
function columnsOf(table, known, predicted) {
  const columns = {off: {}};
  for (const name of known) columns[name] = table.column(name);
  for (const name of predicted) {
    columns.off[name] = table.differences(name);
    columns[name] = table.emptyColumn(name);
    table.keep(name, columns[name]);
  }
  return columns;
}

// Faults and pages that left, in the order in which they were packed (trace/report/event_columns.cpp).
function decodePredicted(payload) {
  const {faults, reclaim, tasks, vmas} = payload.tables;
  const fault = columnsOf(
      faults, ['sequence', 'time', 'page', 'task', 'vma', 'before_bits', 'after_bits', 'evicted', 'slot'],
      ['walk', 'before', 'after', 'refault']);
  const left = columnsOf(
      reclaim, ['fault', 'flags', 'file', 'frame'], ['time', 'pid', 'page', 'file_page', 'age', 'slot']);
  const pids = tasks.column('pid');
  const [vmaPage, vmaFilePage] = ['page', 'pgoff'].map(name => vmas.column(name));
  const history = new History();
  let lastTime = 0;
  let lastFilePage = 0;
  let at = 0;

  const addReclaim = guessedTime => {
    const {off} = left;
    const [frame, flags, isFile] = [left.frame[at], left.flags[at], left.file[at] !== 0];
    const time = left.time[at] = guessedTime + off.time[at];
    const guess = history.guessReclaim(frame, flags, isFile, time);
    const pid = left.pid[at] = guess.pid + off.pid[at];
    const page = left.page[at] = guess.page + off.page[at];
    let filePage = 0;
    if (isFile) {
      const isMapped = guess.vma !== 0 && page > vmaPage[guess.vma];
      filePage = isMapped ? vmaFilePage[guess.vma] + page - 1 - vmaPage[guess.vma] : lastFilePage + 1;
    }
    left.file_page[at] = filePage + off.file_page[at];
    if (isFile) lastFilePage = left.file_page[at];
    const age = left.age[at] = guess.age + off.age[at];
    const slot = left.slot[at] = guess.slot + off.slot[at];
    history.noteReclaim({frame, flags, pid, page, age, slot});
    ++at;
  };

  const {off} = fault;
  for (let row = 0; row < faults.rows; ++row) {
    const number = fault.sequence[row];
    while (at < reclaim.rows &&
           (left.fault[at] < number || (left.fault[at] === number && left.flags[at] & reclaimFlag.forFault)))
      addReclaim(left.fault[at] === number ? fault.time[row] : lastTime);
    const pid = pids[fault.task[row]];
    const page = fault.page[row];
    const bits = fault.before_bits[row];
    const guess = history.guessFault(pid, page, bits);
    const walk = fault.walk[row] = guess.walk + off.walk[row];
    const before = fault.before[row] = guess.before + off.before[row];
    const after = fault.after[row] = guess.after + off.after[row];
    fault.refault[row] = guess.refault + off.refault[row];
    const time = lastTime = fault.time[row];
    const vma = fault.vma[row];
    const isPresent = (fault.after_bits[row] & entryBit.present) !== 0;
    const slot = slotCameFrom(fault.slot[row], before, bits) + 1;
    const evicted = fault.evicted[row];
    history.noteFault({pid, page, time, vma, walk, before, after, isPresent, slot, evicted});
  }
  while (at < reclaim.rows) addReclaim(lastTime);
}

// The swap slot that a fault's page came from; -1: none. `stored`: 0 for the one in the entry before, or it and 2.
function slotCameFrom(stored, before, bits) {
  if (stored > 0) return stored - 2;
  return isSwapEntry(bits) ? before : -1;
}
